package deals

import (
	"context"
	"fmt"
	"strings"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// Standing is how far the deals of a zone are.
type Standing struct {
	Wanted  int    // replicas of its pieces, but for those that nothing needs any more
	Active  int    // of the wanted ones: providers that have them, by the chain
	Pending int    // deals that are under way, wanted or not
	Ending  int    // active deals of pieces that nothing needs, which run out
	Reason  string // what the missing replicas wait for; "" if none is missing
}

// Standing counts over all pieces of a zone.
func (d *Deals) Standing(ctx context.Context, zone uint64) (Standing, error) {
	var out Standing
	pieces, err := d.pieces.OfZone(ctx, zone)
	if err != nil {
		return out, err
	}
	if len(pieces) == 0 {
		return Standing{Reason: "not packed yet"}, nil
	}
	var reasons []string
	for _, p := range pieces {
		s, why, err := d.pieceStanding(ctx, p)
		if err != nil {
			return out, err
		}
		out.Wanted += s.Wanted
		out.Active += s.Active
		out.Pending += s.Pending
		out.Ending += s.Ending
		if s.Active < s.Wanted {
			reasons = append(reasons, why...)
		}
	}
	out.Reason = join(reasons)
	return out, nil
}

// Progress is the standing of a zone in short.
func (d *Deals) Progress(ctx context.Context, zone uint64) (wanted, active int, reason string, err error) {
	s, err := d.Standing(ctx, zone)
	return s.Wanted, s.Active, s.Reason, err
}

// pieceStanding counts the providers that hold a piece, and says what the others wait for.
func (d *Deals) pieceStanding(ctx context.Context, p piece.Piece) (s Standing, reasons []string, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		s, reasons = Standing{}, nil
		if p.Reason != "" {
			reasons = append(reasons, p.Reason)
		}
		idle, err := needless(tx, p.CID)
		if err != nil {
			return err
		}
		holders := make(map[string]bool)
		for row, err := range scanDeals(tx, 0, p.CID) {
			switch {
			case d.skips(ctx, err):
			case err != nil:
				return err
			case row.State == DealActive && !row.Unsound:
				holders[row.Provider] = true
			case row.State.Pending():
				s.Pending++
				if row.Reason != "" {
					reasons = append(reasons, row.Reason)
				}
			}
		}
		if idle {
			s.Ending = len(holders)
			return nil
		}
		s.Wanted, s.Active = p.Replication, min(len(holders), p.Replication)
		return nil
	})
	return s, reasons, err
}

// join keeps the first few of several reasons, each once.
func join(reasons []string) string {
	const most = 3
	var out []string
	seen := make(map[string]bool)
	for _, r := range reasons {
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	return strings.Join(out, "; ")
}
