package retrieve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/node"
)

var errClosed = errors.New("nobody reads the content any more")

// A Put stores blocks of a content that came back, so that they are durable
// when it returns.
type Put func(ctx context.Context, blocks []node.Block) error

// A Recall brings blocks of one content back as they are asked for, and those
// after them ahead of the asking. Whoever has the same content brought back at
// the same time has the same Recall: no block is fetched twice. It has to be
// closed by each of them; with the last it stops.
type Recall struct {
	all           *Retriever
	zone, content uint64
	root          cid.Cid
	put           Put
	users, orders int // guarded by Retriever.mu; orders are those of users that are no readers

	ctx    context.Context // ends with the last user
	cancel context.CancelFunc
	wg     sync.WaitGroup

	began time.Time
	total int64 // bytes of the content's sections
	limit int64 // a DAG is not larger than the pieces it stands in

	locating sync.Mutex // held while the layout is searched
	last     piece.Mark // guarded by locating; where the last search ended

	mu      sync.Mutex // guards what follows
	pending map[string]*window
	fresh   map[string][]byte  // came, and are not stored yet
	where   map[string]*window // of the blocks of recent windows
	recent  []*window
	cars    map[string]*carStream // by where they come from
	came    int64                 // bytes of blocks
	reason  string                // of the last window that failed
	changed chan struct{}         // closed when a block came or a window ended
}

// Open has a content brought back block by block. The first of those who share
// it says with put how blocks are stored; nil: as private ones.
func (r *Retriever) Open(ctx context.Context, zone, content uint64, root cid.Cid, put Put) (*Recall, error) {
	pieces, err := r.pieces.OfZone(ctx, zone)
	if err != nil {
		return nil, err
	}
	if len(pieces) == 0 {
		return nil, fmt.Errorf("%w: %w", node.ErrNotFound, piece.ErrNoPiece)
	}
	total, err := r.pieces.SizeOf(ctx, zone, content)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := recallKey{zone, content}
	c := r.recalls[key]
	if c == nil {
		if put == nil {
			put = func(ctx context.Context, blocks []node.Block) error { return r.node.PutBlocks(ctx, blocks, true) }
		}
		c = &Recall{all: r, zone: zone, content: content, root: root, put: put, began: time.Now().UTC(), total: total, pending: map[string]*window{},
			fresh: map[string][]byte{}, where: map[string]*window{}, changed: make(chan struct{})}
		// It does not end with the request that began it: others may join.
		c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
		for _, p := range pieces {
			c.limit += p.PaddedSize
		}
		if r.recalls == nil {
			r.recalls = map[recallKey]*Recall{}
		}
		r.recalls[key] = c
	}
	c.users++
	return c, nil
}

type recallKey struct{ zone, content uint64 }

// Close ends the use by one of those who have it. When the last is gone nothing
// is fetched any more.
func (c *Recall) Close() {
	c.all.mu.Lock()
	c.users--
	last := c.users == 0
	if key := (recallKey{c.zone, c.content}); last && c.all.recalls[key] == c {
		delete(c.all.recalls, key)
	}
	c.all.mu.Unlock()
	if last {
		c.cancel()
		c.wg.Wait()
		c.endStreams()
	}
}

// Block returns a block of the content, from here or from a provider, checked.
// node.ErrNotFound says that the content has no such block. It is the caller's
// to read, and not to change.
func (c *Recall) Block(ctx context.Context, block cid.Cid) ([]byte, error) {
	key := string(block.Hash())
	var mine *window // that was asked for the block here
	for {
		c.mu.Lock()
		if data, ok := c.fresh[key]; ok {
			c.mu.Unlock()
			c.Seen(block)
			return data, nil
		}
		w, member, changed := c.pending[key], c.where[key] != nil, c.changed
		c.mu.Unlock()
		switch {
		case w != nil:
			if err := c.await(ctx, w, changed); err != nil {
				return nil, err
			}
			mine = w
			continue
		case member:
			if data, err := c.all.node.Block(ctx, block); err == nil {
				c.Seen(block)
				return data, nil
			}
		}
		if mine != nil {
			err := mine.failure()
			if errors.Is(err, errDenied) {
				mine = nil // that was said to another, not to a reader
			} else if err != nil {
				return nil, err
			}
		}
		found, here, err := c.find(ctx, block)
		if err != nil {
			return nil, err
		}
		if here {
			return c.all.node.Block(ctx, block)
		}
		size := int64(firstBytes)
		if mine != nil {
			size = 1 // it came, and went away before it was read
		}
		if w, err = c.window(ctx, found.Mark, size, Order{Class: ForReader}, key); err != nil {
			return nil, err
		}
		mine = w
	}
}

// await waits until something has changed, or the window was given up.
func (c *Recall) await(ctx context.Context, w *window, changed <-chan struct{}) error {
	w.ticket.raise(ForReader)
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return errClosed
	}
}

// find looks a block up in the layout: from where the last search ended, as
// reads go on in its order, and then from the beginning. It says whether the
// block is here already.
func (c *Recall) find(ctx context.Context, block cid.Cid) (found piece.Place, here bool, err error) {
	c.locating.Lock()
	defer c.locating.Unlock()
	look := func(from, to piece.Mark) error {
		return c.all.pieces.PlacesFrom(ctx, c.zone, c.content, from, func(p piece.Place) error {
			if to != (piece.Mark{}) && p.Mark == to {
				return errStop
			}
			if bytes.Equal(p.Cid.Hash(), block.Hash()) {
				found = p
				return errStop
			}
			return nil
		})
	}
	err = look(c.last, piece.Mark{})
	if err == nil && c.last != (piece.Mark{}) {
		err = look(piece.Mark{}, c.last)
	}
	switch {
	case err != nil && !errors.Is(err, errStop):
		return found, false, err
	case !found.Cid.Defined():
		return found, false, fmt.Errorf("%s: %w of content %d", block, node.ErrNotFound, c.content)
	}
	c.last = found.Mark
	_, here = c.all.node.HasBlock(ctx, block)
	return found, here, nil
}

var errStop = errors.New("enough") // ends a walk of the layout

// Seen says that a block was read. What follows it is fetched ahead, once reads
// go on in order.
func (c *Recall) Seen(block cid.Cid) {
	key := string(block.Hash())
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.where[key]
	if w == nil || w.first == key || c.ctx.Err() != nil {
		return
	}
	far := 0
	for ; far < windowsAhead && w.next != nil; far++ {
		w = w.next
	}
	if far == windowsAhead || w.whole || w.extended {
		return
	}
	w.extended = true
	c.wg.Go(func() { c.extend(w, windowsAhead-far) })
}

// extend begins the windows after w. What goes wrong is told when it is asked for.
func (c *Recall) extend(w *window, n int) {
	for ; n > 0 && !w.whole; n-- {
		next, err := c.window(c.ctx, w.after, min(2*w.size, windowBytes), Order{Class: Ahead}, "")
		c.mu.Lock()
		if w.next = next; err != nil {
			w.next, w.extended = nil, false
		} else {
			next.extended = n > 1
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
		w = next
	}
}

// notify wakes those who wait. The caller holds mu.
func (c *Recall) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}
