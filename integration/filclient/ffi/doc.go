// Package ffi stands in for filecoin-ffi, Go's binding to the Rust library
// that seals and proves sectors, so that filclient builds without Rust.
//
// filclient reaches that library only because Lotus' packages name it. What a
// client of storage needs is here in Go and really computed: BLS signatures and
// piece commitments. What only a storage provider or a full node needs (sealing,
// proving, the virtual machine) returns ErrNotHere.
//
// Everything fails closed: nothing here ever says that something is valid
// which it has not verified.
package ffi

import "errors"

// ErrNotHere is returned by all that needs the Rust library.
var ErrNotHere = errors.New("filecoin-ffi: sealing, proofs and the FVM are not part of this build")

// Version is the generation of the binding that Lotus checks at its start.
const Version int = 3
