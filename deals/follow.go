package deals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/filclient"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

const (
	// missingEpochs is for how long the chain must have lost a deal before it is
	// given up: a lagging RPC node or a short fork is no reason to pay for another.
	missingEpochs = 10
	// maxDoubts spread over a quarter of an hour at the default poll.
	maxDoubts = 6
	// renewEpochs before its end a deal counts no more: three weeks, as in Estuary.
	renewEpochs = 21 * 2880
)

// follow is the job of one deal: it takes the next step that can be taken.
func (d *Deals) follow(ctx context.Context, id string) error {
	row, err := d.dealRow(ctx, id)
	if err != nil {
		return notGone(err)
	}
	if row.State.Over() && !row.Loose && row.Seen == 0 {
		return nil
	}
	if d.chain == nil {
		return queue.Later(d.queue.Now().Add(time.Hour), noChain)
	}
	switch {
	case row.Seen != 0 && row.ChainID == 0:
		err = d.takeSeen(ctx, row)
	case row.Loose:
		err = d.watch(ctx, row)
	case row.State == DealProposed:
		err = d.send(ctx, row)
	case row.State == DealAccepted:
		err = d.checkAccepted(ctx, row)
	default:
		err = d.checkChain(ctx, row)
	}
	down := errors.Is(err, chain.ErrUnavailable) || errors.Is(err, filclient.ErrDown)
	if down && row.State.Pending() && ctx.Err() == nil {
		err = errors.Join(err, notGone(d.explain(ctx, row, short(err.Error()))))
	}
	return notMoved(err)
}

// notMoved hides that a deal was changed or forgotten under a step: there is
// nothing left for the step to do.
func notMoved(err error) error {
	if errors.Is(err, errMoved) {
		return nil
	}
	return notGone(err)
}

// waitFor schedules the next look at a deal: one on its way often while it is
// young, and ever more rarely as it grows old without moving.
func (d *Deals) waitFor(row dealRow) error {
	wait := d.opt.Recheck
	if row.State != DealActive {
		wait = max(d.opt.Poll, min(d.queue.Now().Sub(row.Changed)/16, wait))
	}
	reason := row.Reason
	if reason == "" {
		reason = "looks again whether the deal is still on chain"
	}
	return queue.Later(d.queue.Now().Add(wait), reason)
}

// checkAccepted asks the provider how far it is, and looks for the deal on chain.
func (d *Deals) checkAccepted(ctx context.Context, row dealRow) error {
	head, err := d.head(ctx)
	if err != nil {
		return err
	}
	status, err := d.statusOf(ctx, row, uuid.MustParse(row.UUID))
	st := status.DealStatus
	if st == nil {
		st = new(boostly.DealStatus)
	}
	silent := err != nil
	// Once a deal may be on chain, what its provider thinks of it does not matter.
	published := row.Publish != "" || st.PublishCid != nil || st.ChainDealID != 0
	switch {
	case err != nil && blameless(ctx, err):
		return err
	case err != nil:
		row.Reason = row.Provider + " cannot be reached: " + short(err.Error())
	case status.DealStatus == nil && !published:
		return d.doubt(ctx, row, head, phaseStatus, row.Provider+" no longer knows the deal: "+short(status.Error))
	case st.Error != "" && !published:
		return d.end(ctx, row, gaveUp(&status, phaseTransfer))
	default:
		status.DealStatus = st
		row.Reason = progress(row, &status)
	}
	row, id, err := d.locate(ctx, row, st)
	switch {
	case errors.Is(err, chain.ErrInvalidDeal):
		return d.end(ctx, row, failed(phaseChain, err.Error()))
	case err != nil:
		return err
	case id != 0:
		return d.verify(ctx, row, id)
	case st.Error != "":
		// Its message had no effect, or may still have one.
		if _, why, err := d.published(ctx, row); err != nil {
			return err
		} else if !why.pending {
			return d.end(ctx, row, gaveUp(&status, phaseChain))
		}
	}
	return d.keepWaiting(ctx, row, head, silent || claimsChain(st))
}

