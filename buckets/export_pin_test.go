package buckets

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/kv"
)

// Pinning says how many pins are being fetched.
func (b *Buckets) Pinning() int { return b.pinning.running() }

// NextPin is the pin that a slot would try.
func (b *Buckets) NextPin(ctx context.Context, owner, slot uint64) (Pin, error) {
	p, _, err := b.nextPin(ctx, owner, slot)
	return p, err
}

// KeepPin is what a fetch calls before it stores the first block.
func (b *Buckets) KeepPin(ctx context.Context, id uint64) error { return b.keepPin(ctx, id) }

// PinTries counts tries by result.
func (b *Buckets) PinTries() prometheus.Collector { return b.metrics.pins.tries }

// PutOffPin is a try in vain.
func (b *Buckets) PutOffPin(ctx context.Context, id uint64, until time.Time) error {
	return b.update(ctx, func(tx kv.Tx) error {
		p, err := pinRow(tx, id)
		if err != nil {
			return err
		}
		was := p
		p.Next = until
		return errors.Join(unqueuePin(tx, was), putPin(tx, p), b.queuePin(tx, p))
	})
}
