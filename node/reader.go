package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node/blocks"
)

const (
	// readAhead leaves are read before they are asked for, once reads are sequential.
	readAhead = 4
	// Leaves from pooledLeaf bytes on are read into pooled buffers.
	pooledLeaf = 64 << 10
	// maxDepth bounds the path from a file's root to a leaf. Balanced DAGs of
	// this profile have a depth of 3 at 1 PiB; joining joined files adds to it.
	maxDepth = 256
)

// OpenFile returns a reader of the UnixFS file under root. Nodes and small leaves are
// checked against their CIDs, large leaves against the checksums that were stored
// with them (see blocks.Reader.Stored). A missing or damaged block is restored once through
// Config.Refill or Config.Restore with the file's root. The end of ctx ends the reader too.
func (n *Node) OpenFile(ctx context.Context, root cid.Cid) (*FileReader, error) {
	src := &source{n: n, root: root}
	f, err := openFile(ctx, root, src, &n.leaves)
	if err != nil {
		src.close()
		return nil, fmt.Errorf("open file: %w", err)
	}
	return f, nil
}

// A fileSource is where a FileReader has its blocks from.
type fileSource interface {
	// block reads a block, whatever that takes.
	block(ctx context.Context, c cid.Cid) ([]byte, error)
	// leaf reads a block that is expected to be here, into buf if it fits. After
	// ErrNotFound or ErrDamaged it is tried again with block. It is called on
	// several goroutines at once.
	leaf(ctx context.Context, c cid.Cid, buf []byte) ([]byte, error)
	// lend is leaf of a block that is in memory: see blocks.Reader.Lend.
	lend(ctx context.Context, c cid.Cid) (data []byte, done func(), ok bool)
	// size says how large a block is, if it is here.
	size(c cid.Cid) (int64, bool)
}

// openFile opens the file under root of src, with buffers of pool.
func openFile(ctx context.Context, root cid.Cid, src fileSource, pool *sync.Pool) (*FileReader, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &FileReader{src: src, root: root, leaves: pool, ctx: ctx, cancel: cancel}
	top, err := f.top()
	if err != nil {
		cancel()
		return nil, err
	}
	if src, ok := src.(*source); ok {
		f.done = src.close
	}
	f.size, f.end, f.mtime = top.size, top.size, top.mtime
	f.cursor = cursor{load: f.node, top: top}
	return f, nil
}

// FileReader reads a file with seeking and read-ahead. It is not safe for
// concurrent use. It has to be closed.
type FileReader struct {
	src    fileSource
	root   cid.Cid
	leaves *sync.Pool      // of *[]byte
	ctx    context.Context // io.Reader has no room for one
	cancel context.CancelFunc
	done   func()         // ends what was begun for this reader; nil: nothing
	wg     sync.WaitGroup // reads ahead
	size   int64
	end    int64     // nothing from here on is read ahead
	mtime  time.Time // what the root says; zero if nothing
	pos    int64
	closed bool

	cursor cursor
	cur    *leafRead   // holds pos, or was just read
	ahead  []*leafRead // what follows cur
	run    int         // leaves read one after the other since the last jump
}

// A leafRead is a leaf that is read, or is being read on a goroutine until done.
type leafRead struct {
	piece
	done   chan struct{}
	err    error
	pooled *[]byte // goes back to FileReader.leaves
	lent   func()  // gives data back
}

// Size is the length of the file.
func (f *FileReader) Size() int64 { return f.size }

// Read implements io.Reader. After an error the next call tries again.
func (f *FileReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	data, err := f.here()
	if err != nil {
		return 0, err
	}
	k := copy(p, data)
	f.pos += int64(k)
	return k, nil
}

// WriteTo implements io.WriterTo; it reads ahead from the first leaf on.
func (f *FileReader) WriteTo(w io.Writer) (written int64, err error) {
	f.run++
	for {
		data, err := f.here()
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		k, err := w.Write(data)
		written += int64(k)
		f.pos += int64(k)
		if err == nil && k < len(data) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, err
		}
	}
}

// Seek implements io.Seeker. It reads nothing.
func (f *FileReader) Seek(off int64, whence int) (int64, error) {
	pos, err := seek(f.pos, f.size, off, whence)
	if err != nil {
		return 0, fmt.Errorf("seek %s: %w", f.root, err)
	}
	f.pos = pos
	return pos, nil
}

// seek is the place that a Seek means.
func seek(pos, size, off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		off += pos
	case io.SeekEnd:
		off += size
	default:
		return 0, fmt.Errorf("bad whence %d", whence)
	}
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	return off, nil
}

// Close ends the reads ahead.
func (f *FileReader) Close() error {
	f.closed = true
	f.cancel()
	f.forget()
	f.wg.Wait()
	if f.cur != nil {
		f.recycle(f.cur)
		f.cur = nil
	}
	if f.done != nil {
		f.done()
		f.done = nil
	}
	return nil
}

