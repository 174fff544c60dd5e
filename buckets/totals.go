package buckets

import (
	"context"
	"fmt"
	"maps"
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

// totalsAge is how old the figures may be: counting reads every content, and a
// dashboard asks every few seconds.
const totalsAge = 5 * time.Second

// Totals counts what is stored: Contents and Bytes include what only zones
// still hold, Objects does not. A version that is not the current one any more
// counts in all three. The figures may be some seconds old.
func (b *Buckets) Totals(ctx context.Context) (Totals, error) {
	t, err := b.totals.Get(totalsAge, func() (Totals, error) { return b.count(ctx) })
	if err != nil {
		return Totals{}, fmt.Errorf("totals: %w", err)
	}
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
