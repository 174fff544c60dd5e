package node

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A ledger is how many bytes were read and not yet hashed.
type ledger struct {
	bytes, most atomic.Int64
	enough      int64
	reached     chan struct{} // closed when there are so many
	once        sync.Once
}

func (l *ledger) add(n int) {
	now := l.bytes.Add(int64(n))
	for {
		most := l.most.Load()
		if now <= most || l.most.CompareAndSwap(most, now) {
			break
		}
	}
	if now >= l.enough {
		l.once.Do(func() { close(l.reached) })
	}
}

// A ledgerReader enters what is read.
type ledgerReader struct {
	io.Reader
	*ledger
}

func (r ledgerReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.add(n)
	return n, err
}

// A ledgerHash begins when it is opened, and takes off what it has hashed.
type ledgerHash struct {
	hash.Hash
	*ledger
	open <-chan struct{}
}

func (h ledgerHash) Write(p []byte) (int, error) {
	<-h.open
	h.add(-len(p))
	return h.Hash.Write(p)
}

// Imports at once hold a chunk each, and share the others, which all come back.
func TestImportsShareChunks(t *testing.T) {
	n := newTestNode(t, Config{})
	const size = 9<<20 + 5
	imports := int(n.chunks.spare()/(inFlight-1)) + 3 // who would want more than there are
	whole := int64(n.shape.chunk)
	most := (int64(imports) + n.chunks.spare()) * whole
	book := &ledger{enough: most, reached: make(chan struct{})}
	open := make(chan struct{})
	var wg sync.WaitGroup
	for i := range imports {
		data := mustRead(t, keystream(size, fmt.Sprint("shared", i)))
		wg.Go(func() {
			sum := ledgerHash{md5.New(), book, open}
			if _, err := n.Import(t.Context(), ledgerReader{bytes.NewReader(data), book}, ImportOptions{Hashes: []hash.Hash{sum}}); err != nil {
				t.Error(err)
			}
			if want := md5.Sum(data); !bytes.Equal(sum.Sum(nil), want[:]) {
				t.Errorf("MD5 of import %d is wrong", i)
			}
		})
	}
	select {
	case <-book.reached:
	case <-time.After(time.Minute):
		t.Errorf("%d bytes are in flight, want %d", book.bytes.Load(), most)
	}
	close(open)
	wg.Wait()
	// Each may have read one byte more, to see whether there is another leaf.
	if got := book.most.Load(); got > most+int64(imports) {
		t.Errorf("%d bytes were in flight, and %d chunks are %d", got, most/whole, most)
	}
	if n := n.chunks.lent.Load(); n != 0 {
		t.Errorf("%d chunks did not come back", n)
	}
}

// An import gives an idle chunk back when others lack one.
func TestImportGivesIdleChunksBack(t *testing.T) {
	n := newTestNode(t, Config{})
	imp := newImporter(n, ImportOptions{})
	imp.free = make(chan *chunk, inFlight)
	var mine []*chunk
	for range 3 {
		c, err := imp.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		mine = append(mine, c)
	}
	for n.chunks.borrow() { // by others
	}
	for _, c := range mine {
		imp.free <- c
	}
	if _, err := imp.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	if imp.borrowed != 2 || len(imp.free) != 1 || n.chunks.scarce() {
		t.Errorf("%d are borrowed, %d idle, none left: %v", imp.borrowed, len(imp.free), n.chunks.scarce())
	}
}