// gaveUp is how a deal ends of which its provider says that it has failed. It may
// go on all the same, as it has our signature: Boost says so, too, of a deal that
// waits for its operator, who can publish it until its start epoch.
func gaveUp(s *boostly.DealStatusResponse, phase string) fault {
	f := failed(phase, "provider gave up: "+short(s.DealStatus.Error))
	f.loose = true
	return f
}

// keepWaiting waits for a deal that is not known to be on chain, until it can
// no longer get there. The deal of a silent provider may be there all the same,
// and that of one who names a message or an id that is not the deal's.
func (d *Deals) keepWaiting(ctx context.Context, row dealRow, head int64, loose bool) error {
	if head > row.StartEpoch {
		f := failed(phaseChain, fmt.Sprintf("not on chain at its start epoch %d", row.StartEpoch))
		f.loose = loose
		return d.end(ctx, row, f)
	}
	stored, err := d.dealRow(ctx, row.UUID)
	if err != nil {
		return err
	}
	if stored.Tries != 0 || stored.Reason != row.Reason || stored.Publish != row.Publish {
		stored, err = d.change(ctx, row.UUID, func(r *dealRow) {
			r.Tries, r.Reason, r.Publish = 0, row.Reason, row.Publish
		})
		if err != nil {
			return err
		}
	}
	return d.waitFor(stored)
}

// doubt handles a provider whose word does not fit what it said before. It may
// be restarting, so it is asked a few times more, ever later.
func (d *Deals) doubt(ctx context.Context, row dealRow, head int64, phase, reason string) error {
	if row.Tries+1 >= maxDoubts || head > row.StartEpoch {
		f := failed(phase, reason)
		f.loose = phase == phaseChain // it knows a deal, and may mean ours
		return d.end(ctx, row, f)
	}
	row, err := d.change(ctx, row.UUID, func(r *dealRow) {
		r.Tries++
		r.Reason = reason
	})
	if err != nil {
		return err
	}
	return queue.Later(d.queue.Now().Add(d.opt.Poll<<row.Tries), reason)
}

// progress words what a provider says about a deal that is not on chain yet.
func progress(row dealRow, s *boostly.DealStatusResponse) string {
	switch phase := mk12.PhaseOf(s.DealStatus); phase {
	case mk12.PhaseTaking:
		text := waitsForData(row)
		if n := mk12.Pulled(s); n >= 0 && n < 100 && !row.Offline {
			text += fmt.Sprintf(", %d %% pulled", n)
		}
		return text
	case mk12.PhaseTaken:
		return row.Provider + " has the data; waiting for it to publish the deal"
	case mk12.PhaseUnknown:
		if s.DealStatus.Status == "" { // the engine has no words for what it says
			return "waiting for " + row.Provider + " to publish the deal"
		}
		return fmt.Sprintf("waiting for %s to publish the deal (it says %q)", row.Provider, short(s.DealStatus.Status))
	default:
		return fmt.Sprintf("%s says that the deal is %s; waiting until the chain shows it", row.Provider, phase)
	}
}

// verify takes a deal id for ours only if the chain's deal is the one we proposed.
func (d *Deals) verify(ctx context.Context, row dealRow, id uint64) error {
	head, err := d.head(ctx)
	if err != nil {
		return err
	}
	got, diff, err := d.compare(ctx, row, id)
	switch {
	case errors.Is(err, chain.ErrNotOnChain):
		row.Reason = fmt.Sprintf("waiting for deal %d of %s to appear on chain", id, row.Provider)
		return d.keepWaiting(ctx, row, head, true)
	case err != nil:
		return err
	case diff != "":
		return d.doubt(ctx, row, head, phaseChain, fmt.Sprintf("deal %d, which %s names as ours, has %s", id, row.Provider, diff))
	}
	row, err = d.advance(ctx, row, DealPublished, sealing(row), func(r *dealRow) {
		r.ChainID, r.Publish = id, row.Publish
	})
	if err != nil {
		return err
	}
	if got.State.SectorStartEpoch > -1 || got.State.SlashEpoch > -1 {
		return d.settle(ctx, row, got, head)
	}
	return d.waitFor(row)
}

func sealing(row dealRow) string {
	return fmt.Sprintf("waiting for %s to seal, by epoch %d", row.Provider, row.StartEpoch)
}

