package retrieve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/car"
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
func (r *Retriever) Restore(ctx context.Context, zone, content uint64, root cid.Cid) error {
	unlock, err := r.restoring.Lock(ctx, content)
	if err != nil {
		return err
	}
	defer unlock()
	lease := r.node.Lease()
	defer lease.Release()
	err = r.restore(ctx, zone, content, root)
	result := "ok"
	if err != nil {
		result, err = "failed", fmt.Errorf("restore content %d of zone %d: %w", content, zone, err)
	}
	r.met.restored.WithLabelValues(result).Inc()
	return err
}

func (r *Retriever) restore(ctx context.Context, zone, content uint64, root cid.Cid) error {
	pieces, err := r.pieces.OfZone(ctx, zone)
	if err != nil {
		return err
	}
	run := &restorer{all: r, root: root}
	for _, p := range pieces {
		run.limit += p.PaddedSize
	}
	err = r.pieces.Places(ctx, zone, content, func(p piece.Place) error { return run.block(ctx, p) })
	if err != nil {
		return err
	}
	if err := run.fetch(ctx); err != nil {
		return err
	}
	return run.put(ctx)
}

// A restorer collects missing blocks that stand together and fetches them at once.
type restorer struct {
	all   *Retriever
	root  cid.Cid
	limit int64 // a DAG is not larger than the pieces it stands in

	window []piece.Place // missing, in one piece, ascending, no large gaps

	ready []node.Block // checked, not stored yet
	size  int
}

// block adds a block to the window if it is missing.
func (r *restorer) block(ctx context.Context, w piece.Place) error {
	if w.Cid.Prefix().MhType == multihash.IDENTITY {
		return nil
	}
	if _, ok := r.all.node.HasBlock(ctx, w.Cid); ok {
		return nil
	}
	if n := len(r.window); n > 0 {
		last := r.window[n-1]
		far := last.Piece != w.Piece || w.Off < last.End() || w.Off-last.End() > gapBytes
		if far || n == windowBlocks || w.End()-r.window[0].Off > windowBytes {
			if err := r.fetch(ctx); err != nil {
				return err
			}
		}
	}
	r.window = append(r.window, w)
	return nil
}

// fetch reads the window from the first provider that can; what one could not
// give any more, the next one is asked for.
func (r *restorer) fetch(ctx context.Context) error {
	if len(r.window) == 0 {
		return nil
	}
	from := r.window[0].Piece
	err := r.all.eachReplica(ctx, from, func(base string) error { return r.fetchFrom(ctx, base) })
	if err == nil || !errors.Is(err, ErrNoReplica) {
		return err
	}
	if again := r.all.eachReplica(ctx, from, func(base string) error { return r.fetchCAR(ctx, base) }); again == nil {
		return nil
	}
	return err
}

func (r *restorer) fetchFrom(ctx context.Context, base string) error {
	first, last := r.window[0], r.window[len(r.window)-1]
	b, err := r.all.openRange(ctx, base, first.Piece, first.Off, last.End()-first.Off)
	if err != nil {
		return err
	}
	defer b.Close()
	in := bufio.NewReaderSize(b, 64<<10)
	at := first.Off
	for len(r.window) > 0 {
		w := r.window[0]
		head := int64(len(car.SectionHead(w.Cid, w.Size)))
		if _, err := io.CopyN(io.Discard, in, w.Off+head-at); err != nil {
			return err
		}
		data := make([]byte, w.Size)
		if _, err := io.ReadFull(in, data); err != nil {
			return err
		}
		if err := checkBlock(w.Cid, data); err != nil {
			return err
		}
		if err := r.keep(ctx, node.Block{Cid: w.Cid, Data: data}); err != nil {
			return err
		}
		at = w.End()
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
	if err := r.all.node.PutBlocks(ctx, r.ready, true); err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	r.all.met.restoredBytes.Add(float64(r.size))
	r.ready, r.size = nil, 0
	return nil
}

// fetchCAR reads the window's blocks out of the content's CAR, which a
// provider's trustless gateway serves even if it keeps no whole pieces.
func (r *restorer) fetchCAR(ctx context.Context, base string) error {
	h := http.Header{"Accept": {"application/vnd.ipld.car"}}
	b, err := r.all.get(ctx, base+"/ipfs/"+r.root.String()+"?format=car&dag-scope=all", h)
	if err != nil {
		return err
	}
	defer b.Close()
	if b.status != http.StatusOK {
		return fmt.Errorf("/ipfs answers HTTP %d", b.status)
	}
	missing := make(map[cid.Cid]bool, len(r.window))
	for _, w := range r.window {
		missing[w.Cid] = true
	}
	err = readCAR(io.LimitReader(b, r.limit), func(c cid.Cid, data []byte) (bool, error) {
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
		if missing[w.Cid] {
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
