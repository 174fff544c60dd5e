package deals

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

const (
	windowBytes  = 64 << 20  // asked for in one request
	windowBlocks = 8192      // and named in memory
	gapBytes     = 256 << 10 // between two blocks that are cheaper read over than asked for apart
	putBytes     = 8 << 20   // stored at once
	carBlock     = 32 << 20  // the largest block taken from a CAR
)

// Restore puts the blocks of a content, found through the layout of its
// zone's pieces, back into the node, every block verified against its CID.
// Blocks that are here already are not asked for. If it fails, those that came
// before stay.
func (d *Deals) Restore(ctx context.Context, zone, content uint64, root cid.Cid) error {
	unlock, err := d.restoring.lock(ctx, content)
	if err != nil {
		return err
	}
	defer unlock()
	lease := d.node.Lease()
	defer lease.Release()
	err = d.restore(ctx, zone, content, root)
	result := "ok"
	if err != nil {
		result, err = "failed", fmt.Errorf("restore content %d of zone %d: %w", content, zone, err)
	}
	d.met.restored.WithLabelValues(result).Inc()
	return err
}

func (d *Deals) restore(ctx context.Context, zone, content uint64, root cid.Cid) error {
	spans, err := d.spans(ctx, zone, content)
	if err != nil {
		return err
	}
	pieces, err := d.pieceRows(ctx, zone)
	if err != nil {
		return err
	}
	if len(spans) == 0 || len(pieces) == 0 {
		return ErrNoPiece
	}
	r := &restorer{d: d, zone: zone, pieces: pieces, root: root}
	for _, s := range spans {
		if err := r.span(ctx, s); err != nil {
			return err
		}
	}
	if err := r.fetch(ctx); err != nil {
		return err
	}
	return r.put(ctx)
}

// spans returns where the blocks of a content stand.
func (d *Deals) spans(ctx context.Context, zone, content uint64) (spans []span, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		spans = nil
		from, to := kv.Range(prefix, "span", zone, content)
		for r, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			some, err := decodeSpans(r.Value)
			if err != nil {
				return err
			}
			spans = append(spans, some...)
		}
		return nil
	})
	return spans, err
}

// A wanted block stands at a place in a piece.
type wanted struct {
	entry
	off int64 // of its section, in the piece
}

func (w wanted) end() int64 { return w.off + car.SectionSize(w.cid, w.size) }

// A restorer collects missing blocks that stand together and fetches them at once.
type restorer struct {
	d      *Deals
	zone   uint64
	root   cid.Cid
	pieces []pieceRow

	piece  *pieceRow // of the window
	window []wanted  // ascending, no large gaps

	ready []node.Block // checked, not stored yet
	size  int
}

// span looks at the blocks of a span.
func (r *restorer) span(ctx context.Context, s span) error {
	piece, i := r.find(s.shard)
	if piece == nil {
		return errLayout
	}
	row, _, err := r.d.shard(ctx, r.zone, s.shard)
	if err != nil {
		return err
	}
	base := piece.Shards[i].Offset
	for off, end := row.Prefix+s.off, row.Prefix+s.end(); off < end; {
		ch, err := r.d.loadChunk(ctx, r.zone, s.shard, &row, off)
		if err != nil {
			return err
		}
		for i := ch.find(off); i < len(ch.entries) && off < end; i++ {
			if err := r.block(ctx, piece, wanted{ch.entries[i], base + off}); err != nil {
				return err
			}
			off += car.SectionSize(ch.entries[i].cid, ch.entries[i].size)
		}
	}
	return nil
}

// find returns the piece of a shard, and the shard's index in it.
func (r *restorer) find(ord uint64) (*pieceRow, int) {
	for i := range r.pieces {
		p := &r.pieces[i]
		if ord >= p.First && ord < p.First+uint64(len(p.Shards)) {
			return p, int(ord - p.First)
		}
	}
	return nil, 0
}

// block adds a block to the window if it is missing.
func (r *restorer) block(ctx context.Context, p *pieceRow, w wanted) error {
	if w.cid.Prefix().MhType == multihash.IDENTITY {
		return nil
	}
	if _, ok := r.d.node.HasBlock(ctx, w.cid); ok {
		return nil
	}
	if n := len(r.window); n > 0 {
		last := r.window[n-1]
		far := r.piece != p || w.off < last.end() || w.off-last.end() > gapBytes
		if far || n == windowBlocks || w.end()-r.window[0].off > windowBytes {
			if err := r.fetch(ctx); err != nil {
				return err
			}
		}
	}
	r.piece = p
	r.window = append(r.window, w)
	return nil
}

