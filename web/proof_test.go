package web_test

import (
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
)

// The page of an object that is in a piece offers its proof, and says what it is.
func TestProof(t *testing.T) {
	s := newSite(t)
	ann, bob := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "dir/a&b", "some text").want(200)
	page, get := object("box", "object", "dir/a&b"), object("box", "proof", "dir/a&b")
	ann.get(get).want(404).has("There is no proof yet")
	ann.get(page).want(200).hasNot("Download the proof")
	s.runJobs()
	var z buckets.Zone
	s.until("a zone", func() bool {
		list, err := s.buckets.Zones(t.Context(), 0, "", 10, 0)
		must(t, err)
		if len(list) == 1 {
			z = list[0]
		}
		return len(list) == 1 && z.Count == 1
	})
	must(t, s.buckets.SealZone(t.Context(), z.ID))
	o, err := s.buckets.Head(t.Context(), s.bucket("box"), "dir/a&b", "")
	must(t, err)
	_, err = s.deals.Pack(t.Context(), piece.PackRequest{Zone: z.ID, Members: []piece.Member{{Content: o.Content, Root: o.CID, Size: o.Size}}})
	must(t, err)
	s.until("the page offers the proof", func() bool {
		return strings.Contains(ann.get(page).want(200).body, "Download the proof")
	})
	ann.get(page).want(200).has("stands in piece <code", "whypfs proof verify a&amp;b a&amp;b.proof")
	got := ann.get(get).want(200)
	p, err := proof.Decode(strings.NewReader(got.body))
	must(t, err)
	if r, err := p.Verify(t.Context(), strings.NewReader("some text")); err != nil || r.Refused() || p.Object.Key != "dir/a&b" {
		t.Errorf("%+v, %v, object %+v", r, err, p.Object)
	}
	bob.get(get).want(404)
	ann.get(object("box", "proof", "none")).want(404)
}
