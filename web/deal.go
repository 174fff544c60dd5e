package web

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
)

type dealsView struct {
	Deals []deals.Deal
	Page  page
	Back  comingBack
	Chain *chainView // nil: it is not for this user to see
}

// listDeals shows deals newest first; a user's are those of his zones.
func (s *server) listDeals(c *call) error {
	p := paging(c)
	var list []deals.Deal
	var err error
	if c.admin() {
		list, err = s.deals.Deals(c.r.Context(), 0, "", pageSize+1, p.offset)
	} else {
		list, err = s.dealsOf(c.r.Context(), c.user.ID, p.offset, pageSize+1)
	}
	if err != nil {
		return err
	}
	var data dealsView
	data.Deals, data.Page = cut(c, p, list)
	if data.Back, err = s.comingBack(c); err != nil {
		return err
	}
	if c.admin() {
		if data.Chain, err = s.chainView(c.r.Context()); err != nil {
			return err
		}
	}
	return s.ok(c, "deals", view{Title: "Deals", Nav: "deals", Refresh: true, Scripts: []string{"copy.js", "refresh.js"}, Data: data})
}

// dealsOf returns limit deals of an owner's zones from offset on, newest zones first.
func (s *server) dealsOf(ctx context.Context, owner uint64, offset, limit int) ([]deals.Deal, error) {
	const batch = 100
	var out []deals.Deal
	for from := 0; ; from += batch {
		zones, err := s.buckets.Zones(ctx, owner, "", batch, from)
		if err != nil {
			return nil, err
		}
		for _, z := range zones {
			if len(z.Pieces) == 0 {
				continue
			}
			list, err := s.deals.Deals(ctx, z.ID, "", 0, 0)
			if err != nil {
				return nil, err
			}
			skip := min(offset, len(list))
			offset -= skip
			if out = append(out, list[skip:]...); len(out) >= limit {
				return out[:limit], nil
			}
		}
		if len(zones) < batch {
			return out, nil
		}
	}
}

// step is a state that a deal was in, and when it began.
type step struct {
	State deals.DealState
	At    time.Time
}

type dealView struct {
	Deal     deals.Deal
	Steps    []step
	Zone     *buckets.Zone // nil: forgotten
	Piece    *piece.Piece  // nil: forgotten
	Failures []deals.Failure
}

func (s *server) showDeal(c *call) error {
	ctx := c.r.Context()
	d, err := s.deals.Deal(ctx, c.r.PathValue("deal"))
	if err != nil {
		return err
	}
	data := dealView{Deal: d}
	z, err := s.buckets.Zone(ctx, d.Zone)
	switch {
	case err == nil && c.sees(z.Owner):
		data.Zone = &z
	case errors.Is(err, buckets.ErrNoZone) && c.admin():
	case err == nil, errors.Is(err, buckets.ErrNoZone):
		return deals.ErrNoDeal // whose it was cannot be told any more, or it is another's
	default:
		return err
	}
	switch p, err := s.deals.Piece(ctx, d.Piece); {
	case err == nil:
		data.Piece = &p
	case !errors.Is(err, piece.ErrNoPiece):
		return err
	}
	data.Steps = steps(d)
	fails, err := s.deals.Failures(ctx, d.Zone, 0)
	if err != nil {
		return err
	}
	data.Failures = slices.DeleteFunc(fails, func(f deals.Failure) bool { return f.Deal != d.UUID })
	return s.ok(c, "deal", view{Title: "Deal with " + d.Provider, Nav: "deals", Refresh: true,
		Scripts: []string{"copy.js", "refresh.js"}, Data: data})
}

// steps are the states the deal went through, in time.
func steps(d deals.Deal) []step {
	var out []step
	for state, at := range d.Times {
		out = append(out, step{state, at})
	}
	slices.SortFunc(out, func(a, b step) int {
		if n := a.At.Compare(b.At); n != 0 {
			return n
		}
		return slices.Index(dealOrder, a.State) - slices.Index(dealOrder, b.State)
	})
	return out
}
