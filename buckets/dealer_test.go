package buckets_test

import (
	"context"
	"errors"

	"github.com/whypfs/whypfs/buckets"
)

// dealer is a Dealer of functions; without one a call succeeds.
type dealer struct {
	pack     func(buckets.Zone, []buckets.Content) ([]string, error)
	deal     func(buckets.Zone) error
	progress func(buckets.Zone) (buckets.Progress, error)
	sampled  func(buckets.Zone) (int, bool, error)
	restore  func(context.Context, buckets.Content) error
	forget   func(buckets.Zone) error
	smallest func(providers int) (int64, error)
}

func (d *dealer) SmallestPiece(_ context.Context, _ buckets.ProviderRules, providers int) (int64, error) {
	if d.smallest == nil {
		return 0, nil
	}
	return d.smallest(providers)
}

func (d *dealer) Pack(_ context.Context, z buckets.Zone, members []buckets.Content) ([]string, error) {
	if d.pack == nil {
		return []string{"baga" + z.Bucket}, nil
	}
	return d.pack(z, members)
}

func (d *dealer) Deal(_ context.Context, z buckets.Zone) error {
	if d.deal == nil {
		return nil
	}
	return d.deal(z)
}

func (d *dealer) Progress(_ context.Context, z buckets.Zone) (buckets.Progress, error) {
	if d.progress == nil {
		return buckets.Progress{Wanted: z.Policy.Replication, Active: z.Policy.Replication}, nil
	}
	return d.progress(z)
}

func (d *dealer) Sampled(_ context.Context, z buckets.Zone) (int, bool, error) {
	if d.sampled == nil {
		return 0, false, nil
	}
	return d.sampled(z)
}

func (d *dealer) Restore(ctx context.Context, c buckets.Content) error {
	if d.restore == nil {
		return errors.New("nothing to restore from")
	}
	return d.restore(ctx, c)
}

func (d *dealer) Forget(_ context.Context, z buckets.Zone) error {
	if d.forget == nil {
		return nil
	}
	return d.forget(z)
}
