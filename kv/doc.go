// Package kv is an ordered key-value store with serialisable transactions: the
// one place where the program keeps its metadata.
//
// A transaction is a function. View runs it on a snapshot. Update runs it, makes
// what it wrote durable, and only then returns nil; a transaction is either
// there as a whole after a crash or not at all. The outcome is as if the
// transactions had run one after the other. Transactions do not nest: a function
// that calls View or Update on its own store may wait for ever.
//
// Keys are byte strings. Key builds them from typed parts so that their order is
// the order of the parts; each package keeps its rows under a first part of its
// own and reads nobody else's.
//
// Updates run one after another, and those that wait for the same sync become
// durable together, as one group. Members of a group do not see each other fail:
// what a failing function wrote is gone before the next one runs. If the sync of
// a group fails, each of its members gets that error. An error that leaves
// unclear what is on the disk makes the store refuse further Updates with
// ErrBroken until it is opened again; a full disk does not.
//
// There are two drivers. Pebble keeps a directory with a log and sorted tables:
// what an Update writes goes to the log, one sync for a group, and the next
// group runs meanwhile; Views see what is durable. Bolt keeps a tree in one file
// and writes the pages that change anew, with two syncs for a group. One process
// has a store open.
//
// Other drivers must pass the suite in kvtest.
package kv
