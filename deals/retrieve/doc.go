// Package retrieve brings blocks back from the providers that hold their pieces.
//
// A Restore finds the blocks of a content through the layout of its zone's
// pieces, asks for those that are not here in byte ranges of a piece, and
// stores them. What a provider does not give, the next one is asked for; if
// none serves the piece, they are asked for the content's CAR. Block does the
// same for one block, for a piece that is being read, and stores nothing.
//
// Bytes are used only after they were checked against the CID that was asked
// for; a provider that lies is one that failed. One that failed lately is
// asked last, and one that stalls or trickles is given up, but no longer than
// its own bytes are waited for: a slow reader is not a slow provider.
// A provider cannot send a request to another host than its own.
//
// Who holds a piece is for Holders to know: there are no deals here.
package retrieve
