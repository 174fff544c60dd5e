package buckets

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// Totals are for dashboards.
type Totals struct {
	Objects, Contents, Bytes int64 // Objects: versions that are no delete markers
	Live                     int64 // bytes of Objects
	Buckets                  int
	Zones                    map[ZoneState]int
}

// How old the figures may be: counting reads every content, and a dashboard
// asks every few seconds. Where counting takes long it is done less often.
const (
	totalsAge   = 5 * time.Second
	totalsShare = 20
)

// totalsCache holds the figures counted last.
type totalsCache struct {
	mu   sync.Mutex // held while counting too, so that askers share one count
	next time.Time  // when to count again
	last Totals
}

// Totals counts what is stored: Contents and Bytes include what only zones
// still hold, Objects does not. A version that is not the current one any more
// counts in all three. The figures may be some seconds old.
func (b *Buckets) Totals(ctx context.Context) (Totals, error) {
	b.totals.mu.Lock()
	defer b.totals.mu.Unlock()
	if began := time.Now(); began.After(b.totals.next) {
		t, err := b.count(ctx)
		if err != nil {
			return Totals{}, fmt.Errorf("totals: %w", err)
		}
		b.totals.last = t
		b.totals.next = time.Now().Add(max(totalsAge, totalsShare*time.Since(began)))
	}
	t := b.totals.last
	t.Zones = maps.Clone(t.Zones)
	return t, nil
}

func (b *Buckets) count(ctx context.Context) (Totals, error) {
	var t Totals
	err := b.view(ctx, func(tx kv.Tx) error {
		t = Totals{Zones: map[ZoneState]int{}}
		for c, err := range contentRows(tx) {
			if err != nil {
				return err
			}
			t.Contents++
			t.Bytes += c.Size
			if !c.Deleted {
				t.Objects++
				t.Live += c.Size
			}
		}
		for _, err := range tx.Scan(kv.Range(tabName)) {
			if err != nil {
				return err
			}
			t.Buckets++
		}
		for z, err := range zoneRows(tx) {
			if err != nil {
				return err
			}
			t.Zones[z.State]++
		}
		return nil
	})
	return t, err
}
