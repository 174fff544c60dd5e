package deals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// watch follows a loose deal: one that was given up without its provider's
// word, which holds our signature and may bring it on chain until its start
// epoch. Then it is a replica that is paid for, and counts. Until it is known
// to be worth nothing, its provider is asked for no other deal of the piece. A
// provider that means even later that the deal is on chain, under a name where
// the chain has nothing of ours, is watched to the deal's end.
func (d *Deals) watch(ctx context.Context, row dealRow) error {
	head, err := d.head(ctx)
	if err != nil {
		return err
	}
	if d.neverPublished(row) {
		return d.letGo(ctx, row)
	}
	status, silence := d.statusOf(ctx, row, uuid.MustParse(row.UUID))
	if silence != nil && blameless(ctx, silence) {
		return silence
	}
	st := status.DealStatus
	if st == nil {
		st = new(boostly.DealStatus)
	}
	found, id, err := d.locate(ctx, row, st)
	if errors.Is(err, chain.ErrInvalidDeal) {
		return d.letGo(ctx, row)
	}
	if err != nil {
		return err
	}
	if id != 0 {
		_, diff, err := d.compare(ctx, row, id)
		switch {
		case err == nil && diff == "":
			return d.revive(ctx, found, DealPublished, id)
		case err != nil && !errors.Is(err, chain.ErrNotOnChain):
			return err
		}
	}
	switch late := head > row.StartEpoch+missingEpochs; {
	case head >= row.EndEpoch, silence == nil && late && !claimsChain(st):
		return d.letGo(ctx, row)
	case silence == nil && id == 0 && found.Publish == "" && (status.DealStatus == nil || cutOff(&status)):
		return d.letGo(ctx, row) // it does not know the deal, or can do nothing for it
	case silence == nil && id == 0 && st.Error == "" && status.DealStatus != nil && head <= row.StartEpoch:
		return d.revive(ctx, found, DealAccepted, 0)
	case silence == nil && late && !row.Settled:
		row, err = d.change(ctx, row.UUID, func(r *dealRow) { r.Settled = true })
		if err != nil {
			return err
		}
	}
	return d.waitFor(row)
}

// cutOff says that a provider has failed to pull a deal's data, and cannot go on:
// since the deal was given up its token is worth nothing. It might have had the
// rest when it was asked before that.
func cutOff(s *boostly.DealStatusResponse) bool {
	n := mk12.Pulled(s)
	return s.DealStatus.Error != "" && n >= 0 && n < 100
}

// claimsChain says whether a provider means that a deal is on chain.
func claimsChain(st *boostly.DealStatus) bool {
	return st.Error == "" && (st.PublishCid != nil || st.ChainDealID != 0)
}

// letGo ends the watch over a deal that will not be on chain.
func (d *Deals) letGo(ctx context.Context, row dealRow) error {
	return d.store.Update(ctx, func(tx kv.Tx) error {
		fresh, err := getDeal(tx, row.UUID)
		if err != nil {
			return err
		}
		fresh.Loose = false
		if err := putDeal(tx, fresh); err != nil {
			return err
		}
		return d.queue.Add(tx, kindReplicate, row.Piece, time.Time{}) // its provider may be asked again
	})
}

// revive takes a loose deal back: as published if the chain has it, as accepted
// if its provider goes on with it and the piece can do with the replica there.
func (d *Deals) revive(ctx context.Context, row dealRow, to DealState, id uint64) error {
	now := d.queue.Now()
	var bucket string
	var rules Rules
	if to == DealAccepted { // what is on chain is there by any rules
		var err error
		if bucket, rules, err = d.rulesOf(ctx, row.Zone); err != nil {
			return err
		}
	}
	revived := false
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		revived = false
		fresh, err := getDeal(tx, row.UUID)
		if err != nil {
			return err
		}
		if !fresh.Loose && (fresh.Seen == 0 || fresh.ChainID != 0) {
			return errMoved
		}
		if to == DealAccepted {
			p, err := piece.Get(tx, row.Piece)
			if err != nil {
				return err
			}
			if fits, err := d.fits(tx, p, bucket, rules, row.Provider); err != nil || !fits {
				return err
			}
		}
		fresh.Loose, fresh.ChainID, fresh.Publish, fresh.Seen = false, id, row.Publish, 0
		enter(&fresh, to, fmt.Sprintf("%s goes on with the deal after all", row.Provider), now)
		row, revived = fresh, true
		if err := putDeal(tx, fresh); err != nil {
			return err
		}
		// Who waits whether it comes need not wait on.
		return errors.Join(dropSpare(tx, row.Piece), d.queue.Add(tx, kindReplicate, row.Piece, time.Time{}))
	})
	if revived || err != nil {
		err = d.told(ctx, row, err)
	}
	if err != nil {
		return err
	}
	return d.waitFor(row)
}
