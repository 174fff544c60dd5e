// Package explain answers one question: why does this object not have all its
// Filecoin deals yet, and what happens next, when?
//
// It puts together what buckets knows of the object's zone, what deals knows of
// its pieces, deals and providers, and the jobs that are to run, and says it in
// sentences, the most important first. It changes nothing and asks nobody
// outside: every word stands on rows of now.
package explain
