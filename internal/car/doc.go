// Package car is the framing of CAR files: the header and the sections of a
// CARv1, and the envelope that a CARv2 puts around one.
//
// Specification: https://ipld.io/specs/transport/car/.
//
// Reader trusts nothing: no length makes it allocate more than its limits, a
// file that ends inside a section is not the end of the file, and what it does
// not know it refuses. It does not hash: who takes blocks from it compares them
// with their CIDs. It takes no index for true; that of a CARv2 is skipped.
//
// What it never does: seek, keep blocks, or look into them.
package car
