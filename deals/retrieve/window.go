package retrieve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

const (
	firstBytes    = 1 << 20   // asked for by a reader that may want no more
	windowBytes   = 16 << 20  // asked for in one request
	windowBlocks  = 8192      // and named in memory
	windowsAhead  = 2         // of the one that is being read
	recentWindows = 32        // whose blocks are known without a search
	gapBytes      = 256 << 10 // between two blocks that are cheaper read over than asked for apart
	putBytes      = 8 << 20   // stored at once
)

// A window is a run of a content's blocks that is fetched in one request.
type window struct {
	recall *Recall
	order  Order
	ticket *ticket
	size   int64      // wanted
	first  string     // the block that it was begun for, by its hash
	after  piece.Mark // where the next window begins
	whole  bool       // the content ends with it
	keys   []string   // what is in it

	next     *window // guarded by Recall.mu
	extended bool    // guarded by Recall.mu: next is there, or being made
	err      error   // guarded by Recall.mu
	done     chan struct{}

	// Of the goroutine that fetches it.
	places []piece.Place // that have not come, in one piece, ascending, no large gaps
	ready  []node.Block  // checked, not stored yet
	bytes  int           // of ready
}

// window begins to fetch what is not here of about size bytes from a mark on.
func (c *Recall) window(ctx context.Context, from piece.Mark, size int64, order Order, first string) (*window, error) {
	w := &window{recall: c, order: order, size: max(size, firstBytes), first: first, whole: true, done: make(chan struct{})}
	var run int64 // bytes gone over
	err := c.all.pieces.PlacesFrom(ctx, c.zone, c.content, from, func(p piece.Place) error {
		if run > 0 && (run+int64(p.Size) > size || len(w.keys) == windowBlocks || w.far(p)) {
			w.after, w.whole = p.Mark, false
			return errStop
		}
		run += int64(p.Size)
		w.keys = append(w.keys, string(p.Cid.Hash()))
		w.add(ctx, p)
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, err
	}
	w.ticket = c.all.gate.ask(order.Class, w.span())
	c.begin(w)
	return w, nil
}

// far says whether a block is better asked for apart.
func (w *window) far(p piece.Place) bool {
	if len(w.places) == 0 {
		return false
	}
	last := w.places[len(w.places)-1]
	return last.Piece != p.Piece || p.Off < last.End() || p.Off-last.End() > gapBytes
}

// add has a block fetched that is not here.
func (w *window) add(ctx context.Context, p piece.Place) {
	if p.Cid.Prefix().MhType == multihash.IDENTITY {
		return
	}
	if _, ok := w.recall.all.node.HasBlock(ctx, p.Cid); ok {
		return
	}
	w.places = append(w.places, p)
}

// span is how many bytes of a piece a window asks for.
func (w *window) span() int64 {
	if len(w.places) == 0 {
		return 0
	}
	return w.places[len(w.places)-1].End() - w.places[0].Off
}

// begin makes a window known and fetches it, but for what is on its way already.
func (c *Recall) begin(w *window) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := w.places[:0]
	for _, p := range w.places {
		key := string(p.Cid.Hash())
		if _, ok := c.fresh[key]; ok || c.pending[key] != nil {
			continue
		}
		c.pending[key] = w
		left = append(left, p)
	}
	w.places = left
	for _, key := range w.keys {
		c.where[key] = w
	}
	if c.recent = append(c.recent, w); len(c.recent) > recentWindows {
		old := c.recent[0]
		c.recent = append(c.recent[:0], c.recent[1:]...)
		for _, key := range old.keys {
			if c.where[key] == old {
				delete(c.where, key)
			}
		}
	}
	c.wg.Go(w.run)
}

// run fetches the window and stores it.
func (w *window) run() {
	ctx, c := w.recall.ctx, w.recall
	left := make([]string, len(w.places)) // w.places shrinks
	for i, p := range w.places {
		left[i] = string(p.Cid.Hash())
	}
	err := w.ticket.wait(ctx)
	if err == nil {
		err = w.allowed(ctx)
	}
	if err == nil {
		err = w.fetch(ctx)
	}
	err = errors.Join(err, w.put(ctx))
	w.ticket.release()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range left {
		if c.pending[key] == w {
			delete(c.pending, key)
		}
	}
	if w.err = err; err != nil && ctx.Err() == nil && !errors.Is(err, errDenied) {
		c.reason = err.Error()
	}
	close(w.done)
	c.notify()
}

