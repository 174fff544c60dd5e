package retrieve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/node"
)

const (
	// networkWait is how long other nodes may send no block of a window, and
	// networkHurry that while a reader waits.
	networkWait  = time.Minute
	networkHurry = 20 * time.Second
	// networkWants are asked for at once.
	networkWants = 64
)

var errPrivate = errors.New("it is private, and its CIDs are told to nobody")

// fetchNetwork asks other nodes of IPFS for the window's blocks, if the content
// is public: who asks there tells the CIDs.
func (w *window) fetchNetwork(ctx context.Context) error {
	c := w.recall
	all := c.all
	idle := networkWait
	if w.ticket.is(ForReader) {
		idle = networkHurry
	}
	for len(w.places) > 0 {
		if all.public == nil || !all.public(ctx, c.root) {
			return errPrivate
		}
		var want []cid.Cid
		for _, p := range w.places[:min(len(w.places), networkWants)] {
			want = append(want, p.Cid)
		}
		err := all.node.Ask(ctx, c.root, want, idle, func(got []node.Block) error {
			for _, b := range got {
				if err := w.came(ctx, b, viaNetwork); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("other nodes: %w", err)
		}
	}
	return nil
}

// came takes one of the window's blocks that came in no order.
func (w *window) came(ctx context.Context, b node.Block, via string) error {
	i := slices.IndexFunc(w.places, func(p piece.Place) bool { return p.Cid.Equals(b.Cid) })
	if i < 0 {
		return nil // nobody asked for it
	}
	if err := checkBlock(b.Cid, b.Data); err != nil {
		return err
	}
	w.places = slices.Delete(w.places, i, i+1)
	return w.keep(ctx, b, via)
}
