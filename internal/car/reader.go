package car

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-varint"
)

// ErrFormat says that a file is no CAR, or one beyond the limits; wrapped with
// what is wrong. Errors of the io.Reader behind are returned as they are.
var ErrFormat = errors.New("malformed CAR")

const (
	// maxHeader bounds the header of a CARv1; one with a single root takes 60 bytes.
	maxHeader = 64 << 10
	// maxCID bounds the CID of a section: a digest of 128 bytes and what is before it.
	maxCID = 160
	// pragma begins a CARv2: the header of a CARv1 that says {"version": 2}.
	pragma = "\x0a\xa1\x67version\x02"
	// v2Header is the size of what follows it.
	v2Header = 40
)

// A Reader reads the blocks of a CARv1, or of the one in a CARv2, in one pass.
type Reader struct {
	Roots   []cid.Cid
	Version int // of the file: 1 or 2

	src      *source
	in       *bufio.Reader // of src
	maxBlock int
	left     int64 // bytes of the payload that are not read; -1: it ends with the file
}

// NewReader reads the header of a CAR whose blocks have at most maxBlock bytes.
func NewReader(r io.Reader, maxBlock int) (*Reader, error) {
	src := &source{r: r}
	cr := &Reader{Version: 1, src: src, in: bufio.NewReaderSize(src, 64<<10), maxBlock: maxBlock, left: -1}
	// A file too short for the pragma may still be a CAR, or what Peek fails with is told below.
	if start, _ := cr.in.Peek(len(pragma)); string(start) == pragma {
		if err := cr.envelope(); err != nil {
			return nil, err
		}
	}
	n, err := cr.length()
	if err == io.EOF {
		return nil, malformed("it is empty")
	}
	if err != nil {
		return nil, err
	}
	if n == 0 || n > maxHeader {
		return nil, malformed("its header would have %d bytes", n)
	}
	head := make([]byte, n)
	if err := cr.full(head); err != nil {
		return nil, err
	}
	cr.Roots, err = parseHeader(head)
	return cr, err
}

// envelope reads the header of a CARv2 and goes to where its payload begins.
func (r *Reader) envelope() error {
	var b [len(pragma) + v2Header]byte
	if err := r.full(b[:]); err != nil {
		return err
	}
	offset := binary.LittleEndian.Uint64(b[len(pragma)+16:])
	size := binary.LittleEndian.Uint64(b[len(pragma)+24:])
	if offset < uint64(len(b)) || offset > 1<<62 || size == 0 || size > 1<<62 {
		return malformed("its payload would have %d bytes at %d", size, offset)
	}
	if err := r.skip(int64(offset) - int64(len(b))); err != nil {
		return err
	}
	r.Version, r.left = 2, int64(size)
	return nil
}

// Next returns the next block, or io.EOF at the end of the payload. The data
// is the caller's to keep; it is not compared with the CID.
func (r *Reader) Next() (cid.Cid, []byte, error) {
	n, err := r.length()
	if err != nil {
		return cid.Undef, nil, err
	}
	if n == 0 {
		return cid.Undef, nil, malformed("it has a section without a CID")
	}
	if n > uint64(r.maxBlock+maxCID) {
		return cid.Undef, nil, malformed("it has a section of %d bytes; blocks may have %d", n, r.maxBlock)
	}
	b := make([]byte, n)
	if err := r.full(b); err != nil {
		return cid.Undef, nil, err
	}
	k, c, err := cid.CidFromBytes(b)
	if err != nil {
		return cid.Undef, nil, malformed("it has a section whose CID cannot be read: %v", err)
	}
	if k > maxCID || len(b)-k > r.maxBlock {
		return cid.Undef, nil, malformed("block %s has %d bytes; %d are allowed", c, len(b)-k, r.maxBlock)
	}
	return c, b[k:], nil
}

// Drain reads the file to its end, past the index of a CARv2.
func (r *Reader) Drain() error {
	_, err := io.Copy(io.Discard, r.in)
	return err
}

// length reads the varint before a section; io.EOF means that there is no more.
func (r *Reader) length() (uint64, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := varint.ReadUvarint(r)
	switch {
	case err == io.EOF && r.left <= 0:
		return 0, io.EOF // a varint cut inside is io.ErrUnexpectedEOF
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return 0, r.cut()
	case errors.Is(err, varint.ErrOverflow), errors.Is(err, varint.ErrNotMinimal):
		return 0, malformed("it has a section whose length cannot be read: %v", err)
	}
	return n, err
}

// ReadByte implements io.ByteReader for varints within the payload.
func (r *Reader) ReadByte() (byte, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	b, err := r.in.ReadByte()
	if err == nil && r.left > 0 {
		r.left--
	}
	return b, err
}

// full fills b from the payload.
func (r *Reader) full(b []byte) error {
	if r.left >= 0 && int64(len(b)) > r.left {
		return r.cut()
	}
	n, err := io.ReadFull(r.in, b)
	if r.left > 0 {
		r.left -= int64(n)
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return r.cut()
	}
	return err
}

func (r *Reader) skip(n int64) error {
	_, err := io.CopyN(io.Discard, r.in, n)
	if err == io.EOF {
		return r.cut()
	}
	return err
}

// parseHeader reads {"roots": [...], "version": 1}.
func parseHeader(b []byte) ([]cid.Cid, error) {
	nb := basicnode.Prototype.Map.NewBuilder()
	opt := dagcbor.DecodeOptions{AllowLinks: true}
	if err := opt.Decode(nb, bytes.NewReader(b)); err != nil {
		return nil, malformed("it does not begin with the header of one")
	}
	head := nb.Build()
	version, err := integer(head, "version")
	if err != nil || version != 1 {
		return nil, malformed("its header does not say version 1")
	}
	list, err := head.LookupByString("roots")
	if err != nil || list.Kind() != datamodel.Kind_List {
		return nil, malformed("its header has no list of roots")
	}
	var roots []cid.Cid
	for it := list.ListIterator(); !it.Done(); {
		_, v, err := it.Next()
		if err != nil {
			return nil, malformed("its roots cannot be read: %v", err)
		}
		l, err := v.AsLink()
		if err != nil {
			return nil, malformed("a root of it is no CID")
		}
		root, ok := l.(cidlink.Link)
		if !ok {
			return nil, malformed("a root of it is no CID")
		}
		roots = append(roots, root.Cid)
	}
	return roots, nil
}

func integer(m datamodel.Node, name string) (int64, error) {
	v, err := m.LookupByString(name)
	if err != nil {
		return 0, err
	}
	return v.AsInt()
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}

// A source remembers why it failed: a body that its sender broke off reports
// io.ErrUnexpectedEOF, as io.ReadFull does of one that is whole and too short.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// cut is the error for an end where none may be.
func (r *Reader) cut() error {
	if r.src.err != nil {
		return r.src.err
	}
	return malformed("it ends too early")
}