// fetch reads the window from the first provider that can; what one could not
// give any more, the next one is asked for.
func (r *restorer) fetch(ctx context.Context) error {
	if len(r.window) == 0 {
		return nil
	}
	err := r.d.eachReplica(ctx, r.piece.CID, func(base string) error { return r.fetchFrom(ctx, base) })
	if err == nil || !errors.Is(err, ErrNoReplica) {
		return err
	}
	if again := r.d.eachReplica(ctx, r.piece.CID, func(base string) error { return r.fetchCAR(ctx, base) }); again == nil {
		return nil
	}
	return err
}

func (r *restorer) fetchFrom(ctx context.Context, base string) error {
	first, last := r.window[0], r.window[len(r.window)-1]
	b, err := r.d.openRange(ctx, base, r.piece.CID, first.off, last.end()-first.off)
	if err != nil {
		return err
	}
	defer b.Close()
	in := bufio.NewReaderSize(b, 64<<10)
	at := first.off
	for len(r.window) > 0 {
		w := r.window[0]
		head := int64(len(car.SectionHead(w.cid, w.size)))
		if _, err := io.CopyN(io.Discard, in, w.off+head-at); err != nil {
			return err
		}
		data := make([]byte, w.size)
		if _, err := io.ReadFull(in, data); err != nil {
			return err
		}
		if err := checkBlock(w.cid, data); err != nil {
			return err
		}
		if err := r.keep(ctx, node.Block{Cid: w.cid, Data: data}); err != nil {
			return err
		}
		at = w.end()
		r.window = r.window[1:]
	}
	return nil
}

// keep stores checked blocks in batches.
func (r *restorer) keep(ctx context.Context, b node.Block) error {
	r.ready = append(r.ready, b)
	if r.size += len(b.Data); r.size < putBytes {
		return nil
	}
	return r.put(ctx)
}

func (r *restorer) put(ctx context.Context) error {
	if len(r.ready) == 0 {
		return nil
	}
	// Who asked knows whether any of it is public now; packed it was earlier.
	if err := r.d.node.PutBlocks(ctx, r.ready, true); err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	r.d.met.restoredBytes.Add(float64(r.size))
	r.ready, r.size = nil, 0
	return nil
}

// fetchCAR reads the window's blocks out of the content's CAR, which a
// provider's trustless gateway serves even if it keeps no whole pieces.
func (r *restorer) fetchCAR(ctx context.Context, base string) error {
	h := http.Header{"Accept": {"application/vnd.ipld.car"}}
	b, err := r.d.get(ctx, base+"/ipfs/"+r.root.String()+"?format=car&dag-scope=all", h)
	if err != nil {
		return err
	}
	defer b.Close()
	if b.status != http.StatusOK {
		return fmt.Errorf("/ipfs answers HTTP %d", b.status)
	}
	var limit int64 // a DAG is not larger than the pieces it stands in
	for _, p := range r.pieces {
		limit += p.PaddedSize
	}
	missing := make(map[cid.Cid]bool, len(r.window))
	for _, w := range r.window {
		missing[w.cid] = true
	}
	err = readCAR(io.LimitReader(b, limit), func(c cid.Cid, data []byte) (bool, error) {
		if !missing[c] {
			return true, nil
		}
		if err := checkBlock(c, data); err != nil {
			return false, err
		}
		delete(missing, c)
		return len(missing) > 0, r.keep(ctx, node.Block{Cid: c, Data: data})
	})
	left := r.window[:0:0]
	for _, w := range r.window {
		if missing[w.cid] {
			left = append(left, w)
		}
	}
	r.window = left
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("its CAR lacks %d blocks", len(left))
	}
	return err
}

// readCAR calls fn for the blocks of a CAR until it says stop. The data is fn's to keep.
func readCAR(r io.Reader, fn func(c cid.Cid, data []byte) (more bool, err error)) error {
	in, err := car.NewReader(r, carBlock)
	if err != nil {
		return err
	}
	for {
		c, data, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if more, err := fn(c, data); err != nil || !more {
			return err
		}
	}
}
