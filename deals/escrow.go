package deals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// kindEscrow are the jobs that fill the escrow of an address, one for each.
const kindEscrow = "escrow"

// quietEscrow is how often an escrow is looked at that nobody asked to be filled.
const quietEscrow = time.Hour

// EscrowOptions say what may be moved from the wallet into the market's escrow,
// in attoFIL. The zero value moves nothing.
type EscrowOptions struct {
	TopUp big.Int // moved at once when a deal lacks it; 0: only AddEscrow moves anything
	Daily big.Int // moved in a day (UTC) at most, AddEscrow's too; 0: nothing is ever moved
	Low   big.Int // filled up below this, as for a deal that cannot be paid
	Gas   big.Int // most that the gas of one payment may cost; default 0.1 FIL
}

func (o EscrowOptions) withDefaults() EscrowOptions {
	for _, a := range []*big.Int{&o.TopUp, &o.Daily, &o.Low} {
		if a.Int == nil {
			*a = big.Zero()
		}
	}
	if o.Gas.Int == nil {
		o.Gas = big.NewInt(1e17)
	}
	return o
}

// escrowRow is what is known of an address's escrow: what goes into it.
type escrowRow struct {
	Day     string   // UTC, of Spent
	Spent   big.Int  // moved, or to be moved, on that day
	Short   big.Int  // what deals that wait need to have free
	Payment *payment `json:",omitempty"` // under way; there is no other until its end is known
	Reason  string   // what is going on, for a person
}

func getEscrow(tx kv.Tx, addr string) (escrowRow, error) {
	row, err := kv.GetJSON[escrowRow](tx, keyEscrow(addr))
	if errors.Is(err, kv.ErrNotFound) {
		err = nil
	}
	for _, a := range []*big.Int{&row.Spent, &row.Short} {
		if a.Int == nil {
			*a = big.Zero()
		}
	}
	return row, err
}

// editEscrow changes the row of an address. f may run again.
func (d *Deals) editEscrow(ctx context.Context, addr string, f func(kv.Tx, *escrowRow) error) (row escrowRow, err error) {
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		if row, err = getEscrow(tx, addr); err != nil {
			return err
		}
		if err := f(tx, &row); err != nil {
			return err
		}
		return kv.PutJSON(tx, keyEscrow(addr), row)
	})
	return row, err
}

// wantEscrow asks for so much to be free in a client's escrow.
func (d *Deals) wantEscrow(ctx context.Context, client address.Address, need big.Int) error {
	if d.opt.Escrow.TopUp.Sign() == 0 {
		return nil
	}
	_, err := d.editEscrow(ctx, client.String(), func(tx kv.Tx, row *escrowRow) error {
		if need.GreaterThan(row.Short) {
			row.Short = need
		}
		return d.queue.Add(tx, kindEscrow, client.String(), time.Time{})
	})
	return err
}

// watchEscrow starts the job that looks after the escrow deals are paid from.
func (d *Deals) watchEscrow(ctx context.Context) error {
	if d.opt.Escrow.TopUp.Sign() == 0 {
		return nil
	}
	addr, err := d.Address(ctx)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx kv.Tx) error { return d.queue.Add(tx, kindEscrow, addr, time.Time{}) })
}

// fillEscrow is the job: it follows the payment that is under way, or makes the
// next one if the escrow is low.
func (d *Deals) fillEscrow(ctx context.Context, id string) error {
	addr, err := address.NewFromString(id)
	if err != nil {
		return fmt.Errorf("escrow of %q: %w", id, err)
	}
	if d.chain == nil {
		return queue.Later(d.queue.Now().Add(quietEscrow), noChain)
	}
	var row escrowRow
	if err := d.store.View(ctx, func(tx kv.Tx) (err error) {
		row, err = getEscrow(tx, id)
		return err
	}); err != nil {
		return err
	}
	if row.Payment != nil { // also when no more are to be made
		if err := d.followPayment(ctx, addr, row.Payment); err != nil {
			return err
		}
	}
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return err
	}
	if k.Address() != addr || d.opt.Escrow.TopUp.Sign() == 0 {
		return nil // it pays for no new deals
	}
	return d.topUp(ctx, addr)
}

// topUp makes the next payment if the escrow is low, or says why not.
func (d *Deals) topUp(ctx context.Context, addr address.Address) error {
	var spoken big.Int
	if err := d.store.View(ctx, func(tx kv.Tx) error {
		all, err := promised(tx, addr)
		spoken = big.Zero()
		for _, amount := range all {
			spoken = big.Add(spoken, amount)
		}
		return err
	}); err != nil {
		return err
	}
	has, err := d.chain.Escrow(ctx, addr)
	if err != nil {
		return d.escrowWaits(ctx, addr, 10*d.opt.Poll, "escrow of "+addr.String()+" is not known: "+short(err.Error()))
	}
	d.met.escrow.Set(filFloat(has))
	free := big.Sub(has, spoken)
	row, err := d.editEscrow(ctx, addr.String(), func(_ kv.Tx, row *escrowRow) error {
		if has.GreaterThanEqual(row.Short) {
			row.Short = big.Zero()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if row.Short.Sign() == 0 && free.GreaterThanEqual(d.opt.Escrow.Low) {
		return d.escrowWaits(ctx, addr, quietEscrow, "")
	}
	return d.pay(ctx, addr, d.opt.Escrow.TopUp)
}

// escrowWaits ends a run of the job, with the reason where deals show it too.
func (d *Deals) escrowWaits(ctx context.Context, addr address.Address, wait time.Duration, reason string) error {
	if _, err := d.editEscrow(ctx, addr.String(), func(_ kv.Tx, row *escrowRow) error {
		row.Reason = reason
		return nil
	}); err != nil {
		return err
	}
	if reason == "" {
		reason = "enough in escrow"
	}
	return queue.Later(d.queue.Now().Add(wait), reason)
}

// dailyLimit says how long a payment has to wait for the next day, and why. A
// payment counts on the day it was decided on, whatever becomes of it; if the
// clock is set back over midnight, until the day after that. What was spent on
// a day that is further ahead, by a clock that was wrong, counts today.
func (r *escrowRow) dailyLimit(now time.Time, amount, limit big.Int) (time.Duration, string) {
	const day = 24 * time.Hour
	next := now.UTC().Truncate(day).Add(day)
	switch today, tomorrow := now.UTC().Format(time.DateOnly), next.Format(time.DateOnly); {
	case r.Day < today:
		r.Day, r.Spent = today, big.Zero()
	case r.Day == tomorrow:
		next = next.Add(day)
	case r.Day > tomorrow:
		r.Day = today
	}
	if big.Add(r.Spent, amount).LessThanEqual(limit) {
		return 0, ""
	}
	return next.Sub(now), fmt.Sprintf("top-up of %s waits for the daily limit of %s until 00:00 UTC", fil(amount), fil(limit))
}

// refusedCall says that the chain refused a call, as against not answering it.
func refusedCall(err error) bool {
	var no *chain.CallError
	return errors.As(err, &no)
}
