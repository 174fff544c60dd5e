package estuaryapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
)

// V1 makes a content of its own out of the contents of a zone, the aggregate, and
// its deals are of that. Here that is the zone itself: its id is the aggregate's.

const dirType = 2

// undefCID is how V1 prints the CID of an aggregate that is not built yet.
const undefCID = "b"

// aggregate is a zone as V1's aggregate. Its CID is what its deals are proposed
// under, the root of the first shard of its first piece.
func (s *server) aggregate(ctx context.Context, z buckets.Zone) (content, error) {
	out := content{
		ID: z.ID, CreatedAt: z.Opened, UpdatedAt: z.Changed, CID: undefCID, Name: "aggregate", UserID: z.Owner, Size: z.Size, Type: dirType,
		Replication: z.Policy.Replication, Aggregate: true, Location: "local",
	}
	if len(z.Pieces) == 0 {
		return out, nil
	}
	p, err := s.deals.Piece(ctx, z.Pieces[0])
	if errors.Is(err, piece.ErrNoPiece) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Active = true
	if len(p.Shards) > 0 {
		out.CID = p.Shards[0].Root
	}
	return out, nil
}

// kept is what an id of V1 stands for: one of the three, or nothing.
type kept struct {
	content buckets.Content // by its own id, or by that of the pin that became it
	pin     buckets.Pin     // that is no content yet
	zone    buckets.Zone
}

// find returns what an id stands for, whoever asks.
func (s *server) find(ctx context.Context, id uint64) (kept, error) {
	c, err := s.buckets.Content(ctx, id)
	if errors.Is(err, buckets.ErrNoContent) {
		p, pinErr := s.buckets.PinByID(ctx, 0, id)
		switch {
		case pinErr == nil && p.Content == 0:
			return kept{pin: p}, nil
		case pinErr == nil:
			c, err = s.buckets.Content(ctx, p.Content)
		case !errors.Is(pinErr, buckets.ErrNoPin):
			return kept{}, pinErr
		}
	}
	switch {
	case err == nil && !c.Deleted:
		return kept{content: c}, nil
	case err != nil && !errors.Is(err, buckets.ErrNoContent):
		return kept{}, err
	}
	z, err := s.buckets.Zone(ctx, id)
	if err != nil && !errors.Is(err, buckets.ErrNoZone) {
		return kept{}, err
	}
	return kept{zone: z}, nil
}

// kept returns what the path names, if the caller may see it.
func (s *server) kept(r *request, in contentID) (kept, error) {
	k, err := s.find(r.Context(), in.ID)
	switch {
	case err != nil:
		return kept{}, err
	case k.content.ID == 0 && k.pin.ID == 0 && k.zone.ID == 0:
		return kept{}, errNoContent(in.ID)
	case !r.who.sees(k.owner()):
		return kept{}, errForeign("content", r.who.user.ID, in.ID)
	}
	return k, nil
}

// visible returns the content that the path names, if the caller may see it.
func (s *server) visible(r *request, in contentID) (buckets.Content, error) {
	k, err := s.find(r.Context(), in.ID)
	switch {
	case err != nil:
		return buckets.Content{}, err
	case k.content.ID == 0:
		return buckets.Content{}, errNoContent(in.ID)
	case !r.who.sees(k.content.Owner):
		return buckets.Content{}, errForeign("content", r.who.user.ID, in.ID)
	}
	return k.content, nil
}

// keptRecord is kept where V1 says ERR_RECORD_NOT_FOUND.
func (s *server) keptRecord(r *request, in contentID) (kept, error) {
	k, err := s.kept(r, in)
	if err == error(errNoContent(in.ID)) { //nolint:errorlint // the very value
		err = errNoRecord(in.ID)
	}
	return k, err
}

