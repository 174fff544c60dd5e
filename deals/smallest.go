package deals

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/kv"
)

// SmallestPiece returns the padded size of the smallest piece that n of the
// listed providers take at a price of ours, of those that a bucket's rules
// allow, or all of these if there are fewer, as far as their asks are known. It
// is 0 if no provider is listed; an error says why no ask is known.
func (d *Deals) SmallestPiece(ctx context.Context, rules Rules, n int) (int64, error) {
	providers, excluded, err := d.allowed(ctx, rules)
	if err != nil {
		return 0, err
	}
	if len(providers)+len(excluded) == 0 {
		return 0, nil
	}
	if d.chain == nil {
		return 0, errors.New(noChain)
	}
	if len(providers) == 0 {
		return 0, errors.New(join(excluded))
	}
	type answer struct {
		ask mk12.Ask
		err error
	}
	found := make([]answer, len(providers))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(askers)
	for i, p := range providers {
		g.Go(func() error {
			found[i].ask, found[i].err = d.cachedAsk(gctx, p)
			return nil
		})
	}
	_ = g.Wait() // none of them fails
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var sizes []int64
	var reasons []string
	var own error // no provider's fault
	for i, f := range found {
		switch {
		case f.err != nil && blameless(ctx, f.err):
			own = f.err
		case f.err != nil:
			reasons = append(reasons, providers[i]+" cannot be reached: "+short(f.err.Error()))
		case d.maxPrice != nil && d.lowestPrice(f.ask).Cmp(d.maxPrice) > 0:
			reasons = append(reasons, fmt.Sprintf("%s asks %s attoFIL per GiB and epoch, the limit is %s", providers[i], d.lowestPrice(f.ask), d.opt.MaxPrice))
		default:
			sizes = append(sizes, f.ask.Min)
		}
	}
	if len(sizes) == 0 && own != nil {
		return 0, own
	}
	if len(sizes) == 0 {
		return 0, errors.New(join(reasons))
	}
	slices.Sort(sizes)
	return sizes[max(0, min(n, len(sizes))-1)], nil
}

// allowed are the providers that may have something of a bucket, and why the others may not.
func (d *Deals) allowed(ctx context.Context, rules Rules) (providers, excluded []string, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		providers, excluded = nil, nil
		list, err := d.list(tx)
		if err != nil {
			return err
		}
		for _, cfg := range list {
			p := cfg.Address
			owner, region, err := d.whose(tx, p)
			if err != nil {
				return err
			}
			if why := rules.excludes(p, owner, region); why != "" {
				excluded = append(excluded, p+": "+why)
			} else {
				providers = append(providers, p)
			}
		}
		return nil
	})
	return providers, excluded, err
}
