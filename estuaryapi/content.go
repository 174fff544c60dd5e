package estuaryapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// content is V1's Content (estuary util/content.go).
type content struct {
	ID            uint64    `json:"id"`
	CreatedAt     time.Time `json:"createdAt"`
	UpdatedAt     time.Time `json:"updatedAt"`
	CID           string    `json:"cid"`
	Name          string    `json:"name"`
	UserID        uint64    `json:"userId"`
	Description   string    `json:"description"`
	Size          int64     `json:"size"`
	Type          int       `json:"type"` // 1 file
	Active        bool      `json:"active"`
	Offloaded     bool      `json:"offloaded"`
	Replication   int       `json:"replication"`
	AggregatedIn  uint64    `json:"aggregatedIn"` // the zone whose piece holds it, 0: none yet
	Aggregate     bool      `json:"aggregate"`
	Pinning       bool      `json:"pinning"`
	PinMeta       string    `json:"pinMeta"`
	Replace       bool      `json:"replace"`
	Origins       string    `json:"origins"`
	Failed        bool      `json:"failed"`
	Location      string    `json:"location"`
	DagSplit      bool      `json:"dagSplit"`
	SplitFrom     uint64    `json:"splitFrom"`
	PinningStatus string    `json:"pinningStatus"`
	DealStatus    string    `json:"dealStatus"`
}

const fileType = 1

// content translates a stored content.
func (s *server) content(ctx context.Context, c buckets.Content) (content, error) {
	list, err := s.contents(ctx, []buckets.Content{c})
	if err != nil {
		return content{}, err
	}
	list[0].PinningStatus = "" // V1 fills it in lists only
	return list[0], nil
}

// contents translates some. V1 has one kind of id: a content that a pin has
// become goes on under the pin's, which is the one that clients were given.
func (s *server) contents(ctx context.Context, list []buckets.Content) ([]content, error) {
	ids := make([]uint64, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	pins, err := s.buckets.PinsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]content, 0, len(list))
	replication := replications{s: s}
	for _, c := range list {
		n := c.Replication
		if n == 0 {
			if n, err = replication.of(ctx, c.Bucket); err != nil {
				return nil, err
			}
		}
		v := content{
			ID: c.ID, CreatedAt: c.Created, UpdatedAt: c.Created, CID: c.CID.String(), Name: c.Name, UserID: c.Owner,
			Size: c.Size, Type: fileType, Active: true, Offloaded: c.Offloaded, Replication: n,
			AggregatedIn: c.Zone, Location: "local", PinningStatus: "pinned",
		}
		if p, ok := pins[c.ID]; ok {
			v.ID, v.CreatedAt, v.PinMeta, v.Origins = p.ID, p.Created, pinMeta(p), pinOrigins(p)
		}
		if v.Offloaded {
			v.PinningStatus = "offloaded"
		}
		out = append(out, v)
	}
	return out, nil
}

// replications are those of buckets, each looked up once.
type replications struct {
	s  *server
	by map[string]int
}

func (n *replications) of(ctx context.Context, bucket string) (int, error) {
	if v, ok := n.by[bucket]; ok {
		return v, nil
	}
	b, err := n.s.buckets.BucketByUUID(ctx, bucket)
	// A bucket goes after its objects; its zones live on.
	if err != nil && !errors.Is(err, buckets.ErrNoBucket) {
		return 0, fmt.Errorf("replication of bucket %s: %w", bucket, err)
	}
	if n.by == nil {
		n.by = map[string]int{}
	}
	n.by[bucket] = b.Policy.Replication
	return b.Policy.Replication, nil
}

// contentID names a content in a path.
type contentID struct {
	ID uint64 `path:"id" doc:"id of a content, V1's estuaryId"`
}

// showContent shows one content, or a zone as V1's aggregate.
func (s *server) showContent(r *request, in contentID) (content, error) {
	k, err := s.kept(r, in)
	if err != nil {
		return content{}, err
	}
	return s.show(r.Context(), k)
}
