package deals

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/whypfs/whypfs/deals/retrieve"
	"github.com/whypfs/whypfs/kv"
)

// providersOf is what retrieve needs of deals: who holds a piece, and where.
type providersOf struct{ d *Deals }

// Holders lists who should be able to give a piece back: active deals first,
// then those that have pulled it, then those whose deal came to its end.
func (x providersOf) Holders(ctx context.Context, pieceCID string) ([]string, error) {
	if x.d.chain == nil {
		return nil, fmt.Errorf("%w: %s", retrieve.ErrNoReplica, noChain)
	}
	rank := map[DealState]int{DealActive: 1, DealPublished: 2, DealAccepted: 3, DealExpired: 4}
	best := make(map[string]int) // by provider
	err := x.d.store.View(ctx, func(tx kv.Tx) error {
		clear(best)
		for row, err := range scanDeals(tx, 0, pieceCID) {
			if x.d.skips(ctx, err) {
				continue
			}
			if err != nil {
				return err
			}
			if n := rank[row.State]; n > 0 && (best[row.Provider] == 0 || n < best[row.Provider]) {
				best[row.Provider] = n
			}
		}
		return nil
	})
	var out []string
	for p := range best {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(best[a]-best[b], cmp.Compare(a, b)) })
	return out, err
}

// Transports asks a provider where it serves pieces over HTTP.
func (x providersOf) Transports(ctx context.Context, provider string) ([]string, error) {
	return x.d.mk12.Transports(ctx, provider)
}
