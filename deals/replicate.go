package deals

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// The kinds of this package's jobs.
const (
	kindReplicate = "replicate" // one per piece: enough deals under way
	kindDeal      = "deal"      // one per deal: send it, then follow it

	replicateWorkers = 4
	dealWorkers      = 16
)

// noChain is the reason of everything when no chain is configured.
const noChain = "no Filecoin chain is configured (--rpc)"

// Start makes sure that the zone's pieces have a job that keeps them replicated.
func (d *Deals) Start(ctx context.Context, zone uint64) error {
	pieces, err := d.pieces.OfZone(ctx, zone)
	if err != nil {
		return err
	}
	if len(pieces) == 0 {
		return fmt.Errorf("zone %d is not packed: %w", zone, piece.ErrNoPiece)
	}
	return d.store.Update(ctx, func(tx kv.Tx) error {
		for _, p := range pieces {
			if err := d.queue.Add(tx, kindReplicate, p.CID, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// replicate is the job that keeps a piece with enough providers. It ends when
// enough deals are active or under way; a deal that ends starts it again.
func (d *Deals) replicate(ctx context.Context, pieceCID string) error {
	if done, err := d.giveUpNeedless(ctx, pieceCID); err != nil || done {
		return notGone(err)
	}
	if d.chain == nil {
		if err := d.explainPiece(ctx, pieceCID, noChain); err != nil {
			return notGone(err)
		}
		return queue.Later(d.queue.Now().Add(time.Hour), noChain)
	}
	var (
		row    piece.Piece
		made   []dealRow
		lack   int
		reason string
		again  time.Time
	)
	err := d.store.Update(ctx, func(tx kv.Tx) (err error) {
		row, err = piece.Get(tx, pieceCID)
		if err != nil {
			return err
		}
		made = nil
		busy, have, err := holders(tx, pieceCID)
		if err != nil {
			return err
		}
		now := d.queue.Now()
		found, err := d.choose(tx, pieceCID, busy, now)
		if err != nil {
			return err
		}
		lack = row.Replication - have
		for _, addr := range found.take[:max(0, min(lack, len(found.take)))] {
			deal, err := d.propose(tx, row, addr, now)
			if err != nil {
				return err
			}
			made = append(made, deal)
		}
		lack -= len(made)
		reason, again = d.whyNot(row, lack, len(made), found, now)
		return piece.SetReason(tx, pieceCID, reason)
	})
	if err != nil {
		return notGone(err)
	}
	for _, m := range made {
		d.moved(ctx, m)
	}
	if lack <= 0 {
		return nil
	}
	d.opt.Changed(row.Zone)
	return queue.Later(again, reason)
}

// notGone hides that what a job worked on was forgotten meanwhile.
func notGone(err error) error {
	if errors.Is(err, kv.ErrNotFound) || errors.Is(err, piece.ErrNoPiece) || errors.Is(err, ErrNoDeal) {
		return nil
	}
	return err
}

// holders says which providers have a piece or are about to, and how many
// replicas that makes. A deal near its end counts no more, so that a new one is
// made in time; its provider may be asked again. That of a loose deal may not:
// it could end up being paid twice.
func holders(tx kv.Tx, pieceCID string) (busy map[string]bool, have int, err error) {
	busy, counted := make(map[string]bool), make(map[string]bool)
	for row, err := range scanDeals(tx, 0, pieceCID) {
		if err != nil {
			return nil, 0, err
		}
		live := !row.State.Over() && !row.Expiring
		if live {
			counted[row.Provider] = true
		}
		if live || row.Loose {
			busy[row.Provider] = true
		}
	}
	return busy, len(counted), nil
}

// propose stores a deal with a provider, not yet signed, and the job that sends it.
func (d *Deals) propose(tx kv.Tx, p piece.Piece, provider string, now time.Time) (dealRow, error) {
	id := uuid.NewString()
	token := newToken()
	sum := sha256.Sum256([]byte(token))
	row := dealRow{
		Deal: Deal{UUID: id, Piece: p.CID, Zone: p.Zone, Provider: provider, Created: now,
			Offline: d.providerConfig(provider).Engine == EngineOffline},
		Token: d.box.Seal([]byte(token), tokenSeal(id)), TokenHash: sum[:],
	}
	enter(&row, DealProposed, "about to ask "+provider, now)
	row, err := newDeal(tx, row)
	if err != nil {
		return row, err
	}
	return row, d.queue.Add(tx, kindDeal, id, time.Time{})
}

// whyNot says why replicas are lacking, and when to look again.
func (d *Deals) whyNot(p piece.Piece, lack, asked int, c choice, now time.Time) (reason string, again time.Time) {
	if lack <= 0 {
		return "", time.Time{}
	}
	if len(d.opt.Providers) == 0 {
		return "no providers are configured (--provider)", now.Add(time.Hour)
	}
	again = now.Add(maxCool)
	kinds := make(map[refusal]int)
	var each []string
	for _, addr := range slices.Sorted(maps.Keys(c.refused)) {
		r := c.refused[addr]
		kinds[r.Kind]++
		each = append(each, addr+": "+r.Reason)
		if r.Until.Before(again) {
			again = r.Until
		}
	}
	n := len(c.refused)
	size := humanize.IBytes(uint64(p.PaddedSize))
	switch {
	case asked > 0:
		reason = fmt.Sprintf("%d more replicas wanted than there are providers to ask now", lack)
	case n == 0:
		reason = fmt.Sprintf("%d more replicas wanted, but there are only %d providers to choose from", lack, len(d.providers()))
		again = now.Add(time.Hour)
	case kinds[refusedSize] == n:
		reason = fmt.Sprintf("no provider accepts %s pieces", size)
	case kinds[refusedPrice] == n:
		reason = fmt.Sprintf("no provider takes %s attoFIL per GiB and epoch", d.opt.MaxPrice)
	default:
		reason = fmt.Sprintf("%d more replicas wanted; waiting until a provider may be asked again", lack)
	}
	if n > 0 {
		reason += " (" + strings.Join(each, "; ") + ")"
	}
	return reason, again
}

func (d *Deals) explainPiece(ctx context.Context, pieceCID, reason string) error {
	var zone uint64
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		row, err := piece.Get(tx, pieceCID)
		if err != nil || row.Reason == reason {
			return err
		}
		zone = row.Zone
		return piece.SetReason(tx, pieceCID, reason)
	})
	if err == nil && zone != 0 {
		d.opt.Changed(zone)
	}
	return err
}
