package estuaryapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

type healthQuery struct {
	contentID
	CheckLocations given `query:"check-locations" doc:"anything: tell where the contents of a zone are"`
	Fetch          given `query:"fetch" doc:"anything: have what is missing brought back"`
}

// contentHealth is V1's answer of what is here of a content, and beside it what is not.
type contentHealth struct {
	User                       string            `json:"user"`
	Content                    content           `json:"content"`
	Deals                      []contentDeal     `json:"deals" doc:"that have not failed"`
	TraverseError              string            `json:"traverseError" doc:"empty, if all of it is here"`
	FoundBlocks                int64             `json:"foundBlocks"`
	FixedAggregateSize         bool              `json:"fixedAggregateSize" doc:"false: a zone's size is never wrong"`
	AggregatedContentLocations map[string]string `json:"aggregatedContentLocations,omitempty"`
	FixedAggregateLocation     *bool             `json:"fixedAggregateLocation,omitempty" doc:"false"`
	MissingBlocks              int64             `json:"missingBlocks" doc:"of those whose nodes are here"`
	Missing                    []cid.Cid         `json:"missing" doc:"the first of them"`
}

// health is what was found of one or more contents.
type health struct {
	node.Survey
	away  int // contents whose local copies were given up
	fetch bool
}

// add walks one more content.
func (s *server) survey(ctx context.Context, h *health, c buckets.Content) error {
	if c.Offloaded {
		h.away++
		if !h.fetch {
			return nil
		}
		_, err := s.buckets.Retrieve(ctx, c.ID, buckets.CauseRefresh)
		if errors.Is(err, buckets.ErrNoContent) || errors.Is(err, buckets.ErrNotPacked) {
			err = nil // it went meanwhile
		}
		return err
	}
	found, err := s.node.Survey(ctx, c.CID, h.fetch)
	h.Blocks += found.Blocks
	h.Missing += found.Missing
	h.Names = append(h.Names, found.Names...)
	h.Names = h.Names[:min(len(h.Names), maxNames)]
	return err
}

// maxNames bounds the missing blocks that are named.
const maxNames = 100

// text is V1's traverseError.
func (h *health) text() string {
	var parts []string
	if h.Missing > 0 {
		parts = append(parts, fmt.Sprintf("%d blocks are missing or damaged, the first is %s", h.Missing, h.Names[0]))
	}
	if h.away > 0 {
		parts = append(parts, fmt.Sprintf("%d contents have no local copy: a read brings them back from storage providers", h.away))
	}
	if len(parts) > 0 && h.fetch {
		parts = append(parts, "what is missing is being brought back")
	}
	return strings.Join(parts, "; ")
}

// cmHealth walks a content, or all contents of a zone, and tells what is missing.
func (s *server) cmHealth(r *request, in healthQuery) (contentHealth, error) {
	out := contentHealth{Deals: []contentDeal{}, Missing: []cid.Cid{}}
	k, err := s.keptRecord(r, in.contentID)
	if err == nil && k.pin.ID != 0 {
		err = errNoRecord(in.ID) // nothing of it is sure to be here
	}
	if err != nil {
		return out, err
	}
	if out.Content, err = s.show(r.Context(), k); err != nil {
		return out, err
	}
	u, err := s.accounts.User(r.Context(), k.owner())
	if err != nil && !errors.Is(err, accounts.ErrNoUser) {
		return out, err
	}
	out.User = u.Name
	made, err := s.dealsOfKept(r.Context(), k)
	if err != nil {
		return out, err
	}
	for _, d := range made {
		if !failed(d.State) {
			out.Deals = append(out.Deals, newDealStatus(buckets.Content{ID: in.ID, Owner: k.owner()}, d).Deal)
		}
	}
	h := health{fetch: bool(in.Fetch)}
	if k.zone.ID == 0 {
		err = s.survey(r.Context(), &h, k.content)
	} else {
		err = s.eachMember(r.Context(), k.zone.ID, func(c buckets.Content) error { return s.survey(r.Context(), &h, c) })
		if in.CheckLocations {
			out.AggregatedContentLocations, out.FixedAggregateLocation = map[string]string{here: here}, new(bool)
		}
	}
	out.TraverseError, out.FoundBlocks, out.MissingBlocks = h.text(), h.Blocks, h.Survey.Missing
	out.Missing = append(out.Missing, h.Names...)
	return out, err
}

