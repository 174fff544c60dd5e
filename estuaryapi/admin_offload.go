package estuaryapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

type candidateQuery struct {
	All      bool   `query:"all" doc:"those too that wait for their deals"`
	Location string `query:"location" doc:"local, or nothing; elsewhere there are none"`
}

// removalCandidate is V1's content that may do without its local copy, with what
// is known of the deals of its zone.
type removalCandidate struct {
	content
	TotalDeals      int `json:"totalDeals" doc:"that have not failed"`
	ActiveDeals     int `json:"activeDeals"`
	InProgressDeals int `json:"inProgressDeals"`
}

// offloadCandidates lists contents with a local copy, the newest first.
func (s *server) offloadCandidates(r *request, in candidateQuery) ([]removalCandidate, error) {
	out := []removalCandidate{}
	if in.Location != "" && in.Location != here {
		return out, nil
	}
	list, err := s.buckets.Local(r.Context(), !in.All, maxPage)
	if err != nil {
		return nil, err
	}
	shown, err := s.contents(r.Context(), list)
	if err != nil {
		return nil, err
	}
	zones := map[uint64]removalCandidate{}
	for i, c := range list {
		counts, known := zones[c.Zone]
		if !known {
			if counts, err = s.countDeals(r.Context(), c.Zone); err != nil {
				return nil, err
			}
			zones[c.Zone] = counts
		}
		counts.content = shown[i]
		out = append(out, counts)
	}
	return out, nil
}

func (s *server) countDeals(ctx context.Context, zone uint64) (n removalCandidate, err error) {
	if zone == 0 {
		return n, nil
	}
	list, err := s.deals.Deals(ctx, zone, "", 0, 0)
	for _, d := range list {
		switch {
		case failed(d.State):
			continue
		case d.State == deals.DealActive:
			n.ActiveDeals++
		default:
			n.InProgressDeals++
		}
		n.TotalDeals++
	}
	return n, err
}

// blocksRemoved is V1's answer to an offload.
type blocksRemoved struct {
	BlocksRemoved int `json:"blocksRemoved" doc:"0: they go with the sweep that this asks for"`
}

func errNotDealt(id uint64) apiError {
	return apiError{http.StatusConflict, "ERR_BAD_REQUEST", fmt.Sprintf("content: %d has not all its deals, so its local copy stays", id)}
}

// offloadContent gives up the local copy of a content, or those of a zone.
func (s *server) offloadContent(r *request, in refreshedContent) (blocksRemoved, error) {
	k, err := s.kept(r, contentID{in.Content})
	if err != nil {
		return blocksRemoved{}, err
	}
	err = s.audited(r, "content.offload", strconv.FormatUint(in.Content, 10), "", func() error {
		switch {
		case k.content.ID != 0:
			return s.buckets.Offload(r.Context(), k.content.ID)
		case k.zone.ID != 0:
			return s.offloadZone(r.Context(), k.zone.ID)
		}
		return buckets.ErrNotComplete // of a pin nothing is here
	})
	if errors.Is(err, buckets.ErrNotComplete) {
		err = errNotDealt(in.Content)
	}
	return blocksRemoved{}, err
}

func (s *server) offloadZone(ctx context.Context, zone uint64) error {
	return s.eachMember(ctx, zone, func(c buckets.Content) error {
		if c.Offloaded {
			return nil
		}
		if err := s.buckets.Offload(ctx, c.ID); err != nil && !errors.Is(err, buckets.ErrNoContent) {
			return err
		}
		return nil
	})
}

type collectOrder struct {
	Body struct {
		Execute        bool     `json:"execute" doc:"else nothing is given up"`
		SpaceRequested int64    `json:"spaceRequested" doc:"bytes"`
		Location       string   `json:"location" doc:"local, or nothing"`
		Users          []uint64 `json:"users" doc:"whose contents; none: everybody's"`
	} `body:""`
}

// offloadCandidate is V1's content that was given up.
type offloadCandidate struct {
	content
	LastAccess time.Time `doc:"to the hour"`
}

// collectionResult is V1's.
type collectionResult struct {
	SpaceRequest         int64              `json:"spaceRequest"`
	SpaceFreed           int64              `json:"spaceFreed" doc:"bytes of contents, copies once"`
	ContentsFreed        []offloadCandidate `json:"contentsFreed" doc:"at most 10000 are listed"`
	CandidatesConsidered int                `json:"candidatesConsidered"`
	BlocksRemoved        int                `json:"blocksRemoved" doc:"0: they go with the sweep that this asks for"`
	DryRun               bool               `json:"dryRun"`
	OffloadError         string             `json:"offloadError,omitempty"`
}

// collectOffload gives up the local copies that were read least recently, as
// many as are asked for, or tells which those are.
func (s *server) collectOffload(r *request, in collectOrder) (collectionResult, error) {
	b := in.Body
	out := collectionResult{SpaceRequest: b.SpaceRequested, ContentsFreed: []offloadCandidate{}, DryRun: !b.Execute}
	switch {
	case b.SpaceRequested < 0:
		return out, errInput("spaceRequested is %d: it is a number of bytes", b.SpaceRequested)
	case b.Location != "" && b.Location != here:
		return out, nil
	}
	req := buckets.CollectRequest{Bytes: b.SpaceRequested, Owners: b.Users, DryRun: !b.Execute}
	var got buckets.Collected
	collect := func() (err error) {
		got, err = s.buckets.Collect(r.Context(), req)
		return err
	}
	var err error
	if b.Execute {
		err = s.audited(r, "content.offload", "collect", strconv.FormatInt(b.SpaceRequested, 10)+" bytes", collect)
	} else {
		err = collect()
	}
	if err == nil && b.Execute && len(got.Contents) > 0 {
		err = s.buckets.SweepSoon(r.Context())
	}
	if err != nil {
		return out, err
	}
	out.SpaceFreed, out.CandidatesConsidered = got.Bytes, got.Considered
	var list []buckets.Content
	for _, c := range got.Contents[:min(len(got.Contents), maxPage)] {
		list = append(list, c.Content)
	}
	shown, err := s.contents(r.Context(), list)
	for i, c := range shown {
		out.ContentsFreed = append(out.ContentsFreed, offloadCandidate{c, got.Contents[i].LastRead})
	}
	return out, err
}
