// Package filclient makes deals with filclient, Estuary's deal client, which
// runs as a process of its own: the program whypfs-filclient, whose module is
// integration/filclient.
//
// A Client keeps one such process running while Run runs. A process that ends
// is started again, at once at first and ever more slowly when it ends again
// and again. Questions wait for a start under way; while a pause is made they
// fail with ErrDown, and why.
//
// The process gets the wallet's key, which it signs with, as the first line of
// its standard input: it stands on no command line and in no environment, of
// which the process sees no more than it needs. When the node ends, however it
// ends, that input ends, and with it the process.
//
// What it answers is a provider's word, as of any engine. Errors say whether a
// provider may have read the question (mk12.ErrReached); also the death of the
// process in the middle of one is such an error.
package filclient
