package sigv4

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"hash"
	"io"
	"net/http"
)

// A Body reads a decoded payload. It is not safe for concurrent use.
type Body struct {
	src    io.Reader // decoded
	size   int64     // declared, -1 unknown
	read   int64
	hash   hash.Hash // nil unless the client signed want
	want   []byte
	chunks *chunked // src, if framed
	err    error    // what ended the reading; sticky
}

// Read returns decoded bytes, io.EOF only after all framing was checked, or an
// error, which is an *Error if the client is at fault.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	b.read += int64(n)
	switch {
	case b.size >= 0 && b.read > b.size:
		n, err = 0, incomplete(nil)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = asRefusal(err)
	case err == io.EOF && b.size >= 0 && b.read < b.size:
		err = incomplete(io.ErrUnexpectedEOF)
	}
	b.err = err
	return n, err
}

// asRefusal makes a body that broke off the client's fault, once.
func asRefusal(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	return incomplete(err)
}

// Size returns the decoded length that the client declared, -1 if none.
func (b *Body) Size() int64 { return b.size }

// Hash returns the hash to which the caller must write every byte read before
// it calls Verify, so that hashing can run beside other work; nil if the
// client did not sign the payload's SHA-256. Whoever has computed that of all
// that was read may call the hash's SetSHA256(sum []byte) instead.
func (b *Body) Hash() hash.Hash { return b.hash }

// A payloadHash is SHA-256, or the sum that it was told.
type payloadHash struct {
	hash.Hash
	sum []byte
}

func (h *payloadHash) SetSHA256(sum []byte) { h.sum = bytes.Clone(sum) }

func (h *payloadHash) Sum(b []byte) []byte {
	if h.sum != nil {
		return append(b, h.sum...)
	}
	return h.Hash.Sum(b)
}

// Verify checks, after io.EOF, what only the end can show: the length, the
// payload's hash, and that every announced trailer arrived. If io.EOF has not
// been seen it reads on, and any byte it finds is an error.
func (b *Body) Verify() error {
	var one [1]byte
	for b.err == nil {
		if n, _ := b.Read(one[:]); n > 0 {
			b.err = incomplete(errors.New("payload was not read to its end"))
		}
	}
	if b.err != io.EOF {
		return b.err
	}
	if b.hash != nil && !hmac.Equal(b.hash.Sum(nil), b.want) {
		return refuse("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return nil
}

// Trailer returns the trailers received; complete only after io.EOF.
func (b *Body) Trailer() http.Header {
	if b.chunks == nil || b.chunks.trailer == nil {
		return http.Header{}
	}
	return b.chunks.trailer
}

// ReadAll reads, hashes and verifies a payload of at most limit bytes.
func (b *Body) ReadAll(limit int64) ([]byte, error) {
	tooLong := refuse("MaxMessageLengthExceeded", "Your request was too big.")
	if b.size > limit {
		return nil, tooLong
	}
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(b, limit+1))
	switch {
	case err != nil:
		return nil, err
	case n > limit:
		return nil, tooLong
	}
	if b.hash != nil {
		b.hash.Write(buf.Bytes())
	}
	if err := b.Verify(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
