package node

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// leastSpare chunks are shared, on however small a machine.
const leastSpare = 64

// A chunk is one leaf's data, shared by the worker that stores it and the hashes.
type chunk struct {
	index int
	data  []byte
	users atomic.Int32
}

// chunks are the buffers of imports. Each import has one for itself, with which
// it comes to its end; those that let it read on while that one is hashed come
// out of a store that all share. So a thousand uploads at once take little more
// than a thousand chunks. The zero value works.
type chunks struct {
	pool sync.Pool // of *chunk
	lent atomic.Int64
}

// spare is how many chunks there are to share.
func (c *chunks) spare() int64 { return max(leastSpare, 8*int64(runtime.NumCPU())) }

// borrow takes one of them, if there is any.
func (c *chunks) borrow() bool {
	for {
		n := c.lent.Load()
		if n >= c.spare() {
			return false
		}
		if c.lent.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// scarce says whether all are lent.
func (c *chunks) scarce() bool { return c.lent.Load() >= c.spare() }

// giveBack returns n that were borrowed.
func (c *chunks) giveBack(n int) { c.lent.Add(int64(-n)) }

func (c *chunks) get(size int) *chunk {
	if c, ok := c.pool.Get().(*chunk); ok && cap(c.data) >= size {
		return c
	}
	return &chunk{data: make([]byte, size)}
}

func (c *chunks) put(used *chunk) { c.pool.Put(used) }
