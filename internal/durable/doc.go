// Package durable changes files so that a crash leaves either the old state or
// the new one, and so that the new one stays once a call has returned.
//
// A file is written beside its final name, synced, moved into place, and then
// its directory is synced: without the last step the name itself may be gone
// after a power cut. A crash on the way leaves at most a file whose name ends
// in TempPattern, which Clean removes.
//
// Nothing here locks: two writers of one path must agree among themselves,
// except that of two Create calls exactly one succeeds.
package durable
