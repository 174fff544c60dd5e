package segment

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// maxSeen is how many blocks are remembered as read once.
const maxSeen = 1 << 14

// A cache keeps large blocks that were just written, or read more than once:
// writes and reads past the page cache leave nothing there. Copies are known by
// their place, which a store never uses twice. Its buffers are used again, so
// that it neither grows nor keeps the collector busy.
type cache struct {
	mu     sync.RWMutex // for reading: copies out of held, and lends of it
	size   int64
	room   int64 // of size
	held   map[place]*heldBlock
	queue  list.List      // the same, *heldBlock, the next to be dropped in front
	free   [][]byte       // buffers of those that were dropped
	seen   map[place]bool // read once, lately
	older  map[place]bool // before that
	seenMu sync.Mutex     // guards seen and older
	lent   atomic.Int64   // bytes, each as often as it is lent
}

// A place is where a copy is.
type place struct{ seg, off uint32 }

type heldBlock struct {
	at   place
	data []byte
	used atomic.Bool  // since it was put into the queue
	lent atomic.Int32 // how often; raised with cache.mu held for reading
}

// newCache is a cache of so many bytes, which may be none.
func newCache(room int64) *cache {
	return &cache{size: room, room: room, held: map[place]*heldBlock{}, seen: map[place]bool{}}
}

// get copies a block into buf, if it is here.
func (c *cache) get(l loc, buf []byte) ([]byte, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	h, ok := c.held[place{l.seg, l.off}]
	if !ok {
		return nil, false
	}
	h.used.Store(true)
	return append(buf[:0], h.data...), true
}

// lend lends a block, if it is here, until done is called. It stays here so
// long, so that no more than half of the cache is lent: clients may be slow.
func (c *cache) lend(l loc) (data []byte, done func(), ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	h, ok := c.held[place{l.seg, l.off}]
	if !ok {
		return nil, nil, false
	}
	n := int64(len(h.data))
	if c.lent.Add(n) > c.size/2 {
		c.lent.Add(-n)
		return nil, nil, false
	}
	h.used.Store(true)
	h.lent.Add(1)
	return h.data, func() { h.lent.Add(-1); c.lent.Add(-n) }, true
}

// read notes that a block was read from the disk, and keeps it if that was not
// the first time.
func (c *cache) read(l loc, data []byte) {
	if c.again(place{l.seg, l.off}) {
		c.keep(l, data)
	}
}

// again says whether a block was read before, not long ago.
func (c *cache) again(at place) bool {
	c.seenMu.Lock()
	defer c.seenMu.Unlock()
	if c.seen[at] || c.older[at] {
		return true
	}
	if len(c.seen) >= maxSeen {
		c.seen, c.older = map[place]bool{}, c.seen
	}
	c.seen[at] = true
	return false
}

// keep keeps a copy of a block.
func (c *cache) keep(l loc, data []byte) {
	at, n := place{l.seg, l.off}, int64(len(data))
	c.mu.RLock()
	_, held := c.held[at]
	c.mu.RUnlock()
	if held {
		return
	}
	buf, ok := c.buffer(n)
	if !ok {
		return
	}
	h := &heldBlock{at: at, data: append(buf[:0], data...)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.held[at]; ok {
		c.give(h)
		return
	}
	c.held[at] = h
	c.queue.PushBack(h)
}

// buffer makes room for n bytes, if the cache is so large, and reserves it.
func (c *cache) buffer(n int64) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > c.size {
		return nil, false
	}
	for c.room < n {
		if !c.drop() {
			return nil, false // others have reserved it and not filled it yet, or were lent it
		}
	}
	c.room -= n
	for i := len(c.free) - 1; i >= 0; i-- {
		if b := c.free[i]; int64(cap(b)) >= n && int64(cap(b)) <= 2*n {
			c.free[i] = c.free[len(c.free)-1]
			c.free = c.free[:len(c.free)-1]
			return b, true
		}
	}
	return make([]byte, 0, n), true
}

// drop drops a block that was not read lately and is not lent, if there is one.
// The caller holds mu.
func (c *cache) drop() bool {
	for range 2 * c.queue.Len() { // the second time no block has been read since
		next := c.queue.Front()
		h := next.Value.(*heldBlock)
		if h.used.Swap(false) || h.lent.Load() > 0 {
			c.queue.MoveToBack(next)
			continue
		}
		c.queue.Remove(next)
		delete(c.held, h.at)
		c.give(h)
		return true
	}
	return false
}

// maxFree bounds the buffers that wait to be used again.
const maxFree = 16

// give takes back what a block took. The caller holds mu.
func (c *cache) give(h *heldBlock) {
	c.room += int64(len(h.data))
	if len(c.free) < maxFree {
		c.free = append(c.free, h.data)
	}
}
