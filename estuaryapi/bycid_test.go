package estuaryapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/car"
)

func (f *fixture) byCID(t *testing.T, owner uint64, token, other string, a added, z buckets.Zone, chainIDs map[string]uint64) {
	for path, key := range map[string]string{"/public/by-cid/": "", "/content/by-cid/": token, "/content/by-cid": other} {
		answer := f.get(strings.TrimSuffix(path, "/")+"/"+a.CID, key)
		wantShape(t, path, answer.body, "[{aggregatedIn:"+contentShape+" content:"+contentShape+" deals:["+dealShape+"] selector:string}]")
		list := decode[[]found](t, answer)
		if len(list) != 1 || len(list[0].Deals) != 2 {
			t.Fatalf("%s: %s", path, answer.body)
		}
		got := list[0]
		name, user := "", uint64(0)
		if key == token {
			name, user = "a.txt", owner
		}
		if got.Content.ID != a.ID || got.Content.Name != name || got.Content.UserID != user || got.Content.CID != a.CID || got.AggregatedIn.ID != z.ID || got.AggregatedIn.UserID != user {
			t.Errorf("%s with %q: %+v", path, key, got)
		}
		if at := f.selected(got.AggregatedIn.CID, z, got.Selector); at != a.CID {
			t.Errorf("%s: %s of %s is %s, want %s", path, got.Selector, got.AggregatedIn.CID, at, a.CID)
		}
		for _, d := range got.Deals {
			if d.Content != z.ID || d.UserID != user || d.Failed || chainIDs[d.Miner] != d.DealID {
				t.Errorf("%s: deal %+v, want one of %v", path, d, chainIDs)
			}
		}
	}
	answer := f.get("/retrieval-candidates/"+a.CID, "")
	wantShape(t, "candidates", answer.body, "[{DealID:float Miner:string RootCid:{/:string}}]")
	type candidate struct {
		Miner   string
		RootCid map[string]string
		DealID  uint64
	}
	list := decode[[]candidate](t, answer)
	if len(list) != 2 {
		t.Errorf("candidates %+v", list)
	}
	for _, c := range list {
		if chainIDs[c.Miner] != c.DealID || c.RootCid["/"] != a.CID {
			t.Errorf("candidate %+v, want one of %v", c, chainIDs)
		}
	}
}

// selected follows a selector of V1's from a block in a zone's piece, as the
// provider has its bytes.
func (f *fixture) selected(root string, z buckets.Zone, selector string) string {
	f.t.Helper()
	r, _, err := f.deals.OpenPiece(f.t.Context(), z.Pieces[0])
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Close()
	cars, err := car.NewReader(r, 2<<20)
	if err != nil {
		f.t.Fatal(err)
	}
	c, data, err := cars.Next()
	if err != nil || c.String() != root {
		f.t.Fatalf("the piece begins with %s (%v), want %s", c, err, root)
	}
	nd, err := merkledag.DecodeProtobuf(data)
	if err != nil {
		f.t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscanf(selector, "/Links/%d/Hash", &n); err != nil || n >= len(nd.Links()) {
		f.t.Fatalf("selector %q of %d links: %v", selector, len(nd.Links()), err)
	}
	return nd.Links()[n].Cid.String()
}
