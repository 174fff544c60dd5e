package deals

import (
	"bytes"
	"context"
	"fmt"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/whypfs/whypfs/kv"
)

// ZoneFigures are of the deals of a zone. What they cost is by their signed
// proposals, for their whole time, in attoFIL.
type ZoneFigures struct {
	Deals     int // that have not failed
	Confirmed int // of them, on chain
	Failed    int

	Spending, ConfirmedSpending big.Int
}

// FiguresByZone counts the deals of every zone. It reads every deal.
func (d *Deals) FiguresByZone(ctx context.Context) (map[uint64]ZoneFigures, error) {
	var out map[uint64]ZoneFigures
	err := d.store.View(ctx, func(tx kv.Tx) error {
		out = make(map[uint64]ZoneFigures)
		for row, err := range scanDeals(tx, 0, "") {
			if d.skips(ctx, err) {
				continue
			}
			if err != nil {
				return err
			}
			f, ok := out[row.Zone]
			if !ok {
				f.Spending, f.ConfirmedSpending = big.Zero(), big.Zero()
			}
			if err := f.add(row); err != nil {
				return err
			}
			out[row.Zone] = f
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("figures by zone: %w", err)
	}
	return out, nil
}

func (f *ZoneFigures) add(row dealRow) error {
	if row.State == DealFailed || row.State == DealRejected {
		f.Failed++
		return nil
	}
	cost := big.Zero()
	if len(row.Signed) > 0 {
		var signed market.ClientDealProposal
		if err := signed.UnmarshalCBOR(bytes.NewReader(row.Signed)); err != nil {
			return fmt.Errorf("signed proposal of deal %s: %w", row.UUID, err)
		}
		cost = signed.Proposal.TotalStorageFee()
	}
	f.Deals++
	f.Spending = big.Add(f.Spending, cost)
	if row.ChainID != 0 {
		f.Confirmed++
		f.ConfirmedSpending = big.Add(f.ConfirmedSpending, cost)
	}
	return nil
}