// allowed asks whether the window's bytes may be fetched, unless a reader waits for them.
func (w *window) allowed(ctx context.Context) error {
	if w.order.Allow == nil || len(w.places) == 0 || w.ticket.is(ForReader) {
		return nil
	}
	if err := w.order.Allow(ctx, w.span()); err != nil {
		return fmt.Errorf("%w: %w", errDenied, err)
	}
	return nil
}

// failure is why a window that has ended lacks blocks.
func (w *window) failure() error {
	w.recall.mu.Lock()
	defer w.recall.mu.Unlock()
	return w.err
}

// fetch reads the window from the first provider that can; what one could not
// give any more, the next one is asked for.
func (w *window) fetch(ctx context.Context) error {
	if len(w.places) == 0 {
		return nil
	}
	from, all := w.places[0].Piece, w.recall.all
	err := all.eachReplica(ctx, from, w.asking(w.order.Class.hurried()), func(at replica) error { return w.fetchFrom(ctx, at) })
	if err == nil || !errors.Is(err, ErrNoReplica) {
		return err
	}
	if again := all.eachReplica(ctx, from, w.asking(false), func(at replica) error { return w.fetchCAR(ctx, at) }); again == nil || !errors.Is(again, ErrNoReplica) {
		return again
	}
	again := w.fetchNetwork(ctx)
	if again == nil || errors.Is(again, errLocal) || ctx.Err() != nil {
		return again
	}
	return fmt.Errorf("%w; %w", err, again)
}

// asking is how providers are asked: what is fetched ahead of a reader is a reader's.
func (w *window) asking(hurry bool) asking {
	if w.order.Class.hurried() {
		return asking{hurry: hurry}
	}
	return asking{ticket: w.ticket, hurry: hurry}
}

func (w *window) fetchFrom(ctx context.Context, at replica) error {
	first, last := w.places[0], w.places[len(w.places)-1]
	b, err := w.recall.all.openRange(ctx, at, first.Piece, first.Off, last.End()-first.Off)
	if err != nil {
		return err
	}
	defer func() {
		w.recall.all.gave(at, b.bytes, b.waited)
		b.Close()
	}()
	in := bufio.NewReaderSize(b, 64<<10)
	pos := first.Off
	for len(w.places) > 0 {
		p := w.places[0]
		head := int64(len(car.SectionHead(p.Cid, p.Size)))
		if _, err := io.CopyN(io.Discard, in, p.Off+head-pos); err != nil {
			return err
		}
		data := make([]byte, p.Size)
		if _, err := io.ReadFull(in, data); err != nil {
			return err
		}
		if err := checkBlock(p.Cid, data); err != nil {
			return err
		}
		pos = p.End()
		w.places = w.places[1:]
		if err := w.keep(ctx, node.Block{Cid: p.Cid, Data: data}, viaPiece); err != nil {
			return err
		}
	}
	return nil
}

// keep hands a checked block to those who wait, and stores it with others.
func (w *window) keep(ctx context.Context, b node.Block, via string) error {
	c, key := w.recall, string(b.Cid.Hash())
	c.all.met.fetchedBytes.WithLabelValues(via).Add(float64(len(b.Data)))
	c.mu.Lock()
	c.fresh[key] = b.Data
	c.came += int64(len(b.Data))
	delete(c.pending, key)
	c.notify()
	c.mu.Unlock()
	if w.order.Came != nil {
		w.order.Came(int64(len(b.Data)))
	}
	w.ready = append(w.ready, b)
	if w.bytes += len(b.Data); w.bytes < putBytes {
		return nil
	}
	return w.put(ctx)
}

// put stores what is ready, also when the last reader has just left with it:
// who has read all of a content has brought it back.
func (w *window) put(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if len(w.ready) == 0 {
		return nil
	}
	c := w.recall
	err := c.put(ctx, w.ready)
	c.mu.Lock()
	for _, b := range w.ready {
		delete(c.fresh, string(b.Cid.Hash()))
	}
	c.mu.Unlock()
	n := w.bytes
	w.ready, w.bytes = nil, 0
	if err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	c.all.met.restoredBytes.Add(float64(n))
	return nil
}
