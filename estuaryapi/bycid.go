package estuaryapi

import (
	"context"
	"errors"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
)

// foundContent is V1's answer about a content that was looked for by its CID.
type foundContent struct {
	Content      content       `json:"content"`
	AggregatedIn *content      `json:"aggregatedIn,omitempty"`
	Selector     string        `json:"selector,omitempty" doc:"path to the content from aggregatedIn's cid: then that is the directory in the piece that names it"`
	Deals        []contentDeal `json:"deals"`
}

// byCID tells of the contents with a root, and their deals that are on chain.
// What is published shows, without its owner and name, and to its owner all of his.
func (s *server) byCID(r *request, in anyCID) ([]foundContent, error) {
	ctx := r.Context()
	list, err := s.seenByCID(ctx, in.CID, r.who)
	if err != nil {
		return nil, err
	}
	shown, err := s.contents(ctx, list)
	if err != nil {
		return nil, err
	}
	out := []foundContent{}
	for i, c := range list {
		found := foundContent{Content: shown[i], Deals: []contentDeal{}}
		found.Content.PinningStatus = ""
		if c.Zone != 0 {
			z, err := s.buckets.Zone(ctx, c.Zone)
			if errors.Is(err, buckets.ErrNoZone) {
				continue // both went between the reads
			}
			if err != nil {
				return nil, err
			}
			if err := s.findIn(ctx, &found, c, z); err != nil {
				return nil, err
			}
		}
		made, err := s.dealsOf(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, d := range made {
			if d.ChainID != 0 && !failed(d.State) {
				found.Deals = append(found.Deals, newDealStatus(buckets.Content{ID: c.Zone, Owner: c.Owner}, d).Deal)
			}
		}
		if !r.who.sees(c.Owner) {
			found.anonymise()
		}
		out = append(out, found)
	}
	return out, nil
}

// findIn tells where in a zone's pieces a content is found.
func (s *server) findIn(ctx context.Context, found *foundContent, c buckets.Content, z buckets.Zone) error {
	aggregate, err := s.aggregate(ctx, z)
	if err != nil {
		return err
	}
	found.AggregatedIn = &aggregate
	name, ok, err := s.deals.NameOf(ctx, z.ID, c.ID, c.CID)
	if err == nil && ok && aggregate.Active {
		aggregate.CID, found.Selector = name.Directory.String(), name.Selector()
	}
	return err
}

// anonymise takes away what is its owner's matter: only the CID was published.
func (f *foundContent) anonymise() {
	f.Content.UserID, f.Content.Name, f.Content.Description, f.Content.PinMeta, f.Content.Origins = 0, "", "", "", ""
	if f.AggregatedIn != nil {
		f.AggregatedIn.UserID = 0
	}
	for i := range f.Deals {
		f.Deals[i].UserID = 0
	}
}

// seenByCID returns the contents with a root that somebody may know of: those
// in buckets that publish, and his own.
func (s *server) seenByCID(ctx context.Context, root cid.Cid, who caller) ([]buckets.Content, error) {
	list, err := s.buckets.ContentsByCID(ctx, root)
	if err != nil {
		return nil, err
	}
	publishes := map[string]bool{} // by bucket
	var out []buckets.Content
	for _, c := range list {
		if _, known := publishes[c.Bucket]; !known {
			b, err := s.buckets.BucketByUUID(ctx, c.Bucket)
			if err != nil && !errors.Is(err, buckets.ErrNoBucket) {
				return nil, err
			}
			publishes[c.Bucket] = err == nil && b.Policy.Publish
		}
		if publishes[c.Bucket] || who.user.ID != 0 && who.sees(c.Owner) {
			out = append(out, c)
		}
		if len(out) == maxPage {
			break
		}
	}
	return out, nil
}

// retrievalCandidate is a provider that has a content, as autoretrieve asks for them.
type retrievalCandidate struct {
	Miner   string
	RootCid cid.Cid
	DealID  uint64
}

// candidates names the providers that have a published content in a deal on chain.
func (s *server) candidates(r *request, in anyCID) ([]retrievalCandidate, error) {
	list, err := s.seenByCID(r.Context(), in.CID, caller{})
	if err != nil {
		return nil, err
	}
	var out []retrievalCandidate
	seen := map[uint64]bool{} // by deal: contents share zones
	for _, c := range list {
		made, err := s.dealsOf(r.Context(), c)
		if err != nil {
			return nil, err
		}
		for _, d := range made {
			if d.ChainID != 0 && !failed(d.State) && !seen[d.ID] {
				seen[d.ID] = true
				out = append(out, retrievalCandidate{d.Provider, c.CID, d.ChainID})
			}
		}
	}
	return out, nil
}
