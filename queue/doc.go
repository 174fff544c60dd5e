// Package queue keeps durable jobs and runs them: at their time, again after a
// failure, and again after a crash.
//
// A job is a kind and an id; a kind has a handler. A job waits until it is due,
// runs, and then is gone (nil), waits for a time the handler named (Later), or
// waits for a back-off that doubles with each failure in a row. Why it waits and
// until when can be read at any time.
//
// Adding a job that exists makes it due earlier; adding one that is running
// makes it run once more afterwards, so an Add that commits is always followed
// by a whole run that starts after it, also if the commit was reported as failed.
//
// A job never runs twice at once, and its outcome is durable before it runs
// again. A crash repeats the runs it interrupted, and those whose outcome was
// not durable yet: handlers are idempotent. A stop cancels the handlers, waits
// for them, and leaves the unfinished jobs due; it does not count as a failure.
//
// The rows in the store are the truth. In memory is only which jobs run now, no
// list of waiting jobs. A kind sleeps until a commit, a finished run or the due
// time of its first job wakes it; that it looks every ten seconds, too, is for a
// commit that failed after it was applied, which wakes nobody. Kinds have workers
// of their own and never wait for each other.
//
// Due times are the clock's, which may be set. When it jumps ahead, or the
// machine has slept, what became due runs at once; when it jumps back, jobs wait
// no longer than they would have: each row says when it was written, and one from
// the future is moved to the present. That is looked for at every start, too.
//
// One process runs the jobs of a store.
package queue