// here returns the bytes from pos to the end of their leaf.
func (f *FileReader) here() ([]byte, error) {
	switch {
	case f.closed:
		return nil, fmt.Errorf("read %s: %w", f.root, os.ErrClosed)
	case f.pos >= f.size:
		return nil, io.EOF
	case f.cur == nil || !f.cur.holds(f.pos):
		if err := f.advance(); err != nil {
			return nil, fmt.Errorf("read %s at %d: %w", f.root, f.pos, err)
		}
	}
	return f.cur.data[f.pos-f.cur.off:], nil
}

// advance makes cur the leaf that holds pos.
func (f *FileReader) advance() error {
	if f.cur != nil {
		f.recycle(f.cur)
		f.cur = nil
	}
	if len(f.ahead) > 0 && !f.ahead[0].holds(f.pos) {
		f.forget()
	}
	var l *leafRead
	if len(f.ahead) > 0 {
		l, f.ahead = f.ahead[0], f.ahead[1:]
	} else {
		var err error
		if f.cursor.off() != f.pos {
			f.run = min(f.run, 1) // WriteTo may begin anywhere
			if err = f.cursor.seek(f.pos); err != nil {
				return err
			}
		}
		if l, err = f.begin(); err != nil {
			return err
		}
	}
	if f.run++; f.run > 1 {
		f.fillAhead()
	}
	if l.done != nil {
		<-l.done
	}
	if isMiss(l.err) {
		f.recycle(l) // it may be long until there is something to read into it
		l.data, l.err = f.src.block(f.ctx, l.cid)
	}
	if l.err == nil && int64(len(l.data)) != l.size {
		l.err = fmt.Errorf("%s: %d bytes where %d are due: %w", l.cid, len(l.data), l.size, ErrNotFile)
	}
	if l.err != nil {
		f.recycle(l)
		f.forget()
		f.cursor.reset()
		return l.err
	}
	f.cur = l
	return nil
}

// begin starts to read the next leaf.
func (f *FileReader) begin() (*leafRead, error) {
	p, err := f.cursor.next()
	if err != nil {
		return nil, err
	}
	l := &leafRead{piece: p}
	if l.data != nil {
		return l, nil
	}
	if l.size >= pooledLeaf && f.ctx.Err() == nil {
		if data, done, ok := f.src.lend(f.ctx, l.cid); ok {
			l.data, l.lent = data, done
			return l, nil
		}
	}
	var buf []byte
	if l.size >= pooledLeaf {
		// Sizes in a node are anyone's: there is room for what is here.
		if n, ok := f.src.size(l.cid); ok && n == l.size {
			l.pooled = f.buffer(int(n) + blocks.Room)
			buf = *l.pooled
		}
	}
	l.done = make(chan struct{})
	f.wg.Go(func() {
		defer close(l.done)
		if l.err = f.ctx.Err(); l.err == nil {
			l.data, l.err = f.src.leaf(f.ctx, l.cid, buf)
		}
	})
	return l, nil
}

// buffer is one of at least n bytes out of the pool.
func (f *FileReader) buffer(n int) *[]byte {
	if b, ok := f.leaves.Get().(*[]byte); ok && cap(*b) >= n {
		return b
	}
	b := make([]byte, n)
	return &b
}

// fillAhead starts the leaves that follow. What goes wrong in finding them
// goes wrong again, and is told, when they are wanted.
func (f *FileReader) fillAhead() {
	for len(f.ahead) < readAhead && f.cursor.off() < f.end {
		l, err := f.begin()
		if err != nil {
			f.cursor.reset()
			return
		}
		f.ahead = append(f.ahead, l)
	}
}

// forget drops the leaves read ahead.
func (f *FileReader) forget() {
	for _, l := range f.ahead {
		f.wg.Go(func() {
			if l.done != nil {
				<-l.done
			}
			f.recycle(l)
		})
	}
	f.ahead, f.run = nil, 0
	f.cursor.reset()
}

// recycle gives back the bytes of a leaf whose read has ended.
func (f *FileReader) recycle(l *leafRead) {
	switch {
	case l.pooled != nil:
		f.leaves.Put(l.pooled)
		l.pooled, l.data = nil, nil
	case l.lent != nil:
		l.lent()
		l.lent, l.data = nil, nil
	}
}

// top reads the root. A large leaf is read when its bytes are wanted, into a buffer of the pool.
func (f *FileReader) top() (fileNode, error) {
	if f.root.Type() == cid.Raw {
		if n, ok := f.src.size(f.root); ok && n >= pooledLeaf {
			return fileNode{size: n, dag: uint64(n), links: []link{{cid: f.root, size: n, dag: uint64(n)}}}, nil
		}
	}
	return f.node(f.root)
}

// node reads a node of the file.
func (f *FileReader) node(c cid.Cid) (fileNode, error) {
	data, err := f.src.block(f.ctx, c)
	if err != nil {
		return fileNode{}, err
	}
	return parseFile(c, data)
}

// A piece is a run of a file's bytes in one block.
type piece struct {
	cid  cid.Cid // of a raw leaf that is still to be read, if data is nil
	data []byte
	off  int64
	size int64
}

func (p *piece) holds(pos int64) bool { return p.off <= pos && pos < p.off+p.size }