// compare reads a deal on chain and says how it is not ours. What it says is
// news for us, and confirmed, or what we know already.
func (d *Deals) compare(ctx context.Context, row dealRow, id uint64) (chain.Deal, string, error) {
	signed, err := row.signedProposal()
	if err != nil {
		return chain.Deal{}, "", err
	}
	self, err := d.idOf(ctx, signed.Proposal.Client)
	if err != nil {
		return chain.Deal{}, "", err
	}
	got, err := d.chain.Witnessed(ctx, id, func(got chain.Deal, err error) bool {
		if id != row.ChainID { // it was never seen there
			return errors.Is(err, chain.ErrNotOnChain)
		}
		sealed := got.State.SectorStartEpoch > -1
		return err == nil && chain.Differs(&got.Proposal, &signed.Proposal, self) == "" &&
			sealed == (row.State == DealActive) && got.State.SlashEpoch == -1
	})
	if err != nil {
		return got, "", err
	}
	return got, chain.Differs(&got.Proposal, &signed.Proposal, self), nil
}

// checkChain follows a deal that is on chain.
func (d *Deals) checkChain(ctx context.Context, row dealRow) error {
	head, err := d.head(ctx)
	if err != nil {
		return err
	}
	got, diff, err := d.compare(ctx, row, row.ChainID)
	switch {
	case errors.Is(err, chain.ErrNotOnChain):
		return d.gone(ctx, row, head)
	case err != nil:
		return err
	case diff != "": // a fork gave the number to another deal
		return d.gone(ctx, row, head)
	}
	return d.settle(ctx, row, got, head)
}

// settle takes over what the chain says about our deal.
func (d *Deals) settle(ctx context.Context, row dealRow, got chain.Deal, head int64) (err error) {
	sealed := got.State.SectorStartEpoch > -1
	switch {
	case got.State.SlashEpoch > -1 && head >= row.Missing+missingEpochs && row.Missing != 0:
		return d.end(ctx, row, failed(phaseFault, fmt.Sprintf("slashed at epoch %d", got.State.SlashEpoch)))
	case got.State.SlashEpoch > -1:
		return d.makeSure(ctx, row, head, fmt.Sprintf("the chain says that deal %d was slashed; making sure", row.ChainID))
	case head >= row.EndEpoch:
		return d.expire(ctx, row)
	case !sealed && row.State == DealPublished && head > row.StartEpoch:
		return d.end(ctx, row, failed(phaseFault, fmt.Sprintf("not sealed at its start epoch %d", row.StartEpoch)))
	case sealed && row.State == DealPublished:
		row, err = d.advance(ctx, row, DealActive, "", nil)
	case row.Missing != 0 || row.State == DealPublished && row.Reason != sealing(row):
		row, err = d.change(ctx, row.UUID, func(r *dealRow) {
			if r.Missing = 0; r.State == DealPublished {
				r.Reason = sealing(*r)
			}
		})
	}
	if err != nil {
		return err
	}
	if err := d.renew(ctx, row, head); err != nil {
		return err
	}
	return d.waitFor(row)
}

// renew asks for a replacement of a deal that is about to end.
func (d *Deals) renew(ctx context.Context, row dealRow, head int64) error {
	early := min(renewEpochs, (row.EndEpoch-row.StartEpoch)/8)
	if row.State != DealActive || row.Expiring || row.EndEpoch-head > early {
		return nil
	}
	needed, err := d.needed(ctx, row.Zone, row.Piece)
	if err != nil {
		return err
	}
	reason := fmt.Sprintf("ends at epoch %d, being renewed", row.EndEpoch)
	if !needed {
		reason = fmt.Sprintf("ends at epoch %d, and is not renewed: everything in its piece was deleted", row.EndEpoch)
	}
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		fresh, err := getDeal(tx, row.UUID)
		if err != nil {
			return err
		}
		fresh.Expiring, fresh.Reason = true, reason
		if err := putDeal(tx, fresh); err != nil {
			return err
		}
		return d.queue.Add(tx, kindReplicate, row.Piece, time.Time{})
	})
	if err == nil {
		d.opt.Changed(row.Zone)
	}
	return err
}
