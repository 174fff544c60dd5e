package deals

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/kv"
)

// ErrNotPaid says that a payment into escrow was not made, and is wrapped with why.
var ErrNotPaid = errors.New("nothing is moved into escrow")

// AddEscrow moves an amount from the wallet into the market's escrow, as an
// operator asks for it, within Options.Escrow.Daily. It returns the message that
// does so, which is stored; the job of the escrow sends and follows it.
func (d *Deals) AddEscrow(ctx context.Context, amount big.Int) (message string, err error) {
	if amount.Int == nil || amount.Sign() <= 0 {
		return "", fmt.Errorf("%w: %s is no amount to move", ErrNotPaid, amount)
	}
	if d.chain == nil {
		return "", ErrNoChain
	}
	k, err := d.wallet.Key(ctx)
	if err != nil {
		return "", err
	}
	addr := k.Address()
	var row escrowRow
	if err := d.store.View(ctx, func(tx kv.Tx) (err error) {
		row, err = getEscrow(tx, addr.String())
		return err
	}); err != nil {
		return "", err
	}
	if row.Payment != nil { // before the chain is asked for anything
		return "", fmt.Errorf("%w: %w", ErrNotPaid, errPaid)
	}
	if limit := d.opt.Escrow.Daily; row.wouldExceed(d.queue.Now(), amount, limit) {
		return "", fmt.Errorf("%w: %s more than %s of today is over the daily limit of %s", ErrNotPaid, fil(amount), fil(row.Spent), fil(limit))
	}
	p, _, why, err := d.decide(ctx, addr, amount, func(tx kv.Tx) error {
		return d.queue.Add(tx, kindEscrow, addr.String(), time.Time{})
	})
	switch {
	case errors.Is(err, errPaid):
		return "", fmt.Errorf("%w: %w", ErrNotPaid, errPaid)
	case err != nil:
		return "", fmt.Errorf("add to the escrow of %s: %w", addr, err)
	case why != "":
		// Nothing waits: whoever asked may ask again.
		why = strings.TrimPrefix(strings.TrimPrefix(why, "top-up of "+fil(amount)+" "), "waits: ")
		return "", fmt.Errorf("%w: %s", ErrNotPaid, why)
	}
	return p.Messages[0].CID, nil
}

// wouldExceed says whether an amount is over a day's limit.
func (r *escrowRow) wouldExceed(now time.Time, amount, limit big.Int) bool {
	_, why := r.dailyLimit(now, amount, limit)
	return why != ""
}
