package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"sync"
)

const (
	readBuffer = 64 << 10
	maxLine    = 4 << 10 // a chunk header or trailer line
	maxChunk   = 1 << 50 // only guards the arithmetic: chunks are streamed
)

// readers lends the buffers of chunked bodies; it holds no state of any body.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

// A chain is the sequence of signatures that ties chunks to their request and
// to their order: each one signs the one before.
type chain struct {
	signer *signer
	last   string
}

func newChain(s *signer, mode Mode, seed string) *chain {
	if mode != ModeStreamingSigned && mode != ModeStreamingSignedTrailer {
		return nil
	}
	return &chain{s, seed}
}

// next verifies that sig signs the next link.
func (c *chain) next(sig []byte, kind string, lines ...string) error {
	want := c.signer.sign(c.signer.stringToSign(kind, append([]string{c.last}, lines...)...))
	if !same(want, string(sig)) {
		return mismatch()
	}
	c.last = want
	return nil
}

// chunked decodes aws-chunked:
//
//	body    = *chunk last ( CRLF | trailers )
//	chunk   = size [";chunk-signature=" sig] CRLF size-bytes CRLF
//	last    = "0" [";chunk-signature=" sig] CRLF
//
// and nothing after it. CRLF is not optional. Data is handed out while its
// chunk is being read, so chunks need no memory; the last byte of a chunk is
// held back until the chunk's signature was verified.
type chunked struct {
	br        *bufio.Reader // nil once err is set
	mode      Mode
	chain     *chain    // nil if chunks are not signed
	sum       hash.Hash // of the current chunk, if chained
	sig       []byte    // of the current chunk
	left      int64     // bytes of the current chunk
	open      bool      // a chunk was read whose CRLF was not
	size      int64     // declared total, -1 unknown
	total     int64     // of all chunk sizes seen
	announced []string
	trailer   http.Header
	err       error // sticky
}

func newChunked(src io.Reader, size int64, mode Mode, ch *chain) *chunked {
	c := &chunked{mode: mode, chain: ch, size: size}
	if ch != nil {
		c.sum = sha256.New()
	}
	c.br = readers.Get().(*bufio.Reader)
	c.br.Reset(src)
	return c
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.read(p)
	if err != nil {
		c.err = err
		c.br.Reset(nil)
		readers.Put(c.br)
		c.br = nil
	}
	return n, err
}

func (c *chunked) read(p []byte) (int, error) {
	for c.left == 0 {
		if err := c.header(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.br.Read(p)
	c.left -= int64(n)
	if c.chain != nil {
		c.sum.Write(p[:n])
	}
	if err != nil && c.left > 0 {
		return n, brokeOff(err)
	}
	if c.left == 0 {
		if err := c.endChunk(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// header reads up to the next chunk's data, or to the end of the body, which
// is io.EOF.
func (c *chunked) header() error {
	if c.open {
		if err := c.crlf(); err != nil {
			return err
		}
		c.open = false
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return badChunk()
	}
	digits := line
	if c.chain != nil {
		var sig []byte
		if digits, sig, ok = bytes.Cut(line, []byte(";chunk-signature=")); !ok || !isSignature(string(sig)) {
			return badChunk()
		}
		c.sig = append(c.sig[:0], sig...)
	}
	n, err := parseChunkSize(digits)
	if err != nil {
		return err
	}
	c.total += n
	switch {
	case c.total > maxChunk, c.size >= 0 && c.total > c.size:
		return incomplete(nil)
	case n == 0:
		return c.last()
	}
	c.left, c.open = n, true
	return nil
}

// parseChunkSize is strict: strconv alone would take signs and underscores.
func parseChunkSize(digits []byte) (int64, error) {
	if len(digits) == 0 || len(digits) > 15 {
		return 0, badChunk()
	}
	for _, d := range digits {
		if !('0' <= d && d <= '9' || 'a' <= d && d <= 'f' || 'A' <= d && d <= 'F') {
			return 0, badChunk()
		}
	}
	n, err := strconv.ParseInt(string(digits), 16, 64)
	if err != nil || n > maxChunk {
		return 0, badChunk()
	}
	return n, nil
}

// endChunk verifies the chunk just read.
func (c *chunked) endChunk() error {
	if c.chain == nil {
		return nil
	}
	var sum [sha256.Size]byte
	c.sum.Sum(sum[:0])
	c.sum.Reset()
	return c.chain.next(c.sig, algorithm+"-PAYLOAD", emptySHA256, hex.EncodeToString(sum[:]))
}

// last checks everything after the final chunk's header.
func (c *chunked) last() error {
	if c.size >= 0 && c.total < c.size {
		return incomplete(io.ErrUnexpectedEOF)
	}
	if err := c.endChunk(); err != nil {
		return err
	}
	end := c.trailers
	if c.mode == ModeStreamingSigned {
		end = c.crlf
	}
	if err := end(); err != nil {
		return err
	}
	for _, name := range c.announced {
		if c.trailer.Get(name) == "" {
			return badTrailer()
		}
	}
	switch _, err := c.br.ReadByte(); {
	case err == nil:
		return refuse("InvalidRequest", "The body continues after its final chunk.")
	case err != io.EOF:
		return brokeOff(err)
	}
	return io.EOF
}

func (c *chunked) crlf() error {
	for _, want := range []byte("\r\n") {
		switch got, err := c.br.ReadByte(); {
		case err != nil:
			return brokeOff(err)
		case got != want:
			return badChunk()
		}
	}
	return nil
}

// line reads up to and with the next line feed; valid until the next read.
func (c *chunked) line() ([]byte, error) {
	line, err := c.br.ReadSlice('\n')
	switch {
	case len(line) > maxLine || errors.Is(err, bufio.ErrBufferFull):
		return nil, badChunk()
	case err != nil:
		return nil, brokeOff(err)
	}
	return line, nil
}

// brokeOff turns an end in the middle into a refusal; other read errors, such
// as a limit of the server's own, keep their identity.
func brokeOff(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return incomplete(io.ErrUnexpectedEOF)
	}
	return err
}

func badChunk() *Error {
	return refuse("InvalidChunkSizeError", "The body is not well-formed aws-chunked encoding.")
}
