package deals

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/kv"
)

// ErrEstimate says that there are not as many providers that would take a piece
// as replicas are asked for.
var ErrEstimate = errors.New("too few providers take such a piece")

// An Offer is one provider's price for a piece.
type Offer struct {
	Provider string
	Ask      KnownAsk
	Total    big.Int // attoFIL, for the whole time
}

// PaddedFor is the size of the piece that so many bytes are padded to: a power
// of two, with 127 bytes of data in 128.
func PaddedFor(size int64) int64 {
	if size <= 127 {
		return 128
	}
	padded := (size + 126) / 127 * 128
	return 1 << bits.Len64(uint64(padded-1))
}

// Estimate returns the cheapest offers for so many replicas of some bytes, by
// what the listed providers asked for last, cheapest first. Where they are
// fewer, which is ErrEstimate, it returns all.
func (d *Deals) Estimate(ctx context.Context, size int64, replication int, epochs int64, verified bool) ([]Offer, error) {
	padded := PaddedFor(size)
	var offers []Offer
	err := d.store.View(ctx, func(tx kv.Tx) error {
		offers = nil
		list, err := d.list(tx)
		if err != nil {
			return err
		}
		for _, p := range list {
			provider := p.Address
			k, err := getAsk(tx, provider)
			if err != nil {
				return err
			}
			if k.At.IsZero() || padded < k.Min || padded > k.Max {
				continue
			}
			perEpoch := total(priceOf(k.Ask, verified), padded)
			offers = append(offers, Offer{provider, k, big.Mul(perEpoch, big.NewInt(epochs))})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("estimate: %w", err)
	}
	slices.SortFunc(offers, func(a, b Offer) int {
		return cmp.Or(a.Total.Cmp(b.Total.Int), cmp.Compare(a.Provider, b.Provider))
	})
	if len(offers) < replication {
		return offers, fmt.Errorf("%d replicas of a piece of %d bytes: %w: %d do", replication, padded, ErrEstimate, len(offers))
	}
	return offers[:replication], nil
}

// total is the price of a piece per epoch, rounded up: a provider refuses less than its ask.
func total(perGiB big.Int, padded int64) big.Int {
	gib := big.NewInt(1 << 30)
	return big.Div(big.Add(big.Mul(perGiB, big.NewInt(padded)), big.Sub(gib, big.NewInt(1))), gib)
}
