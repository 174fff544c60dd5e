package estuaryapi

import (
	"context"

	"github.com/whypfs/whypfs/buckets"
)

// To V1 a pin is a content from the moment it was asked for. What follows shows
// those that are none here yet.

// pending are the states of such pins.
var pending = []buckets.PinState{buckets.PinQueued, buckets.PinPinning, buckets.PinFailed}

// pendingContents translates pins that are no contents yet.
func (s *server) pendingContents(ctx context.Context, pins []buckets.Pin) ([]content, error) {
	out := make([]content, 0, len(pins))
	replication := replications{s: s}
	for _, p := range pins {
		n, err := replication.of(ctx, p.Bucket)
		if err != nil {
			return nil, err
		}
		out = append(out, content{
			ID: p.ID, CreatedAt: p.Created, UpdatedAt: p.Changed, CID: p.CID.String(), Name: p.Name, UserID: p.Owner,
			Replication: n, Pinning: p.State == buckets.PinPinning, Failed: p.State == buckets.PinFailed,
			PinMeta: pinMeta(p), Origins: pinOrigins(p), Location: "local", PinningStatus: string(p.State),
		})
	}
	return out, nil
}

// listContents lists the user's contents and pending pins, newest first.
func (s *server) listContents(r *request, in page) ([]content, error) {
	ctx, owner, end := r.Context(), r.who.user.ID, in.Offset+in.Limit
	if end == 0 {
		return []content{}, nil
	}
	pins, err := s.buckets.Pins(ctx, buckets.PinQuery{Owner: owner, States: pending, Limit: end})
	if err != nil {
		return nil, err
	}
	if pins.Count == 0 {
		list, err := s.buckets.Contents(ctx, owner, in.Limit, in.Offset)
		if err != nil {
			return nil, err
		}
		return s.contents(ctx, list)
	}
	list, err := s.buckets.Contents(ctx, owner, end, 0)
	if err != nil {
		return nil, err
	}
	list, waiting := merge(list, pins.Pins, in.Offset, in.Limit)
	done, err := s.contents(ctx, list)
	if err != nil {
		return nil, err
	}
	rest, err := s.pendingContents(ctx, waiting)
	if err != nil {
		return nil, err
	}
	return interleave(list, done, waiting, rest), nil
}

// merge leaves of two lists, newest first each, what the page of both together has.
func merge(list []buckets.Content, pins []buckets.Pin, offset, limit int) ([]buckets.Content, []buckets.Pin) {
	i, j := 0, 0
	step := func(n int) {
		for ; n > 0 && (i < len(list) || j < len(pins)); n-- {
			if j == len(pins) || i < len(list) && list[i].ID > pins[j].ID {
				i++
			} else {
				j++
			}
		}
	}
	step(offset)
	fromList, fromPins := i, j
	step(limit)
	return list[fromList:i], pins[fromPins:j]
}

// interleave puts what was made of two such lists in the order of both together.
func interleave(list []buckets.Content, done []content, pins []buckets.Pin, rest []content) []content {
	out := make([]content, 0, len(done)+len(rest))
	for len(done)+len(rest) > 0 {
		if len(rest) == 0 || len(done) > 0 && list[0].ID > pins[0].ID {
			out, list, done = append(out, done[0]), list[1:], done[1:]
		} else {
			out, pins, rest = append(out, rest[0]), pins[1:], rest[1:]
		}
	}
	return out
}
