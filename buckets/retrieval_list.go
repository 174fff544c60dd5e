package buckets

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/kv"
)

// Retrieval returns one, or ErrNoRetrieval.
func (b *Buckets) Retrieval(ctx context.Context, id uint64) (Retrieval, error) {
	var r Retrieval
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		r, err = retrievalRow(tx, id)
		return err
	})
	if err != nil {
		return r, fmt.Errorf("retrieval %d: %w", id, err)
	}
	return b.lively(r), nil
}

// Retrievals lists up to waiting of those that have not ended, those that run
// first and the others by whose turn it is, and then up to ended of the others,
// the last first. Owner 0: everybody's.
func (b *Buckets) Retrievals(ctx context.Context, owner uint64, waiting, ended int) ([]Retrieval, error) {
	var run, wait, over []Retrieval
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		run, wait, over = nil, nil, nil
		mine := func(r Retrieval) bool { return owner == 0 || r.Owner == owner }
		running := b.retrieving.ids()
		for _, id := range running {
			r, err := retrievalRow(tx, id)
			if err != nil && !errors.Is(err, ErrNoRetrieval) {
				return err
			}
			if r = b.lively(r); r.State == RetrievalRunning && mine(r) {
				run = append(run, r)
			}
		}
		wait, err = listRetrievals(tx, tabRetDue, waiting, func(r Retrieval) bool { return mine(r) && !slices.Contains(running, r.ID) })
		if err == nil {
			over, err = listRetrievals(tx, tabRetEnd, ended, mine)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("retrievals: %w", err)
	}
	return append(append(run, wait...), over...), nil
}

// listRetrievals returns up to max of those that an index lists and that fit.
func listRetrievals(tx kv.Tx, table string, max int, fits func(Retrieval) bool) (list []Retrieval, err error) {
	for row, err := range tx.Scan(kv.Range(table)) {
		if err != nil || len(list) == max {
			return list, err
		}
		var id uint64
		before := []any{nil, nil, nil} // table, rank, time
		if table == tabRetEnd {
			before = before[1:]
		}
		if err := kv.Unkey(row.Key, append(before, &id)...); err != nil {
			return nil, err
		}
		r, err := retrievalRow(tx, id)
		if err != nil {
			return nil, err
		}
		if fits(r) {
			list = append(list, r)
		}
	}
	return list, nil
}

// lively tells of a retrieval as it is now, if it runs.
func (b *Buckets) lively(r Retrieval) Retrieval {
	if came, ok := b.retrieving.running(r.ID); ok && r.unfinished() {
		r.State, r.Reason = RetrievalRunning, ""
		r.Bytes += came
	}
	return r
}

func newRetrievalMetrics() (*prometheus.CounterVec, prometheus.Counter) {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whypfs_retrievals_total",
			Help: "Runs of queued retrievals by cause and result: done, failed (tried again), budget (used up), yield (to a more urgent one), cancelled, gone.",
		}, []string{"cause", "result"}), prometheus.NewCounter(prometheus.CounterOpts{
			Name: "whypfs_retrieval_bytes_total", Help: "Block bytes that came for queued retrievals.",
		})
}