type cidHealthQuery struct {
	anyCID
	Fetch given `query:"fetch" doc:"anything: have what is missing brought back"`
}

// cidHealth is V1's answer of what is here under a block.
type cidHealth struct {
	Contents      []content `json:"contents" doc:"whose root it is; those that have it below are not known"`
	CID           cid.Cid   `json:"cid"`
	TraverseError string    `json:"traverseError"`
	FoundBlocks   int64     `json:"foundBlocks"`
	RootFetchErr  string    `json:"rootFetchErr"`
	Matching      []content `json:"matchingRootContents"`
	MissingBlocks int64     `json:"missingBlocks"`
	Missing       []cid.Cid `json:"missing" doc:"the first of them"`
}

// noBlock is V1's answer where a block is not.
type noBlock struct {
	Error    string    `json:"error"`
	CID      string    `json:"cid"`
	Matching []content `json:"matchingRootContents"`
}

// cmHealthByCID walks what is under a block.
func (s *server) cmHealthByCID(r *request, in cidHealthQuery) (cidHealth, error) {
	list, err := s.buckets.ContentsByCID(r.Context(), in.CID)
	if err != nil {
		return cidHealth{}, err
	}
	roots, err := s.contents(r.Context(), list)
	if err != nil {
		return cidHealth{}, err
	}
	roots = nonNil(roots)
	if _, ok := s.node.HasBlock(r.Context(), in.CID); !ok {
		return cidHealth{}, otherBody{http.StatusNotFound, noBlock{"object not found in database", in.CID.String(), roots}}
	}
	found, err := s.node.Survey(r.Context(), in.CID, bool(in.Fetch))
	h := health{Survey: found, fetch: bool(in.Fetch)}
	out := cidHealth{Contents: roots, CID: in.CID, TraverseError: h.text(), FoundBlocks: found.Blocks, Matching: roots,
		MissingBlocks: found.Missing, Missing: nonNil(found.Names)}
	if slices.Contains(found.Names, in.CID) {
		out.RootFetchErr = node.ErrDamaged.Error()
	}
	return out, err
}

type breakOrder struct {
	Content uint64 `path:"content" doc:"id of a zone, V1's aggregate"`
	Check   given  `query:"check-missing-children" doc:"anything: tell what is here of the zone's contents, and break nothing"`
}

// checkedChildren is V1's answer to that question.
type checkedChildren struct {
	Children []checkedChild `json:"children" doc:"at most 10000"`
}

type checkedChild struct {
	Content     content `json:"content"`
	FoundBlocks int64   `json:"foundBlocks"`
	WalkErr     string  `json:"walkErr,omitempty"`
}

func errNoAggregate(id uint64) apiError {
	return apiError{http.StatusBadRequest, "ERR_BAD_REQUEST", fmt.Sprintf("content %d is not an aggregate", id)}
}

func errUnbreakable(id uint64) apiError {
	return apiError{http.StatusConflict, "ERR_BAD_REQUEST",
		fmt.Sprintf("zone %d is not broken up: its contents stand in the piece that its deals are of, and leave it when they are deleted", id)}
}

// breakAggregate breaks no zone, but tells what is here of its contents.
func (s *server) breakAggregate(r *request, in breakOrder) (checkedChildren, error) {
	out := checkedChildren{Children: []checkedChild{}}
	k, err := s.keptRecord(r, contentID{in.Content})
	switch {
	case err != nil:
		return out, err
	case k.zone.ID == 0:
		return out, errNoAggregate(in.Content)
	case !bool(in.Check):
		return out, errUnbreakable(in.Content)
	}
	err = s.eachMember(r.Context(), k.zone.ID, func(c buckets.Content) error {
		if len(out.Children) == maxPage {
			return nil
		}
		var h health
		if err := s.survey(r.Context(), &h, c); err != nil {
			return err
		}
		shown, err := s.content(r.Context(), c)
		out.Children = append(out.Children, checkedChild{shown, h.Blocks, h.text()})
		return err
	})
	return out, err
}
