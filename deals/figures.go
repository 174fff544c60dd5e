package deals

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// Figures are of all deals there are.
type Figures struct {
	Attempted    int   // proposals stored
	Published    int   // of them that came on chain, whatever became of them
	Failed       int   // that were refused, or failed
	Failures     int   // records of failures that are kept
	OnChain      int   // published or active
	OnChainBytes int64 // of their pieces, padded
	Days         []DayFigures
}

// DayFigures are of the deals to which something happened on a day (UTC).
type DayFigures struct {
	Day                       time.Time
	Attempted, Failed         int   // proposals stored; deals that ended so
	OnChain, Sealed           int   // published that day and not failed since; sealed
	OnChainBytes, SealedBytes int64 // of their pieces, padded
}

// figuresAge is how old the figures may be: counting reads every deal.
const figuresAge = 10 * time.Second

// Figures counts deals. It may be some seconds old.
func (d *Deals) Figures(ctx context.Context) (Figures, error) {
	f, err := d.figures.Get(figuresAge, func() (Figures, error) { return d.count(ctx) })
	if err != nil {
		return Figures{}, fmt.Errorf("count deals: %w", err)
	}
	f.Days = slices.Clone(f.Days)
	return f, nil
}

func (d *Deals) count(ctx context.Context) (f Figures, err error) {
	days := map[time.Time]*DayFigures{}
	on := func(t time.Time) *DayFigures {
		day := t.UTC().Truncate(24 * time.Hour)
		if days[day] == nil {
			days[day] = &DayFigures{Day: day}
		}
		return days[day]
	}
	err = d.store.View(ctx, func(tx kv.Tx) error {
		f = Figures{}
		clear(days)
		for row, err := range scanDeals(tx, 0, "") {
			if d.skips(ctx, err) {
				continue
			}
			if err != nil {
				return err
			}
			f.Attempted++
			on(row.Created).Attempted++
			if row.ChainID != 0 {
				f.Published++
			}
			if row.ChainID != 0 && !row.State.Over() {
				f.OnChain++
				f.OnChainBytes += row.Size
				// One that was sealed before anyone looked has no time of publishing.
				at := row.Times[DealPublished]
				if at.IsZero() {
					at = row.ActiveAt
				}
				day := on(at)
				day.OnChain++
				day.OnChainBytes += row.Size
			}
			if !row.ActiveAt.IsZero() {
				day := on(row.ActiveAt)
				day.Sealed++
				day.SealedBytes += row.Size
			}
			if row.State == DealFailed || row.State == DealRejected {
				f.Failed++
				on(row.Changed).Failed++
			}
		}
		for _, err := range tx.Scan(kv.Range(prefix, "failure")) {
			if err != nil {
				return err
			}
			f.Failures++
		}
		return nil
	})
	for _, day := range days {
		f.Days = append(f.Days, *day)
	}
	slices.SortFunc(f.Days, func(a, b DayFigures) int { return a.Day.Compare(b.Day) })
	return f, err
}
