package buckets

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/whypfs/whypfs/kv"
)

// RetrievalOptions bound what the queue of retrievals does. Readers are not in
// it, and what they fetch is neither bounded nor counted. The zero value works.
type RetrievalOptions struct {
	Workers int   // retrievals that run at once; default 4
	PerHour int64 // bytes that they ask for in an hour of the clock; 0: no bound
	PerDay  int64 // and in 24 of these, the current one and those before; 0: no bound
}

func (o RetrievalOptions) withDefaults() RetrievalOptions {
	if o.Workers <= 0 {
		o.Workers = 4
	}
	return o
}

const hoursOfDay = 24

// spending counts the bytes that retrievals asked for, by hour. What was counted
// and not written down when the process dies is forgotten: some seconds' worth.
type spending struct {
	mu     sync.Mutex      // guards what follows
	loaded bool            // what was written down is known
	hours  map[int64]int64 // bytes by hour since 1970
	fresh  map[int64]bool  // hours that are not written down as they are
}

// A budgetError says that the budget is used up.
type budgetError struct {
	until time.Time
	why   string
}

func (e *budgetError) Error() string { return e.why }

// load reads what was written down, once.
func (b *Buckets) loadSpending(ctx context.Context) error {
	s := &b.spending
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded {
		return nil
	}
	hours := map[int64]int64{}
	err := b.view(ctx, func(tx kv.Tx) error {
		clear(hours)
		for row, err := range tx.Scan(kv.Range(tabRetSpent)) {
			if err != nil {
				return err
			}
			var hour uint64
			if err := kv.Unkey(row.Key, nil, &hour); err != nil {
				return err
			}
			if hours[int64(hour)], err = kv.GetJSON[int64](tx, row.Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("what retrievals have spent: %w", err)
	}
	s.hours, s.fresh, s.loaded = hours, map[int64]bool{}, true
	return nil
}

// spend counts bytes that are about to be asked for, unless the budget is used
// up. What is asked for at once may go beyond it: a bound below that would
// let nothing through ever.
func (b *Buckets) spend(bytes int64, now time.Time) error {
	s := &b.spending
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.left(b.retrievals, now); err != nil {
		return err
	}
	hour := hourOf(now)
	s.hours[hour] += bytes
	s.fresh[hour] = true
	return nil
}

// left returns a *budgetError if the budget is used up. The caller holds mu.
func (s *spending) left(opt RetrievalOptions, now time.Time) error {
	hour := hourOf(now)
	used := func(ends int64) (sum int64) {
		for h := ends - hoursOfDay + 1; h <= ends; h++ {
			sum += s.hours[h]
		}
		return sum
	}
	next := hour
	for opt.PerDay > 0 && used(next) >= opt.PerDay {
		next++
	}
	if next > hour {
		return &budgetError{startOf(next), fmt.Sprintf("the %s that retrievals may take in a day are used up", humanize.IBytes(uint64(opt.PerDay)))}
	}
	if opt.PerHour > 0 && s.hours[hour] >= opt.PerHour {
		return &budgetError{startOf(hour + 1), fmt.Sprintf("the %s that retrievals may take in an hour are used up", humanize.IBytes(uint64(opt.PerHour)))}
	}
	return nil
}

func startOf(hour int64) time.Time { return time.Unix(hour*int64(readGrain/time.Second), 0).UTC() }

// saveSpending writes down, in the caller's transaction, what was spent.
func (b *Buckets) saveSpending(tx kv.Tx, now time.Time) error {
	s := &b.spending
	s.mu.Lock()
	defer s.mu.Unlock()
	for hour := range s.fresh {
		if err := kv.PutJSON(tx, kv.Key(tabRetSpent, uint64(hour)), s.hours[hour]); err != nil {
			return err
		}
	}
	var errs []error
	for hour := range s.hours {
		if hour <= hourOf(now)-hoursOfDay {
			errs = append(errs, tx.Delete(kv.Key(tabRetSpent, uint64(hour))))
		}
	}
	return errors.Join(errs...)
}

// savedSpending is called when that is durable.
func (b *Buckets) savedSpending(now time.Time) {
	s := &b.spending
	s.mu.Lock()
	defer s.mu.Unlock()
	for hour := range s.hours {
		if hour != hourOf(now) {
			delete(s.fresh, hour)
		}
		if hour <= hourOf(now)-hoursOfDay {
			delete(s.hours, hour)
		}
	}
}

// RetrievalBudget is what of the budget of retrievals is used.
type RetrievalBudget struct {
	PerHour int64 `json:"per_hour"` // 0: no bound
	PerDay  int64 `json:"per_day"`
	Hour    int64 `json:"hour"` // bytes asked for in this hour
	Day     int64 `json:"day"`
}

// RetrievalBudget tells of the budget.
func (b *Buckets) RetrievalBudget(ctx context.Context) (RetrievalBudget, error) {
	if err := b.loadSpending(ctx); err != nil {
		return RetrievalBudget{}, err
	}
	s := &b.spending
	s.mu.Lock()
	defer s.mu.Unlock()
	hour := hourOf(time.Now())
	out := RetrievalBudget{PerHour: b.retrievals.PerHour, PerDay: b.retrievals.PerDay, Hour: s.hours[hour]}
	for h := hour - hoursOfDay + 1; h <= hour; h++ {
		out.Day += s.hours[h]
	}
	return out, nil
}
