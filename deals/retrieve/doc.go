// Package retrieve brings blocks back from the providers that hold their pieces.
//
// A Recall finds the blocks of a content through the layout of its zone's
// pieces and brings them back in windows, byte ranges of a piece: the one that a
// reader waits for, and with it those ahead of it, each from the provider that
// can be expected to be the soonest. A block is a reader's as soon as it has
// come, and is stored with others. All readers of a content share one Recall. A
// Restore is a Recall that wants all of it. The bytes on their way are bounded
// for all, readers come before restores and both before what may be wanted next.
//
// What a provider does not give, the next one is asked for; if none serves the
// piece, they are asked for the content's CAR, which all windows read on in, and
// then, of public content only, other nodes of IPFS. Block asks the providers
// for one block of a piece that is being read, and stores nothing.
//
// Bytes are used only after they were checked against the CID that was asked
// for; a provider that lies is one that failed. One that failed lately is
// asked last, and one that stalls or trickles is given up, soon if a reader waits
// and others can be asked, but no longer than its own bytes are waited for: a slow reader is not a slow provider.
// A provider cannot send a request to another host than its own.
//
// Who holds a piece is for Holders to know: there are no deals here.
package retrieve
