package s3_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/s3"
)

// dealt says what deals there are.
type dealt func(zone, content uint64) ([]s3.Piece, error)

func (d dealt) Pieces(_ context.Context, zone, content uint64) ([]s3.Piece, error) {
	return d(zone, content)
}

func (d dealt) Prove(context.Context, uint64, uint64, cid.Cid, int64) (*proof.Proof, error) {
	return nil, piece.ErrNoPiece
}

// packer packs zones and starts deals that never become active.
type packer struct{}

func (packer) Pack(context.Context, buckets.Zone, []buckets.Content) ([]string, error) {
	return []string{"baga"}, nil
}
func (packer) Deal(context.Context, buckets.Zone) error { return nil }
func (packer) Progress(context.Context, buckets.Zone) (buckets.Progress, error) {
	return buckets.Progress{Wanted: 6}, nil
}
func (packer) Restore(context.Context, buckets.Content) error { return nil }
func (packer) Forget(context.Context, buckets.Zone) error     { return nil }
func (packer) Sampled(context.Context, buckets.Zone) (int, bool, error) {
	return 0, false, nil
}
func (packer) SmallestPiece(context.Context, buckets.ProviderRules, int) (int64, error) {
	return 0, nil
}

func TestDealState(t *testing.T) {
	var pieces []s3.Piece
	var zone, content uint64
	a := serve(t, s3.Options{Deals: dealt(func(z, c uint64) ([]s3.Piece, error) {
		zone, content = z, c
		return pieces, nil
	})}, buckets.Options{Dealer: packer{}})
	// What a client was told it may send back: it is not the server's word then.
	sent := headers{"x-amz-meta-whypfs-state": "complete", "x-amz-meta-whypfs-x": "y", "x-amz-meta-cid": "bafy", "x-amz-meta-own": "1"}
	a.ok("PUT", "/box/key", sent, "data")
	told := func(what, state, cids, deals string) {
		t.Helper()
		h := a.ok("HEAD", "/box/key", nil, "").header
		for name, want := range map[string]string{"state": state, "pieces": cids, "deals": deals, "x": ""} {
			if got := h.Get("x-amz-meta-whypfs-" + name); got != want {
				t.Errorf("%s: %s = %q, want %q", what, name, got, want)
			}
		}
		if h.Get("x-amz-meta-own") != "1" {
			t.Errorf("%s: the object's own metadata is gone", what)
		}
		for name := range a.ok("GET", "/box/key", nil, "").header {
			if strings.HasPrefix(name, "X-Amz-Meta-Whypfs-") {
				t.Errorf("%s: GET has %s", what, name)
			}
		}
	}
	ctx := t.Context()
	told("put", "waiting", "", "")

	b, err := a.buckets.Bucket(ctx, "box")
	must(t, err)
	o, err := a.buckets.Head(ctx, b, "key", "")
	must(t, err)
	jobs, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.queue.Run(jobs) }()
	defer func() {
		stop()
		must(t, <-ended)
	}()
	var c buckets.Content
	await := func(state buckets.ZoneState) {
		t.Helper()
		for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
			c, err = a.buckets.Content(ctx, o.Content)
			must(t, err)
			if c.Zone == 0 {
				continue
			}
			z, err := a.buckets.Zone(ctx, c.Zone)
			must(t, err)
			if z.State == state {
				return
			}
		}
	}
	await(buckets.ZoneOpen)
	pieces = []s3.Piece{{CID: "early", Active: []uint64{1}}} // nobody is asked yet
	told("assigned", "open; 0 of 6 deals active", "", "")

	pieces = []s3.Piece{{CID: "baga1"}, {CID: "baga2", Active: []uint64{7}}}
	must(t, a.buckets.SealZone(ctx, c.Zone))
	await(buckets.ZoneDealing)
	told("dealing", "dealing; 0 of 6 deals active", "baga1 baga2", "7")
	if zone != c.Zone || content != c.ID {
		t.Errorf("asked for content %d of zone %d, want %d of %d", content, zone, c.ID, c.Zone)
	}
	pieces[0].Active = []uint64{3, 4}
	told("one deal of each", "dealing; 1 of 6 deals active", "baga1 baga2", "3 4 7")

	pieces = nil
	for i := range uint64(10) {
		pieces = append(pieces, s3.Piece{CID: fmt.Sprint("baga", i), Active: []uint64{i, i + 10, i + 20, i + 30}})
	}
	h := a.ok("HEAD", "/box/key", nil, "").header
	if v := h.Get("x-amz-meta-whypfs-pieces"); !strings.HasSuffix(v, " baga7 +2") {
		t.Errorf("pieces = %q", v)
	}
	if v := h.Get("x-amz-meta-whypfs-deals"); !strings.HasSuffix(v, " 37 +8") {
		t.Errorf("deals = %q", v)
	}
}