// show is the V1 content that k is.
func (s *server) show(ctx context.Context, k kept) (content, error) {
	if k.zone.ID != 0 {
		return s.aggregate(ctx, k.zone)
	}
	if k.pin.ID != 0 {
		list, err := s.pendingContents(ctx, []buckets.Pin{k.pin})
		if err != nil {
			return content{}, err
		}
		list[0].PinningStatus = "" // V1 fills it in lists only
		return list[0], nil
	}
	return s.content(ctx, k.content)
}

// zoneOf is the zone whose deals are k's; 0: none yet.
func (k kept) zoneOf() uint64 {
	if k.zone.ID != 0 {
		return k.zone.ID
	}
	return k.content.Zone
}

func (k kept) owner() uint64 {
	if k.zone.ID != 0 {
		return k.zone.Owner
	}
	if k.pin.ID != 0 {
		return k.pin.Owner
	}
	return k.content.Owner
}

// aggregated lists all members of a zone, oldest first.
func (s *server) aggregated(w http.ResponseWriter, r *request, in contentID) error {
	k, err := s.keptRecord(r, in)
	if err != nil {
		return err
	}
	if k.zone.ID == 0 { // a content that is no aggregate has no members
		write(w, []content{})
		return nil
	}
	after := uint64(0)
	return writeList(w, func() ([]content, error) {
		for {
			list, err := s.buckets.ZoneContents(r.Context(), k.zone.ID, after, batch)
			if err != nil || len(list) == 0 {
				return nil, err
			}
			after = list[len(list)-1].ID
			if list = alive(list); len(list) > 0 {
				return s.contents(r.Context(), list)
			}
		}
	})
}

// eachMember calls fn with the contents of a zone that are not deleted.
func (s *server) eachMember(ctx context.Context, zone uint64, fn func(buckets.Content) error) error {
	for after := uint64(0); ; {
		list, err := s.buckets.ZoneContents(ctx, zone, after, batch)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		for _, c := range alive(list) {
			if err := fn(c); err != nil {
				return err
			}
		}
	}
}

func alive(list []buckets.Content) []buckets.Content {
	out := list[:0]
	for _, c := range list {
		if !c.Deleted {
			out = append(out, c)
		}
	}
	return out
}

// dealtPage asks for a part of the list of contents with deals.
type dealtPage struct {
	Limit  int `query:"limit" default:"20" max:"10000" doc:"most entries to answer"`
	Offset int `query:"offset" max:"1073741824" doc:"entries to pass over"`
}

// expandedContent is V1's content in the list of those with deals.
type expandedContent struct {
	content
	AggregatedFiles int64 `json:"aggregatedFiles"`
}

// contentDeals lists the caller's aggregates that have deals, newest first: here
// all deals are of zones.
func (s *server) contentDeals(r *request, in dealtPage) ([]expandedContent, error) {
	out := []expandedContent{}
	skip := in.Offset
	err := s.dealtZones(r, func(z buckets.Zone, _ []deals.Deal) (bool, error) {
		if skip--; skip >= 0 {
			return true, nil
		}
		if len(out) == in.Limit {
			return false, nil
		}
		c, err := s.aggregate(r.Context(), z)
		out = append(out, expandedContent{c, z.Count})
		return true, err
	}, 1)
	return out, err
}

// dealtZones calls fn with each of the caller's zones that has deals, newest
// first, and up to limit of them, until it says false. limit 0: all of them.
func (s *server) dealtZones(r *request, fn func(buckets.Zone, []deals.Deal) (bool, error), limit int) error {
	for offset := 0; ; offset += batch {
		zones, err := s.buckets.Zones(r.Context(), r.who.user.ID, "", batch, offset)
		if err != nil || len(zones) == 0 {
			return err
		}
		for _, z := range zones {
			if len(z.Pieces) == 0 {
				continue
			}
			made, err := s.deals.Deals(r.Context(), z.ID, "", limit, 0)
			if err != nil {
				return err
			}
			if len(made) == 0 {
				continue
			}
			if more, err := fn(z, made); err != nil || !more {
				return err
			}
		}
	}
}
