package deals

import (
	"context"
	"errors"
	"time"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// toldOver is how many deals of a piece that are over an account tells of.
const toldOver = 10

// PieceAccount is where the replicas of a piece stand, and what is next.
type PieceAccount struct {
	CID        string
	PaddedSize int64
	Needless   bool // everything in it was deleted
	Wanted     int
	Active     int    // providers that have it, by the chain
	Reason     string // what the missing ones wait for
	// Next is when providers are chosen for it again; zero: when a deal ends.
	Next   time.Time     `json:",omitzero"`
	Deals  []DealAccount // those that are not over, then the newest that are
	Choice Choice        // of providers, the last one
}

// DealAccount is a deal with the time of the next look at it.
type DealAccount struct {
	Deal
	Next time.Time `json:",omitzero"` // zero: it is over, and nobody looks any more
}

// Accounts returns those of the pieces that hold a content of a zone; none if
// the zone is not packed.
func (d *Deals) Accounts(ctx context.Context, zone, content uint64) ([]PieceAccount, error) {
	cids, err := d.pieces.OfContent(ctx, zone, content)
	if err != nil {
		return nil, err
	}
	out := make([]PieceAccount, 0, len(cids))
	for _, c := range cids {
		a, err := d.account(ctx, c)
		if errors.Is(err, piece.ErrNoPiece) {
			continue // forgotten meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (d *Deals) account(ctx context.Context, pieceCID string) (a PieceAccount, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		p, err := piece.Get(tx, pieceCID)
		if err != nil {
			return err
		}
		a = PieceAccount{CID: p.CID, PaddedSize: p.PaddedSize, Wanted: p.Replication, Reason: p.Reason}
		if a.Needless, err = needless(tx, pieceCID); err != nil {
			return err
		}
		return a.tell(tx, func(err error) bool { return d.skips(ctx, err) })
	})
	if err != nil {
		return a, err
	}
	for i := range a.Deals {
		if a.Deals[i].Next, err = d.due(ctx, kindDeal, a.Deals[i].UUID); err != nil {
			return a, err
		}
	}
	if a.Next, err = d.due(ctx, kindReplicate, pieceCID); err != nil {
		return a, err
	}
	a.Choice, err = d.Candidates(ctx, pieceCID)
	return a, err
}

// tell fills in the deals of the piece.
func (a *PieceAccount) tell(tx kv.Tx, skips func(error) bool) error {
	var over []DealAccount
	active := make(map[string]bool)
	for row, err := range scanDeals(tx, 0, a.CID) {
		switch {
		case skips(err):
			continue
		case err != nil:
			return err
		case !row.State.Over() || row.Loose:
			a.Deals = append(a.Deals, DealAccount{Deal: row.Deal})
		case len(over) < toldOver:
			over = append(over, DealAccount{Deal: row.Deal})
		}
		if row.State == DealActive {
			active[row.Provider] = true
		}
	}
	a.Deals, a.Active = append(a.Deals, over...), len(active)
	return nil
}

// due is when a job runs next; zero if there is none.
func (d *Deals) due(ctx context.Context, kind, id string) (time.Time, error) {
	j, err := d.queue.Job(ctx, kind, id)
	if errors.Is(err, kv.ErrNotFound) {
		return time.Time{}, nil
	}
	return j.Due, err
}
