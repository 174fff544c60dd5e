// Package cors is the cross-origin rules of a bucket: S3's CORSConfiguration,
// which of its rules is for a request, and the response headers that it makes.
//
// Rules are tried in order and the first that matches decides. A rule allows a
// request's origin by a pattern of at most one wildcard, its method by name,
// and in a preflight every header that the page wants to send, by a pattern
// again, in any case. Names of response headers that a page may read are
// written out, as S3 wants them; ETag and x-amz-meta-cid are nothing special.
//
// A Configuration is made by decoding XML into it, which whoever reads the
// request does with the limits of its own, and by Validate. Nothing here knows
// buckets or keeps state; CORS decides what a browser shows a page, never
// whether a request is allowed.
package cors
