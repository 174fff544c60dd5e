package node

import (
	"context"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/node/blocks"
)

const (
	// inFlight chunks of one import are read and not yet hashed and written.
	inFlight = 8
	// leafWorkers hash and write leaves of one import; a sum for the client,
	// MD5 say, is slower than one of them, so more would wait for it.
	leafWorkers = 2
	// A file up to smallFile is imported without goroutines or a large buffer.
	smallFile = 32 << 10
)

// A chunk is one leaf's data, shared by the worker that stores it and the hashes.
type chunk struct {
	index int
	data  []byte
	users atomic.Int32
}

// An importer stores one file. The caller of run reads chunks; workers make
// leaves of them, and one goroutine for each hash feeds it in order. A chunk's
// buffer goes back to free when the last of them is done with it, so a slow
// one holds up the reading and memory stays bounded.
type importer struct {
	shape  shape
	batch  blocks.Batch
	hashes []hash.Hash
	pool   *sync.Pool // of *chunk

	free   chan *chunk // holds inFlight places; nil: not allocated yet
	leaves chan *chunk
	feeds  []chan *chunk

	mu   sync.Mutex
	tree *tree
	next int          // the leaf that tree takes next
	done map[int]link // leaves that came before their turn
}

func newImporter(n *Node, opt ImportOptions) *importer {
	batch := n.blocks.Batch(opt.Private)
	return &importer{
		shape: n.shape, batch: batch, hashes: opt.Hashes, pool: &n.chunks,
		tree: &tree{width: n.shape.width, put: batch.Put},
		done: map[int]link{},
	}
}

func (imp *importer) run(ctx context.Context, r io.Reader) (link, error) {
	head := make([]byte, min(smallFile, imp.shape.chunk))
	k, end, err := fill(r, head)
	if err == nil && end {
		for _, h := range imp.hashes {
			h.Write(head[:k]) // a hash never fails
		}
		err = imp.leaf(ctx, 0, head[:k])
	} else if err == nil {
		err = imp.pipeline(ctx, head, r)
	}
	if err != nil {
		return link{}, err
	}
	root, err := imp.tree.root(ctx)
	if err != nil {
		return link{}, err
	}
	return root, imp.batch.Sync(ctx)
}

// pipeline stores head and all of r.
func (imp *importer) pipeline(ctx context.Context, head []byte, r io.Reader) error {
	g, ctx := errgroup.WithContext(ctx)
	imp.free = make(chan *chunk, inFlight)
	for range inFlight {
		imp.free <- nil
	}
	imp.leaves = make(chan *chunk, inFlight)
	for range leafWorkers {
		g.Go(func() error {
			for c := range imp.leaves {
				err := imp.leaf(ctx, c.index, c.data)
				imp.drop(c)
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, h := range imp.hashes {
		feed := make(chan *chunk, inFlight)
		imp.feeds = append(imp.feeds, feed)
		g.Go(func() error {
			for c := range feed {
				h.Write(c.data)
				imp.drop(c)
			}
			return nil
		})
	}
	readErr := imp.read(ctx, head, r)
	close(imp.leaves)
	for _, feed := range imp.feeds {
		close(feed)
	}
	err := g.Wait()
	imp.giveBack()
	// A worker's error ends the reading too, and is the one to tell.
	if err != nil {
		return err
	}
	return readErr
}

// read cuts head and r into chunks until the end of r or of ctx. The channels
// have room for all chunks there are, so sending never waits.
func (imp *importer) read(ctx context.Context, head []byte, r io.Reader) error {
	for index := 0; ; index++ {
		var c *chunk
		select {
		case c = <-imp.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := ctx.Err(); err != nil { // both were ready
			imp.free <- c
			return context.Cause(ctx)
		}
		if c == nil {
			c = imp.allocate()
		}
		k := copy(c.data[:imp.shape.chunk], head)
		head = head[k:]
		m, end, err := fill(r, c.data[k:imp.shape.chunk])
		if k += m; err != nil || k == 0 {
			imp.free <- c
			return err
		}
		c.index, c.data = index, c.data[:k]
		c.users.Store(int32(1 + len(imp.feeds)))
		imp.leaves <- c
		for _, feed := range imp.feeds {
			feed <- c
		}
		if end {
			return nil
		}
	}
}

// fill reads until p is full or r ends. Only a plain io.EOF is the end: a body
// cut by its sender reports io.ErrUnexpectedEOF, which io.ReadFull would not tell from one.
func fill(r io.Reader, p []byte) (n int, end bool, err error) {
	idle := 0
	for n < len(p) {
		k, err := r.Read(p[n:])
		n += k
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, fmt.Errorf("read file: %w", err)
		}
		if idle++; k > 0 {
			idle = 0
		} else if idle == 100 {
			return n, false, fmt.Errorf("read file: %w", io.ErrNoProgress)
		}
	}
	return n, false, nil
}

// leaf stores a leaf, and enters it and those that waited for it into the tree.
func (imp *importer) leaf(ctx context.Context, index int, data []byte) error {
	c, err := rawLeaf(data)
	if err != nil {
		return err
	}
	if err := imp.batch.Put(ctx, c, data); err != nil {
		return err
	}
	imp.mu.Lock()
	defer imp.mu.Unlock()
	imp.done[index] = link{cid: c, size: int64(len(data)), dag: uint64(len(data))}
	for {
		l, ok := imp.done[imp.next]
		if !ok {
			return nil
		}
		delete(imp.done, imp.next)
		imp.next++
		if err := imp.tree.add(ctx, l); err != nil {
			return err
		}
	}
}

func (imp *importer) allocate() *chunk {
	if c, ok := imp.pool.Get().(*chunk); ok && cap(c.data) >= imp.shape.chunk {
		return c
	}
	return &chunk{data: make([]byte, imp.shape.chunk)}
}

func (imp *importer) drop(c *chunk) {
	if c.users.Add(-1) == 0 {
		imp.free <- c
	}
}

// giveBack returns the buffers to the pool after the last goroutine has ended.
// A chunk that an error left in a channel is left to the garbage collector.
func (imp *importer) giveBack() {
	for {
		select {
		case c := <-imp.free:
			if c != nil {
				imp.pool.Put(c)
			}
		default:
			return
		}
	}
}
