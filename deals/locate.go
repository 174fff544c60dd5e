package deals

import (
	"context"
	"errors"
	"fmt"

	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/queue"
)

// locate finds a deal's id on chain: in the receipt of the message that
// published it, or else as the provider says. The id is not trusted yet. A
// provider that names a useless message, and a node that forgets old ones, do
// not keep a deal from being found.
func (d *Deals) locate(ctx context.Context, row dealRow, s *boostly.DealStatus) (dealRow, uint64, error) {
	if s.PublishCid != nil {
		row.Publish = s.PublishCid.String()
	}
	id, why, err := d.published(ctx, row)
	if err != nil {
		return row, 0, err
	}
	if id == 0 {
		id = uint64(s.ChainDealID)
	}
	if id == 0 && why.text != "" {
		row.Reason = why.text
	}
	return row, id, nil
}

// unpublished is why a publish message gives a deal no id.
type unpublished struct {
	text    string
	pending bool // it may still do so
}

// published finds a deal's id in the receipt of its publish message, 0 if that has none.
func (d *Deals) published(ctx context.Context, row dealRow) (id uint64, why unpublished, err error) {
	if row.Publish == "" {
		return 0, why, nil
	}
	msg, err := cid.Decode(row.Publish)
	if err != nil {
		return 0, why, fmt.Errorf("stored publish message of deal %s: %w", row.UUID, err)
	}
	found, err := d.chain.Search(ctx, msg)
	var refused *chain.CallError // a node says so of messages that it has never seen
	if errors.Is(err, chain.ErrPending) || errors.As(err, &refused) {
		return 0, unpublished{"waiting for the publish message of " + row.Provider + " to be executed", true}, nil
	}
	if err != nil {
		return 0, why, err
	}
	if found.Exit != 0 {
		return 0, unpublished{text: fmt.Sprintf("the publish message of %s failed: %s", row.Provider, found.Exit)}, nil
	}
	params, err := d.chain.Message(ctx, found.Message)
	if errors.As(err, &refused) {
		return 0, unpublished{"the publish message of " + row.Provider + " cannot be read: " + short(refused.Message), true}, nil
	}
	if err != nil {
		return 0, why, err
	}
	signed, err := row.signedProposal()
	if err != nil {
		return 0, why, err
	}
	id, err = chain.PublishedID(params, found.Return, &signed.Proposal)
	if err != nil && !errors.Is(err, chain.ErrInvalidDeal) {
		return 0, unpublished{text: row.Provider + " names a message that does not publish the deal: " + short(err.Error())}, nil
	}
	return id, why, err
}

// gone handles a deal that was on chain and is there no more: settled deals are
// removed at their end, and terminated ones before it.
func (d *Deals) gone(ctx context.Context, row dealRow, head int64) error {
	switch {
	case head >= row.EndEpoch && row.State == DealActive:
		return d.expire(ctx, row)
	case row.Missing != 0 && head >= row.Missing+missingEpochs:
		return d.lost(ctx, row, head)
	}
	return d.makeSure(ctx, row, head, fmt.Sprintf("the chain does not know deal %d any more; making sure", row.ChainID))
}

// makeSure waits for bad news to last: a lagging node or a short fork takes
// them back.
func (d *Deals) makeSure(ctx context.Context, row dealRow, head int64, reason string) error {
	if row.Missing == 0 {
		_, err := d.change(ctx, row.UUID, func(r *dealRow) { r.Missing = head })
		if err != nil {
			return err
		}
	}
	return queue.Later(d.queue.Now().Add(d.opt.Poll), reason)
}

// lost gives up a deal that is gone for good. A fork may have undone its publish
// message only to execute it again, with another deal id, or to do so later.
func (d *Deals) lost(ctx context.Context, row dealRow, head int64) error {
	// What the provider says is welcome, and not needed: it may be why the deal is gone.
	status, err := d.statusOf(ctx, row, uuid.MustParse(row.UUID))
	if err != nil || status.DealStatus == nil {
		status.DealStatus = new(boostly.DealStatus)
	}
	found, id, err := d.locate(ctx, row, status.DealStatus)
	if err != nil && !errors.Is(err, chain.ErrInvalidDeal) {
		return err
	}
	if err == nil && id != 0 && id != row.ChainID {
		_, diff, err := d.compare(ctx, row, id)
		switch {
		case err == nil && diff == "":
			return d.renumber(ctx, found, id)
		case err != nil && !errors.Is(err, chain.ErrNotOnChain):
			return err
		}
	}
	if row.State == DealPublished && head <= row.StartEpoch {
		_, why, err := d.published(ctx, found)
		if err == nil && why.pending {
			if err := d.explain(ctx, row, why.text); err != nil {
				return err
			}
			return queue.Later(d.queue.Now().Add(4*d.opt.Poll), why.text)
		}
	}
	reason := fmt.Sprintf("deal %d is gone from the chain", row.ChainID)
	if row.State == DealPublished && head > row.StartEpoch {
		reason = fmt.Sprintf("not sealed at its start epoch %d", row.StartEpoch)
	}
	return d.end(ctx, row, failed(phaseFault, reason))
}

// renumber takes over the id that a deal has on the chain that came to stay.
func (d *Deals) renumber(ctx context.Context, row dealRow, id uint64) error {
	d.log.WarnContext(ctx, "deal has another id after a fork", "deal", row.UUID, "miner", row.Provider, "old", row.ChainID, "new", id)
	row, err := d.change(ctx, row.UUID, func(r *dealRow) {
		r.ChainID, r.Publish, r.Missing = id, row.Publish, 0
	})
	if err != nil {
		return err
	}
	return d.checkChain(ctx, row)
}
