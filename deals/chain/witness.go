package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// Witnessed is Deal for answers that something will be done about. known says
// that an answer is no news. News need two endpoints that agree, if there are
// several: one that lies, or sees another fork, ends no deal and makes none
// active. The first to be asked is another each time, so that one who goes on
// telling what was true once does not hide the news for ever.
func (c *Client) Witnessed(ctx context.Context, id uint64, known func(Deal, error) bool) (Deal, error) {
	var (
		told   = map[verdict]bool{}
		old    *Deal
		oldErr error
		failed []error
	)
	for _, e := range c.pool.shuffled() {
		var d Deal
		err := c.pool.limited(ctx, e, func(ctx context.Context, e *endpoint) (err error) {
			d, err = dealOf(ctx, e, id)
			return err
		})
		if err != nil && !errors.Is(err, ErrNotOnChain) {
			if ctx.Err() != nil || len(c.pool.endpoints) == 1 {
				return d, err
			}
			failed = append(failed, fmt.Errorf("%s: %w", e.look().Name, err))
			continue
		}
		v := verdictOf(d, err)
		switch {
		case len(c.pool.endpoints) == 1 || told[v]:
			return d, err
		case known(d, err) && len(told) == 0:
			return d, err
		case known(d, err):
			old, oldErr = &d, err
		}
		told[v] = true
	}
	if old != nil { // the news of one endpoint alone is none yet
		return *old, oldErr
	}
	if len(told) == 0 {
		return Deal{}, errors.Join(failed...)
	}
	return Deal{}, fmt.Errorf("%w: what one endpoint says of deal %d no other confirms: %w", ErrUnavailable, id, errors.Join(failed...))
}

// verdict is what an answer says about a deal, to be compared.
type verdict struct {
	gone     bool
	proposal cid.Cid
	active   bool
	slashed  bool
}

func verdictOf(d Deal, err error) verdict {
	if err != nil {
		return verdict{gone: true}
	}
	c, err := d.Proposal.Cid()
	if err != nil {
		c = d.Proposal.PieceCID
	}
	return verdict{proposal: c, active: d.State.SectorStartEpoch > -1, slashed: d.State.SlashEpoch > -1}
}
