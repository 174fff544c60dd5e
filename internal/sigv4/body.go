package sigv4

import (
	"hash"
	"net/http"
)

// A Body reads a decoded payload. It is not safe for concurrent use.
type Body struct{}

// Read returns decoded bytes, io.EOF only after all framing was checked, or an
// error, which is an *Error if the client is at fault.
func (b *Body) Read(p []byte) (int, error) { panic("unwritten") }

// Size returns the decoded length that the client declared, -1 if none.
func (b *Body) Size() int64 { panic("unwritten") }

// Hash returns the hash to which the caller must write every byte read before
// it calls Verify, so that hashing can run beside other work; nil if the
// client did not sign the payload's SHA-256.
func (b *Body) Hash() hash.Hash { panic("unwritten") }

// Verify checks, after io.EOF, what only the end can show: the length, the
// payload's hash, and that every announced trailer arrived. If io.EOF has not
// been seen it reads on, and any byte it finds is an error.
func (b *Body) Verify() error { panic("unwritten") }

// Trailer returns the trailers received; complete only after io.EOF.
func (b *Body) Trailer() http.Header { panic("unwritten") }

// ReadAll reads, hashes and verifies a payload of at most limit bytes.
func (b *Body) ReadAll(limit int64) ([]byte, error) { panic("unwritten") }

// StripChunked returns a Content-Encoding without aws-chunked, which describes
// the transfer and not the object.
func StripChunked(encoding string) string { panic("unwritten") }
