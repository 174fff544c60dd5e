package deals

import (
	"context"
	"errors"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// change edits a stored deal. Its state does not change.
func (d *Deals) change(ctx context.Context, uuid string, edit func(*dealRow)) (dealRow, error) {
	var row dealRow
	err := d.store.Update(ctx, func(tx kv.Tx) (err error) {
		if row, err = getDeal(tx, uuid); err != nil {
			return err
		}
		edit(&row)
		return putDeal(tx, row)
	})
	return row, err
}

// explain stores why a deal waits, if that is news.
func (d *Deals) explain(ctx context.Context, row dealRow, reason string) error {
	if row.Reason == reason {
		return nil
	}
	_, err := d.change(ctx, row.UUID, func(r *dealRow) { r.Reason = reason })
	if err == nil {
		d.opt.Changed(row.Zone)
	}
	return err
}

// errMoved says that a deal is no longer in the state a step began with.
var errMoved = errors.New("deal has moved on")

// advance moves a deal towards active.
func (d *Deals) advance(ctx context.Context, row dealRow, to DealState, reason string, edit func(*dealRow)) (dealRow, error) {
	now := d.queue.Now()
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		fresh, err := getDeal(tx, row.UUID)
		if err != nil {
			return err
		}
		if fresh.State != row.State {
			return errMoved
		}
		if edit != nil {
			edit(&fresh)
		}
		enter(&fresh, to, reason, now)
		if err := editProvider(tx, fresh.Provider, func(p *providerRow) { count(p, fresh, now, d.took(fresh, now)) }); err != nil {
			return err
		}
		if to == DealActive {
			if err := d.sampleFrom(tx, fresh.UUID, now); err != nil {
				return err
			}
		}
		row = fresh
		return putDeal(tx, fresh)
	})
	return row, d.told(ctx, row, err)
}

// enter puts a deal into a state.
func enter(row *dealRow, to DealState, reason string, now time.Time) {
	row.State, row.Reason, row.Changed, row.Tries, row.Missing = to, reason, now, 0, 0
	if row.Times == nil {
		row.Times = make(map[DealState]time.Time)
	}
	row.Times[to] = now
	if to == DealActive {
		row.ActiveAt = now
	}
}

// count adds a deal's step to its provider's record. It took so long from the beginning.
func count(p *providerRow, row dealRow, now time.Time, took time.Duration) {
	switch row.State {
	case DealAccepted:
		p.Accepted++
		p.note(now).Accepted++
	case DealActive:
		p.Active++
		r := p.note(now)
		r.Active++
		r.Timed++
		r.Hours += took.Hours()
	default:
		return
	}
	p.Streak, p.CoolUntil, p.Reason = 0, time.Time{}, ""
}

// note returns the record of what happens now.
func (p *providerRow) note(now time.Time) *record {
	p.Record.fade(now)
	return &p.Record
}

// told reports a move that was stored. A write that failed may still have taken
// effect, so the zone is told to look then, too.
func (d *Deals) told(ctx context.Context, row dealRow, err error) error {
	switch {
	case err == nil:
		d.moved(ctx, row)
	case !errors.Is(err, errMoved) && !errors.Is(err, ErrNoDeal):
		d.opt.Changed(row.Zone)
	}
	return err
}

func (d *Deals) moved(ctx context.Context, row dealRow) {
	d.met.moves.WithLabelValues(string(row.State)).Inc()
	d.log.InfoContext(ctx, "deal moved", "deal", row.UUID, "state", row.State, "miner", row.Provider, "cid", row.Piece, "reason", row.Reason)
	d.opt.Changed(row.Zone)
}

// A fault is how a deal ended badly.
type fault struct {
	state  DealState // DealRejected, DealFailed
	phase  string
	kind   refusal
	reason string
	loose  bool // its provider may still bring the deal on chain
}

// failed is how a deal ends that its provider had taken.
func failed(phase, reason string) fault {
	return fault{state: DealFailed, phase: phase, kind: refusedDeal, reason: reason}
}

// end ends a deal and wakes the job that finds another provider. A deal that
// was never sent leaves only the record of the failure. One that is loose is
// watched on.
func (d *Deals) end(ctx context.Context, row dealRow, f fault) error {
	now := d.queue.Now()
	doubted := d.watches(row.Client)
	if f.loose && d.neverPublished(row) {
		f.loose = false
	}
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		fresh, err := getDeal(tx, row.UUID)
		if err != nil {
			return err
		}
		if fresh.State != row.State {
			return errMoved
		}
		enter(&fresh, f.state, f.reason, now)
		if fresh.Loose = f.loose && fresh.Sent; fresh.Loose && doubted {
			fresh.Doubt = now.Add(d.opt.Doubt)
		}
		row = fresh
		if !fresh.Sent {
			err = dropDeal(tx, fresh)
		} else {
			err = putDeal(tx, fresh)
		}
		if err != nil {
			return err
		}
		return d.blame(tx, fresh, f, now)
	})
	if err == nil {
		d.met.failures.WithLabelValues(f.phase).Inc()
	}
	if err = d.told(ctx, row, err); err == nil && row.Loose {
		return d.waitFor(row)
	}
	return err
}

// blame records a failure with the provider and the piece, and asks for a replacement.
func (d *Deals) blame(tx kv.Tx, row dealRow, f fault, now time.Time) error {
	if err := d.refuse(tx, row.Piece, row.Provider, f.kind, f.reason, now); err != nil {
		return err
	}
	err := editProvider(tx, row.Provider, func(p *providerRow) {
		p.Reason = f.reason
		if f.state == DealFailed {
			p.Failed++
			if r := p.note(now); row.ActiveAt.IsZero() {
				r.Failed++
			} else {
				r.Lost++
			}
			p.Streak++
			p.CoolUntil = now.Add(d.cool(p.Streak))
		}
	})
	if err != nil {
		return err
	}
	err = putFailure(tx, Failure{Time: now, Deal: row.UUID, Piece: row.Piece, Provider: row.Provider,
		Zone: row.Zone, Phase: f.phase, Message: f.reason})
	if err != nil {
		return err
	}
	return d.queue.Add(tx, kindReplicate, row.Piece, time.Time{})
}

// expire ends a deal that ran its whole time.
func (d *Deals) expire(ctx context.Context, row dealRow) error {
	now := d.queue.Now()
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		fresh, err := getDeal(tx, row.UUID)
		if err != nil {
			return err
		}
		enter(&fresh, DealExpired, "reached its end epoch", now)
		row = fresh
		if err := putDeal(tx, fresh); err != nil {
			return err
		}
		return d.queue.Add(tx, kindReplicate, row.Piece, time.Time{})
	})
	return d.told(ctx, row, err)
}
