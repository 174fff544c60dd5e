package deals

import (
	"context"
	"errors"
	"fmt"
)

// Look has a deal looked after now, not when it is its turn: one that its
// provider has not heard of is proposed, the others are asked for and looked up
// on chain. ErrNoDeal; a deal that is over, and is looked at no more, stays as it is.
func (d *Deals) Look(ctx context.Context, uuid string) error {
	if _, err := d.dealRow(ctx, uuid); err != nil {
		return fmt.Errorf("look after deal %q: %w", uuid, err)
	}
	if err := d.queue.Wake(ctx, kindDeal, uuid); err != nil {
		return fmt.Errorf("look after deal %s: %w", uuid, err)
	}
	return nil
}

// LookAll has all deals looked after now, and providers chosen for the pieces that lack some.
func (d *Deals) LookAll(ctx context.Context) error {
	if err := errors.Join(d.queue.Wake(ctx, kindDeal), d.queue.Wake(ctx, kindReplicate)); err != nil {
		return fmt.Errorf("look after all deals: %w", err)
	}
	return nil
}
