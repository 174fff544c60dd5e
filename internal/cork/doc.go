// Package cork sends an HTTP answer of a few KiB in one write.
//
// net/http gathers an answer in a buffer of 4 KiB, so that a body of 4 KiB and
// its head are two writes, and often two reads for the client: most of what a
// small answer costs. Here the first write waits for what follows it, until the
// handler returns or flushes, or there is more than a few KiB. Then all goes out
// at once.
//
// Nothing waits before the answer has begun: what the server sends to have the
// body of a request, or to tell of an answer to come, goes at once. Over HTTP/2
// nothing waits at all. A connection that takes an answer only in part is closed.
package cork
