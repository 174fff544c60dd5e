package node

import (
	"cmp"
	"context"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/internal/sha256pair"
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

var smalls = sync.Pool{New: func() any { return new([smallFile]byte) }}

// An importer stores one file. The caller of run reads chunks; workers make
// leaves of them, and one goroutine for each hash feeds it in order. A chunk's
// buffer goes back to free when the last of them is done with it, so a slow
// one holds up the reading and memory stays bounded.
type importer struct {
	shape  shape
	batch  blocks.Batch
	hashes []hash.Hash
	chunks *chunks

	free     chan *chunk // those that are done with; read by the caller of run only
	borrowed int         // of the import's chunks, all but the first
	leaves   chan *chunk
	feeds    []*hashFeed

	whole *sha256pair.Stream // of all chunks, if anybody wants their SHA-256

	mu   sync.Mutex
	tree *tree
	next int          // the leaf that tree takes next
	done map[int]link // leaves that came before their turn
}

func newImporter(n *Node, opt ImportOptions) *importer {
	batch := n.blocks.Batch(opt.Private)
	return &importer{
		shape: n.shape, batch: batch, hashes: opt.Hashes, chunks: &n.chunks,
		tree: &tree{width: n.shape.width, put: batch.Put},
		done: map[int]link{},
	}
}

func (imp *importer) run(ctx context.Context, r io.Reader) (link, error) {
	if err := imp.store(ctx, r); err != nil {
		return link{}, err
	}
	root, err := imp.tree.root(ctx)
	if err != nil {
		return link{}, err
	}
	return root, imp.batch.Sync(ctx)
}

// store stores the leaves and what the tree folds of them.
func (imp *importer) store(ctx context.Context, r io.Reader) error {
	head := smalls.Get().(*[smallFile]byte)
	defer smalls.Put(head)
	small := head[:min(smallFile, imp.shape.chunk)]
	k, end, err := fill(r, small)
	if err != nil || end {
		return cmp.Or(err, imp.single(ctx, small[:k]))
	}
	c := imp.chunks.get(imp.shape.chunk)
	c.data = c.data[:imp.shape.chunk]
	copy(c.data, small)
	k, end, err = fill(r, c.data[len(small):])
	c.data = c.data[:len(small)+k]
	var next [1]byte
	if err == nil && !end {
		// A file of exactly one chunk is told from a longer one by what follows.
		k, end, err = fill(r, next[:])
		end = end && k == 0
	}
	if err != nil || end {
		defer imp.chunks.put(c)
		return cmp.Or(err, imp.single(ctx, c.data))
	}
	return imp.pipeline(ctx, c, next[:k], r)
}

// A summed hash can be told the SHA-256 of all that it would be fed.
type summed interface{ SetSHA256(sum []byte) }

// fed are the hashes that have to be fed.
func (imp *importer) fed() (fed []hash.Hash) {
	for _, h := range imp.hashes {
		if _, ok := h.(summed); !ok {
			fed = append(fed, h)
		}
	}
	return fed
}

// tell tells the others.
func (imp *importer) tell(sum []byte) {
	for _, h := range imp.hashes {
		if s, ok := h.(summed); ok {
			s.SetSHA256(sum)
		}
	}
}

// single stores a file of one leaf, whose CID has the file's SHA-256.
func (imp *importer) single(ctx context.Context, data []byte) error {
	var wg sync.WaitGroup
	for _, h := range imp.fed() {
		if len(data) <= smallFile {
			h.Write(data) // a hash never fails
		} else {
			wg.Go(func() { h.Write(data) })
		}
	}
	err := imp.leaf(ctx, 0, data)
	wg.Wait()
	if err != nil {
		return err
	}
	imp.tell(imp.tree.first()[2:]) // behind the code and length of the multihash
	return nil
}

// pipeline stores the first chunk, head and all of r.
func (imp *importer) pipeline(ctx context.Context, first *chunk, head []byte, r io.Reader) error {
	g, ctx := errgroup.WithContext(ctx)
	imp.free = make(chan *chunk, inFlight)
	imp.leaves = make(chan *chunk, inFlight)
	imp.work(ctx, g)
	for _, h := range imp.fed() {
		f := newHashFeed(h)
		imp.feeds = append(imp.feeds, f)
		g.Go(func() error {
			f.run(imp.drop)
			return nil
		})
	}
	imp.send(first, 0)
	readErr := imp.read(ctx, head, r)
	close(imp.leaves)
	for _, f := range imp.feeds {
		f.end()
	}
	err := g.Wait()
	imp.giveBack()
	// A worker's error ends the reading too, and is the one to tell.
	if err = cmp.Or(err, readErr); err == nil && imp.whole != nil {
		sum := imp.whole.Sum()
		imp.tell(sum[:])
	}
	return err
}

// work starts those who make leaves. Where someone wants the SHA-256 of the
// whole it is one, in order, who hashes whole and leaf in one pass.
func (imp *importer) work(ctx context.Context, g *errgroup.Group) {
	workers, sum := leafWorkers, rawLeaf
	if len(imp.fed()) < len(imp.hashes) {
		whole := sha256pair.New()
		imp.whole = whole
		workers, sum = 1, func(data []byte) (cid.Cid, error) {
			sum := whole.Piece(data)
			return leafOf(sum[:])
		}
	}
	for range workers {
		g.Go(func() error {
			for c := range imp.leaves {
				id, err := sum(c.data)
				if err == nil {
					err = imp.put(ctx, c.index, id, c.data)
				}
				imp.drop(c)
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// send gives a chunk to the workers. The channels have room for all chunks
// there are, so it never waits.
func (imp *importer) send(c *chunk, index int) {
	c.index = index
	c.users.Store(int32(1 + len(imp.feeds)))
	imp.leaves <- c
	for _, f := range imp.feeds {
		f.send(c)
	}
}

// read cuts head and r into the chunks after the first until the end of r or of ctx.
func (imp *importer) read(ctx context.Context, head []byte, r io.Reader) error {
	for index := 1; ; index++ {
		c, err := imp.take(ctx)
		if err != nil {
			return err
		}
		k := copy(c.data[:imp.shape.chunk], head)
		head = head[k:]
		m, end, err := fill(r, c.data[k:imp.shape.chunk])
		if k += m; err != nil || k == 0 {
			imp.free <- c
			return err
		}
		c.data = c.data[:k]
		imp.send(c, index)
		if end {
			return nil
		}
	}
}

// take returns a chunk to read into: one that is done with, else a borrowed
// one, else the next that is done with.
func (imp *importer) take(ctx context.Context) (c *chunk, err error) {
	select {
	case c = <-imp.free:
		imp.share()
	default:
		if imp.borrowed < inFlight-1 && imp.chunks.borrow() {
			imp.borrowed++
			c = imp.chunks.get(imp.shape.chunk)
			break
		}
		for _, f := range imp.feeds {
			f.hurry() // or it may wait for the chunk that is read next
		}
		select {
		case c = <-imp.free:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if ctx.Err() != nil {
		imp.free <- c
		return nil, context.Cause(ctx)
	}
	return c, nil
}

// share lets others have a chunk that lies idle when they lack one: who was fast
// once, and is slow now, must not keep what he borrowed.
func (imp *importer) share() {
	if imp.borrowed == 0 || !imp.chunks.scarce() {
		return
	}
	select {
	case c := <-imp.free:
		imp.chunks.put(c)
		imp.chunks.giveBack(1)
		imp.borrowed--
	default:
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
	return imp.put(ctx, index, c, data)
}

// put is leaf, given the CID.
func (imp *importer) put(ctx context.Context, index int, c cid.Cid, data []byte) error {
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

func (imp *importer) drop(c *chunk) {
	if c.users.Add(-1) == 0 {
		imp.free <- c
	}
}

// giveBack returns the buffers after the last goroutine has ended.
// A chunk that an error left in a channel is left to the garbage collector.
func (imp *importer) giveBack() {
	for {
		select {
		case c := <-imp.free:
			imp.chunks.put(c)
		default:
			imp.chunks.giveBack(imp.borrowed)
			return
		}
	}
}
