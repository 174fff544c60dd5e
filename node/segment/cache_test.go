package segment

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/multiformats/go-multihash"
)

// largeBlocks are n blocks that are read past the page cache.
func largeBlocks(t testing.TB, n int) (all []block) {
	for i := range n {
		data := bytes.Repeat(fmt.Appendf(nil, "large block %6d ", i), (largeBlock+i*1000)/16+1)
		all = append(all, newBlock(t, data, multihash.SHA2_256))
	}
	return all
}

// Large blocks of real files are the same whether they are read before their
// write, from the active segment, from a sealed one, or from the cache, and in
// whatever buffer; the cache has only what was read twice, and not too much of it.
func TestLargeBlocks(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{Cache: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	all := largeBlocks(t, 60)
	read := func(s *Store) {
		t.Helper()
		for i, x := range all {
			buf := make([]byte, i*7000)
			got, err := s.Stored(x.cid, true, buf)
			if err != nil || !bytes.Equal(got, x.data) {
				t.Fatalf("Stored of block %d = %d bytes, %v; want %d", i, len(got), err, len(x.data))
			}
			clear(got) // the caller's: nobody else sees it
		}
	}
	batch := s.Batch(false)
	for _, x := range all {
		if err := batch.Put(t.Context(), x.cid, x.data); err != nil {
			t.Fatal(err)
		}
	}
	read(s)
	if err := batch.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	read(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), dir, Options{Cache: 4 << 20}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read(s)
	if n := len(s.cache.held); n != 0 {
		t.Errorf("%d blocks in the cache after one read of each", n)
	}
	for range 3 {
		read(s)
		checkCache(t, s.cache, 4<<20)
	}
}

// checkCache checks that no byte of the cache is lost or counted twice.
func checkCache(t *testing.T, c *cache, size int64) {
	t.Helper()
	left := size - c.room
	for e := c.queue.Front(); e != nil; e = e.Next() {
		h := e.Value.(*heldBlock)
		if c.held[h.at] != h {
			t.Error("the queue has a block that the map has not")
		}
		left -= int64(len(h.data))
	}
	if left != 0 || c.room < 0 || c.queue.Len() != len(c.held) {
		t.Errorf("%d of %d bytes are lost, %d free; %d blocks in the queue, %d in the map", left, size, c.room, c.queue.Len(), len(c.held))
	}
}

// A block that is read stays, whatever else is written.
func TestCacheKeepsWhatIsRead(t *testing.T) {
	c := newCache(10 << 20)
	hot, data := loc{seg: 9}, make([]byte, 200_000)
	c.keep(hot, data)
	for i := range 500 {
		if _, ok := c.get(hot, nil); !ok {
			t.Fatalf("the block that is read is gone after %d others", i)
		}
		c.keep(loc{seg: 1, off: uint32(i)}, data)
	}
	if _, ok := c.get(loc{seg: 1}, nil); ok {
		t.Error("a block that nobody read is still there after 500 others")
	}
}

// What is lent stays as it is, whatever else is written, and goes when it is
// given back. It is half of the cache at most.
func TestCacheLends(t *testing.T) {
	c := newCache(10 << 20)
	block := func(i int) (loc, []byte) {
		return loc{seg: 1, off: uint32(i)}, bytes.Repeat([]byte{byte(i)}, 1<<20)
	}
	var given []func()
	var got [][]byte
	for i := range 6 {
		c.keep(block(i))
		l, _ := block(i)
		data, done, ok := c.lend(l)
		if ok != (i < 5) {
			t.Fatalf("lend of block %d: %v", i, ok)
		}
		if ok {
			given, got = append(given, done), append(got, data)
		}
	}
	for i := 6; i < 100; i++ {
		c.keep(block(i))
	}
	for i, data := range got {
		if _, want := block(i); !bytes.Equal(data, want) {
			t.Errorf("block %d changed while it was lent", i)
		}
	}
	for _, done := range given {
		done()
	}
	for i := 100; i < 200; i++ {
		c.keep(block(i))
	}
	if l, _ := block(0); c.held[place{l.seg, l.off}] != nil {
		t.Error("a block that was given back is still there after 100 others")
	}
	checkCache(t, c, 10<<20)
	// All that is held is lent: nothing else is kept, and nothing waits for it.
	small := newCache(1 << 20)
	l, data := block(1)
	small.keep(l, data[:512<<10])
	if _, _, ok := small.lend(l); !ok {
		t.Fatal("half of the cache was not lent")
	}
	small.keep(block(2))
	if l, _ := block(2); small.held[place{l.seg, l.off}] != nil || small.lent.Load() != 512<<10 {
		t.Error("a block took the room of one that is lent")
	}
}

// All goes on side by side.
func TestCache(t *testing.T) {
	c := newCache(10 << 20)
	block := func(i int) (loc, []byte) {
		return loc{seg: 1, off: uint32(i)}, bytes.Repeat([]byte{byte(i)}, 200_000+i)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			hot, data := block(w)
			c.keep(hot, data)
			for i := range 300 {
				if got, ok := c.get(hot, make([]byte, 10)); ok && !bytes.Equal(got, data) {
					t.Errorf("get = %d other bytes", len(got))
					return
				}
				if got, done, ok := c.lend(hot); ok {
					if !bytes.Equal(got, data) {
						t.Errorf("lend = %d other bytes", len(got))
					}
					done()
				}
				c.keep(hot, data)
				c.keep(block(100 + 300*w + i%250))
			}
		})
	}
	wg.Wait()
	checkCache(t, c, 10<<20)
	if n := c.lent.Load(); n != 0 {
		t.Errorf("%d bytes are lent still", n)
	}
	none := newCache(0)
	none.keep(block(1))
	if l, _ := block(1); len(none.held) != 0 {
		t.Errorf("a cache without room keeps %v", l)
	}
}
