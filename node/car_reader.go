package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
)

// Reader reads a DAG as a sequence of bytes. It is not safe for concurrent
// use, and has to be closed.
type Reader interface {
	io.ReadSeekCloser
	io.WriterTo
	Size() int64
}

// OpenDAG returns a reader of the DAG under root: of a UnixFS file its bytes,
// of any other DAG the CARv1 that OpenCAR makes of it. size is what it has,
// from Import, Concat or ImportCAR; a DAG of another size is an error.
func (n *Node) OpenDAG(ctx context.Context, root cid.Cid, size int64) (Reader, error) {
	f, err := n.OpenFile(ctx, root)
	if errors.Is(err, ErrNotFile) {
		return n.OpenCAR(ctx, root, size)
	}
	if err != nil {
		return nil, err
	}
	if f.Size() != size {
		err := fmt.Errorf("open %s: %d bytes where %d are due: %w", root, f.Size(), size, ErrNotFile)
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// OpenCAR returns a reader of the DAG under root as a CARv1: its header, then
// the blocks in the order of Walk. So it is a function of the DAG alone. size is
// its length. Blocks are checked and restored as by OpenFile.
func (n *Node) OpenCAR(ctx context.Context, root cid.Cid, size int64) (*CARReader, error) {
	r := &CARReader{source: source{n: n, root: root}, ctx: ctx, size: size}
	r.rewind()
	// An error at once is worth more than one after the header.
	if _, _, err := r.look(ctx, root); err != nil {
		r.close()
		return nil, fmt.Errorf("open CAR: %w", err)
	}
	return r, nil
}

// CARReader reads a DAG as a CAR. Seeking costs reading the nodes before the
// place, but no leaves. It has to be closed.
type CARReader struct {
	source
	ctx    context.Context // io.Reader has no room for one
	size   int64
	pos    int64
	closed bool

	walk    *walker
	section carSection
}

// A carSection is a run of a CAR's bytes: its header, or a section.
type carSection struct {
	off  int64
	head []byte
	cid  cid.Cid // Undef: the header, which is all head
	size int     // of the block
	data []byte  // nil: not read yet
}

func (s *carSection) end() int64 { return s.off + int64(len(s.head)) + int64(s.size) }

func (r *CARReader) rewind() {
	r.walk = newWalker(r.root, r.look)
	r.section = carSection{head: car.Header(r.root)}
}

// Size is the length of the CAR.
func (r *CARReader) Size() int64 { return r.size }

// Read implements io.Reader.
func (r *CARReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	data, err := r.here()
	if err != nil {
		return 0, err
	}
	k := copy(p, data)
	r.pos += int64(k)
	return k, nil
}

// WriteTo implements io.WriterTo.
func (r *CARReader) WriteTo(w io.Writer) (written int64, err error) {
	for {
		data, err := r.here()
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		k, err := w.Write(data)
		written += int64(k)
		r.pos += int64(k)
		if err == nil && k < len(data) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, err
		}
	}
}

// Seek implements io.Seeker. It reads nothing.
func (r *CARReader) Seek(off int64, whence int) (int64, error) {
	pos, err := seek(r.pos, r.size, off, whence)
	if err != nil {
		return 0, fmt.Errorf("seek %s: %w", r.root, err)
	}
	r.pos = pos
	return pos, nil
}

// Close ends the reading.
func (r *CARReader) Close() error {
	r.closed = true
	r.walk, r.section = nil, carSection{}
	r.close()
	return nil
}

// here returns bytes from pos on.
func (r *CARReader) here() ([]byte, error) {
	if r.closed {
		return nil, fmt.Errorf("read %s: %w", r.root, os.ErrClosed)
	}
	if r.pos >= r.size {
		return nil, io.EOF
	}
	data, err := r.find()
	if err != nil {
		return nil, fmt.Errorf("read CAR of %s at %d: %w", r.root, r.pos, err)
	}
	return data, nil
}

// find goes to the section that holds pos.
func (r *CARReader) find() ([]byte, error) {
	if r.pos < r.section.off {
		r.rewind()
	}
	for s := &r.section; r.pos >= s.end(); {
		c, size, err := r.walk.next(r.ctx)
		if err == io.EOF {
			return nil, fmt.Errorf("it ends at %d of %d bytes", s.end(), r.size)
		}
		if err != nil {
			r.rewind() // the walk went past what it could not read
			return nil, err
		}
		*s = carSection{off: s.end(), head: car.SectionHead(c, size), cid: c, size: size}
	}
	s := &r.section
	at := r.pos - s.off
	if at < int64(len(s.head)) {
		return s.head[at:], nil
	}
	if s.data == nil {
		data, err := r.block(r.ctx, s.cid)
		if err != nil {
			return nil, err
		}
		if len(data) != s.size {
			return nil, fmt.Errorf("%s: %d bytes where %d are due", s.cid, len(data), s.size)
		}
		s.data = data
	}
	return s.data[at-int64(len(s.head)):], nil
}
