package deals

import (
	"context"
	"fmt"
	"strings"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// Progress counts wanted and active deals over all pieces of a zone. The
// reason says what the missing ones wait for; "" if none is missing.
func (d *Deals) Progress(ctx context.Context, zone uint64) (wanted, active int, reason string, err error) {
	pieces, err := d.pieces.OfZone(ctx, zone)
	if err != nil {
		return 0, 0, "", err
	}
	if len(pieces) == 0 {
		return 0, 0, "not packed yet", nil
	}
	var reasons []string
	for _, p := range pieces {
		n, why, err := d.pieceProgress(ctx, p)
		if err != nil {
			return 0, 0, "", err
		}
		wanted += p.Replication
		active += min(n, p.Replication)
		if n < p.Replication {
			reasons = append(reasons, why...)
		}
	}
	return wanted, active, join(reasons), nil
}

// pieceProgress counts the providers that hold a piece, and says what the others wait for.
func (d *Deals) pieceProgress(ctx context.Context, p piece.Piece) (active int, reasons []string, err error) {
	if p.Reason != "" {
		reasons = append(reasons, p.Reason)
	}
	err = d.store.View(ctx, func(tx kv.Tx) error {
		holders := make(map[string]bool)
		for row, err := range scanDeals(tx, 0, p.CID) {
			switch {
			case err != nil:
				return err
			case row.State == DealActive:
				holders[row.Provider] = true
			case row.State.Pending() && row.Reason != "":
				reasons = append(reasons, row.Reason)
			}
		}
		active = len(holders)
		return nil
	})
	return active, reasons, err
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
