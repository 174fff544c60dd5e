package segment

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	// Writes past the page cache begin and end at multiples of pageSize, in the
	// file and in memory.
	pageSize = 4096
	// tailSize is how much is written at once, and maxFlying how many such
	// writes the disk is given.
	tailSize  = 1 << 20
	maxFlying = 4
)

var errSealed = errors.New("segment takes no more")

// A tail is the file of a segment that is being written. What is appended is
// gathered in buffers that are written whole, past the page cache if the file
// can do that: half of what a large upload cost the processor was the kernel's
// copy of it. Reads see all that was appended. After a failed write the file is
// not written again, and every Sync fails.
//
// A buffer that Sync writes before it is full ends with zeros up to the next
// page. The next buffer begins with that page again and is written after it, so
// that a page never goes back to what it was.
type tail struct {
	f file

	// clean is the offset before which all is in the file.
	clean atomic.Int64

	mu     sync.Mutex
	landed sync.Cond // on mu: a write has ended
	cur    *buffer   // nil once truncated
	flying []*buffer // being written, in order of offset
	err    error     // of the first write that failed
}

// A buffer is a piece of the file that is not all written.
type buffer struct {
	off   int64
	data  []byte
	clean int     // so much of data is in the file, or in the buffer before
	done  bool    // written, or given up; guarded by tail.mu
	after *buffer // has to be done first, because the two share a page
}

var buffers = sync.Pool{New: func() any { return aligned(make([]byte, tailSize+pageSize), tailSize) }}

// aligned is an empty slice with room for n bytes of b that begin at a page.
func aligned(b []byte, n int) []byte {
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (pageSize - 1)
	return b[skip : skip : skip+n]
}

func newBuffer(off int64) *buffer {
	return &buffer{off: off, data: buffers.Get().([]byte)[:0]}
}

func (b *buffer) end() int64 { return b.off + int64(len(b.data)) }

// newTail writes f, which is empty.
func newTail(f file) *tail {
	t := &tail{f: f, cur: newBuffer(0)}
	t.landed.L = &t.mu
	return t
}

// Append puts parts at the end of the file. They need not be written when it
// returns. It is called by one goroutine at a time.
func (t *tail) Append(parts ...[]byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range parts {
		for len(p) > 0 {
			switch {
			case t.err != nil:
				return t.err
			case t.cur == nil:
				return errSealed
			case len(t.cur.data) == tailSize:
				t.next()
				continue
			}
			k := min(len(p), tailSize-len(t.cur.data))
			t.cur.data = append(t.cur.data, p[:k]...)
			p = p[k:]
		}
	}
	return nil
}

// next sends the full buffer on its way and begins another, when there is room
// for one. The caller holds mu.
func (t *tail) next() {
	for len(t.flying) >= maxFlying {
		t.landed.Wait()
		if t.cur == nil || len(t.cur.data) < tailSize {
			return // meanwhile Sync has written it, or Truncate dropped it
		}
	}
	b := t.cur
	t.launch()
	go t.write(b) // Sync, Truncate and Close wait for its end
}

// launch makes cur a flying buffer; its caller writes it. What does not fill a
// page stays in the next one too. The caller holds mu.
func (t *tail) launch() {
	b := t.cur
	whole := len(b.data) &^ (pageSize - 1)
	t.cur = newBuffer(b.off + int64(whole))
	if rest := b.data[whole:]; len(rest) > 0 {
		t.cur.data = append(t.cur.data, rest...)
		t.cur.clean, t.cur.after = len(rest), b
		k := len(b.data)
		b.data = b.data[:whole+pageSize]
		clear(b.data[k:])
	}
	t.flying = append(t.flying, b)
}

// write writes a flying buffer.
func (t *tail) write(b *buffer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for b.after != nil && !b.after.done {
		t.landed.Wait()
	}
	b.after = nil
	if t.err == nil {
		t.mu.Unlock()
		_, err := t.f.WriteAt(b.data, b.off)
		t.mu.Lock()
		if t.err == nil {
			t.err = err
		}
	}
	b.done = true
	t.flying = slices.DeleteFunc(t.flying, func(o *buffer) bool { return o == b })
	t.moveClean()
	buffers.Put(b.data[:0])
	b.data = nil
	t.landed.Broadcast()
}

// moveClean sets clean. The caller holds mu.
func (t *tail) moveClean() {
	switch {
	case t.err != nil:
	case len(t.flying) > 0:
		t.clean.Store(t.flying[0].off)
	case t.cur != nil:
		t.clean.Store(t.cur.off)
	}
}

// Sync makes what was appended before durable.
func (t *tail) Sync() error {
	t.mu.Lock()
	var b *buffer
	if t.cur != nil && t.err == nil && len(t.cur.data) > t.cur.clean {
		b = t.cur
		t.launch()
	}
	due := slices.Clone(t.flying)
	t.mu.Unlock()
	if b != nil {
		t.write(b)
	}
	t.mu.Lock()
	for _, b := range due {
		for !b.done {
			t.landed.Wait()
		}
	}
	err := t.err
	t.mu.Unlock()
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err = t.f.Sync(); err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.err == nil { // nobody knows what a write would come behind
			t.err = err
		}
	}
	return err
}

// ReadAt implements io.ReaderAt.
func (t *tail) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= t.clean.Load() {
		return t.f.ReadAt(p, off)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.f.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err // else the buffers would seem to follow what was not read
	}
	for _, b := range append(slices.Clip(t.flying), t.cur) {
		if b == nil || b.off >= off+int64(len(p)) || b.end() <= off {
			continue
		}
		from := max(b.off, off)
		k := copy(p[from-off:], b.data[from-b.off:])
		n = max(n, int(from-off)+k)
	}
	if n == len(p) {
		return n, nil
	}
	return n, errors.Join(err, io.ErrUnexpectedEOF)
}

// readPast implements pastReader, for what is in the file.
func (t *tail) readPast(p []byte, off int64) (n int, past bool, err error) {
	if r, ok := t.f.(pastReader); ok && off+int64(len(p)) <= t.clean.Load() {
		return r.readPast(p, off)
	}
	n, err = t.ReadAt(p, off)
	return n, false, err
}

// Truncate ends the file at size. Nothing is appended afterwards.
func (t *tail) Truncate(size int64) error {
	t.settle()
	return t.f.Truncate(size)
}

// Close gives up what is not written.
func (t *tail) Close() error {
	t.settle()
	return t.f.Close()
}

// settle waits for the writes under way, and drops what was appended since.
func (t *tail) settle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.flying) > 0 {
		t.landed.Wait()
	}
	if t.cur == nil {
		return
	}
	t.clean.Store(1<<63 - 1)
	buffers.Put(t.cur.data[:0])
	t.cur = nil
	t.landed.Broadcast()
}
