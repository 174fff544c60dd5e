package main

import (
	"context"
	"errors"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/deals/retrieve"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/s3"
)

// dealer is what buckets and s3 need of deals.
type dealer struct{ d *deals.Deals }

func (x dealer) Pack(ctx context.Context, z buckets.Zone, members []buckets.Content) ([]string, error) {
	req := piece.PackRequest{Zone: z.ID, Bucket: z.Bucket, Replication: z.Policy.Replication,
		MaxPiece: z.Policy.MaxPiece, MinPiece: z.MinPiece, Private: !z.Policy.Publish}
	for _, m := range members {
		req.Members = append(req.Members, piece.Member{Content: m.ID, Root: m.CID, Size: m.Size})
	}
	pieces, err := x.d.Pack(ctx, req)
	var cids []string
	for _, p := range pieces {
		cids = append(cids, p.CID)
	}
	return cids, err
}

func (x dealer) SmallestPiece(ctx context.Context, rules buckets.ProviderRules, providers int) (int64, error) {
	return x.d.SmallestPiece(ctx, deals.Rules(rules), providers)
}

func (x dealer) Deal(ctx context.Context, z buckets.Zone) error { return x.d.Start(ctx, z.ID) }

func (x dealer) Progress(ctx context.Context, z buckets.Zone) (buckets.Progress, error) {
	s, err := x.d.Standing(ctx, z.ID)
	return buckets.Progress{Wanted: s.Wanted, Active: s.Active, Pending: s.Pending, Ending: s.Ending, Reason: s.Reason}, err
}

func (x dealer) Sampled(ctx context.Context, z buckets.Zone) (int, bool, error) {
	return x.d.Sampled(ctx, z.ID)
}

func (x dealer) Restore(ctx context.Context, c buckets.Content) error {
	return x.d.Restore(ctx, c.Zone, c.ID, c.CID)
}

// classes say who waits for what a retrieval brings.
var classes = map[buckets.Cause]retrieve.Class{buckets.CauseRestore: retrieve.ForRestore, buckets.CauseRepair: retrieve.ForRepair}

func (x dealer) Retrieve(ctx context.Context, c buckets.Content, o buckets.RetrieveOrder) error {
	class, ok := classes[o.Cause]
	if !ok {
		class = retrieve.ForRest
	}
	return x.d.Fetch(ctx, c.Zone, c.ID, c.CID, retrieve.Order{Class: class, Allow: o.Allow, Came: o.Came})
}

func (x dealer) Recall(ctx context.Context, c buckets.Content, put func(context.Context, []node.Block) error) (buckets.Recall, error) {
	return x.d.Recall(ctx, c.Zone, c.ID, c.CID, put)
}

func (x dealer) Forget(ctx context.Context, z buckets.Zone) error { return x.d.Forget(ctx, z.ID) }

func (x dealer) Prove(ctx context.Context, zone, content uint64, root cid.Cid, size int64) (*proof.Proof, error) {
	return x.d.Prove(ctx, zone, content, root, size)
}

// Pieces is what s3 needs of deals.
func (x dealer) Pieces(ctx context.Context, zone, content uint64) ([]s3.Piece, error) {
	cids, err := x.d.PiecesOf(ctx, zone, content)
	if err != nil {
		return nil, err
	}
	pieces := make([]s3.Piece, len(cids))
	for i, c := range cids {
		pieces[i].CID = c
		list, err := x.d.Deals(ctx, zone, c, 0, 0)
		if err != nil {
			return nil, err
		}
		holders := map[string]bool{}
		for _, d := range list {
			if d.State == deals.DealActive && !holders[d.Provider] {
				holders[d.Provider] = true
				pieces[i].Active = append(pieces[i].Active, d.ChainID)
			}
		}
	}
	return pieces, nil
}

// providerRules are those of a bucket, as deals wants them. A bucket that is
// gone has none: its zones may still be dealt.
func (a *app) providerRules(ctx context.Context, bucket string) (deals.Rules, error) {
	b, err := a.buckets.BucketByUUID(ctx, bucket)
	if errors.Is(err, buckets.ErrNoBucket) {
		return deals.Rules{}, nil
	}
	return deals.Rules(b.Policy.Providers), err
}
