package deals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/kv"
)

// spendRow is what the deals cost that were signed on a day, by the key that
// pays for them. It is written in the transaction that stores a signed proposal:
// there is no signature that is not counted, and none that counts twice. What
// was signed counts for its day whatever becomes of it, as whoever holds a
// signature may use it.
type spendRow struct {
	Day string // UTC
	By  map[string]big.Int
}

func getSpent(tx kv.Tx, now time.Time) (spendRow, error) {
	row, err := kv.GetJSON[spendRow](tx, keySpent())
	if errors.Is(err, kv.ErrNotFound) {
		err = nil
	}
	day, _, fresh := countedDay(row.Day, now)
	if row.Day = day; fresh || row.By == nil {
		row.By = make(map[string]big.Int)
	}
	return row, err
}

// countedDay is the day for which what is spent now counts, when that is over,
// and whether it is a new one. As with the escrow, a clock that is set back over
// midnight does not begin a day anew, and what was spent on a day that is
// further ahead, by a clock that was wrong, counts today.
func countedDay(last string, now time.Time) (day string, over time.Time, fresh bool) {
	over = now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	today, tomorrow := now.UTC().Format(time.DateOnly), over.Format(time.DateOnly)
	if last == tomorrow {
		return last, over.Add(24 * time.Hour), false
	}
	return today, over, last < today
}

func (r *spendRow) total() big.Int {
	sum := big.Zero()
	for _, amount := range r.By {
		sum = big.Add(sum, amount)
	}
	return sum
}

// spend counts what a deal costs on the day that it is signed, or says that it
// has to wait for another.
func (d *Deals) spend(tx kv.Tx, client string, cost big.Int) error {
	now := d.queue.Now()
	limit, limited := d.opt.DailyLimit, d.limited()
	row, err := getSpent(tx, now)
	switch {
	case err != nil && limited:
		return fmt.Errorf("spent today: %w", err)
	case err != nil: // a number that nothing depends on must stop no deal
		row = spendRow{Day: now.UTC().Format(time.DateOnly), By: make(map[string]big.Int)}
	}
	if limited {
		_, over, _ := countedDay(row.Day, now)
		switch spent := row.total(); {
		case cost.GreaterThan(limit):
			return &errNotNow{reason: fmt.Sprintf("waits: it costs %s, and all deals of a day may cost %s", fil(cost), fil(limit)), until: over}
		case big.Add(spent, cost).GreaterThan(limit):
			return &errNotNow{reason: fmt.Sprintf("waits: it costs %s, and %s of the day's %s are promised; again at 00:00 UTC",
				fil(cost), fil(spent), fil(limit)), until: over}
		}
	}
	if cost.Sign() == 0 {
		return nil
	}
	old, ok := row.By[client]
	if !ok {
		old = big.Zero()
	}
	row.By[client] = big.Add(old, cost)
	return kv.PutJSON(tx, keySpent(), row)
}

// limited says that what is signed in a day has a limit.
func (d *Deals) limited() bool { return d.opt.DailyLimit.Int != nil && d.opt.DailyLimit.Sign() > 0 }

// Spending is what the deals cost that were signed today (UTC).
type Spending struct {
	Today string
	Limit string `json:",omitempty"` // of a day; "": there is none
}

// Spending returns what was spent today.
func (d *Deals) Spending(ctx context.Context) (Spending, error) {
	var out Spending
	err := d.store.View(ctx, func(tx kv.Tx) error {
		row, err := getSpent(tx, d.queue.Now())
		out.Today = fil(row.total())
		return err
	})
	if d.limited() {
		out.Limit = fil(d.opt.DailyLimit)
	}
	return out, err
}

// noteSpent shows in the metrics what was spent today.
func (d *Deals) noteSpent(ctx context.Context) error {
	return d.store.View(ctx, func(tx kv.Tx) error {
		row, err := getSpent(tx, d.queue.Now())
		if err == nil {
			d.met.today.Set(filFloat(row.total()))
		}
		return err
	})
}
