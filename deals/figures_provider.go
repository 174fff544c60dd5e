package deals

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/whypfs/whypfs/kv"
)

// ProviderFigures are of a provider's deals.
type ProviderFigures struct {
	Provider  string
	Deals     int
	Confirmed int // that came on chain, whatever became of them
	Failed    int // that failed before they were on chain
	Faults    int // that failed after that
}

// FiguresByProvider counts the deals of every provider that has any: those first
// of whose deals the largest part came on chain. It reads every deal.
func (d *Deals) FiguresByProvider(ctx context.Context) ([]ProviderFigures, error) {
	var by map[string]ProviderFigures
	err := d.store.View(ctx, func(tx kv.Tx) error {
		by = make(map[string]ProviderFigures)
		for row, err := range scanDeals(tx, 0, "") {
			if d.skips(ctx, err) {
				continue
			}
			if err != nil {
				return err
			}
			f := by[row.Provider]
			f.Provider = row.Provider
			f.Deals++
			bad := row.State == DealFailed || row.State == DealRejected
			switch {
			case row.ChainID != 0 && bad:
				f.Confirmed, f.Faults = f.Confirmed+1, f.Faults+1
			case row.ChainID != 0:
				f.Confirmed++
			case bad:
				f.Failed++
			}
			by[row.Provider] = f
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("figures by provider: %w", err)
	}
	return slices.SortedFunc(maps.Values(by), func(a, b ProviderFigures) int {
		return cmp.Or(cmp.Compare(b.Confirmed*a.Deals, a.Confirmed*b.Deals), cmp.Compare(b.Deals, a.Deals), cmp.Compare(a.Provider, b.Provider))
	}), nil
}
