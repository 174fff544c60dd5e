package estuaryapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// dealPairs is V1's answer of deals and what is in them.
type dealPairs struct {
	Deals []uint64  `json:"deals" doc:"ids on chain"`
	Cids  []cid.Cid `json:"cids"`
}

// dealSpan asks for the deals of some time.
type dealSpan struct {
	Begin    *time.Time    `query:"begin" layout:"2006-01-02T15:04" doc:"when they came on chain, at the earliest (UTC); else the duration up to now"`
	Duration time.Duration `query:"duration" default:"24h" doc:"and at the latest so much later"`
	All      given         `query:"all" doc:"anything: whenever they came"`
}

func (in dealSpan) has(d deals.Deal, now time.Time) bool {
	if d.ChainID == 0 {
		return false
	}
	begin := now.Add(-in.Duration)
	if in.Begin != nil {
		begin = *in.Begin
	}
	at := d.Times[deals.DealPublished]
	return bool(in.All) || !at.Before(begin) && !at.After(begin.Add(in.Duration))
}

// allDeals lists the caller's deals on chain, those of a piece together, with
// the contents in it. Without a time it answers about the last day; V1 meant to.
func (s *server) allDeals(w http.ResponseWriter, r *request, in dealSpan) error {
	now, offset := time.Now(), 0
	return writeList(w, func() ([]dealPairs, error) {
		for {
			zones, err := s.buckets.Zones(r.Context(), r.who.user.ID, "", batch, offset)
			if err != nil || len(zones) == 0 {
				return nil, err
			}
			offset += len(zones)
			var out []dealPairs
			for _, z := range zones {
				pairs, err := s.pairs(r.Context(), z, in, now)
				if err != nil {
					return nil, err
				}
				out = append(out, pairs...)
			}
			if len(out) > 0 {
				return out, nil
			}
		}
	})
}

// pairs returns a zone's deals by piece.
func (s *server) pairs(ctx context.Context, z buckets.Zone, in dealSpan, now time.Time) ([]dealPairs, error) {
	var out []dealPairs
	for _, p := range z.Pieces {
		made, err := s.deals.Deals(ctx, z.ID, p, 0, 0)
		if err != nil {
			return nil, err
		}
		pair := dealPairs{}
		for _, d := range made {
			if in.has(d, now) {
				pair.Deals = append(pair.Deals, d.ChainID)
			}
		}
		if len(pair.Deals) == 0 {
			continue
		}
		if pair.Cids, err = s.within(ctx, z, p); err != nil {
			return nil, err
		}
		out = append(out, pair)
	}
	return out, nil
}

// within returns the roots of a zone's contents that stand, at least in part, in one of its pieces.
func (s *server) within(ctx context.Context, z buckets.Zone, pieceCID string) ([]cid.Cid, error) {
	out := []cid.Cid{}
	err := s.eachMember(ctx, z.ID, func(c buckets.Content) error {
		is := len(z.Pieces) == 1
		if !is {
			of, err := s.deals.PiecesOf(ctx, z.ID, c.ID)
			if err != nil {
				return err
			}
			is = slices.Contains(of, pieceCID)
		}
		if is {
			out = append(out, c.CID)
		}
		return nil
	})
	return out, err
}

// ensureReplication has the deals of the caller's contents with a root looked
// after now, not when it is their turn. V1's did nothing.
func (s *server) ensureReplication(r *request, in anyCID) (none, error) {
	list, err := s.buckets.ContentsByCID(r.Context(), in.CID)
	if err != nil {
		return none{}, err
	}
	found, started := false, map[uint64]bool{}
	for _, c := range list {
		if c.Owner != r.who.user.ID {
			continue
		}
		found = true
		if c.Zone == 0 || started[c.Zone] {
			continue
		}
		started[c.Zone] = true
		z, err := s.buckets.Zone(r.Context(), c.Zone)
		if errors.Is(err, buckets.ErrNoZone) {
			continue
		}
		if err != nil {
			return none{}, err
		}
		if z.State == buckets.ZoneDealing || z.State == buckets.ZoneComplete {
			if err := s.deals.Start(r.Context(), z.ID); err != nil {
				return none{}, err
			}
		}
	}
	if !found {
		return none{}, errNoCID(in.CID.String())
	}
	return none{}, nil
}
