package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
)

// Users see what is brought back of theirs, why it waits, and can end it.
func TestRetrievals(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ann, bob, root := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser), s.as("root", accounts.LevelAdmin)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "big<i>", strings.Repeat("x", 2<<20)).want(200)
	s.runJobs()
	var content uint64
	s.until("a piece", func() bool {
		z, err := s.buckets.Zones(ctx, 0, "", 10, 0)
		must(t, err)
		if len(z) == 0 || len(z[0].Pieces) == 0 {
			return false
		}
		list, err := s.buckets.ZoneContents(ctx, z[0].ID, 0, 1)
		must(t, err)
		content = list[0].ID
		return true
	})
	r, err := s.buckets.Retrieve(ctx, content, buckets.CauseRestore)
	must(t, err)
	s.until("a try", func() bool {
		now, err := s.buckets.Retrieval(ctx, r.ID)
		must(t, err)
		return now.Tries == 1 && now.State == buckets.RetrievalWaiting
	})
	for _, who := range []*browser{ann, root} {
		who.get("/ui/retrievals").want(200).has("big&lt;i&gt;", "waiting", "nothing to restore from", "Cancel").hasNot("Done lately")
	}
	bob.get("/ui/retrievals").want(200).hasNot("big", "Cancel")
	cancel := fmt.Sprintf("/ui/retrievals/%d/cancel", r.ID)
	bob.submit(cancel).want(404)
	ann.submit("/ui/retrievals/x/cancel").want(404)
	ann.get("/ui/retrievals").want(200).has("waiting")
	ann.submit(cancel).want(303)
	ann.get("/ui/retrievals").want(200).has("Done lately", "cancelled", "Nothing waits").hasNot("Cancel<")
	ann.submit(cancel).want(404).has("There is no such retrieval")
	bob.get("/ui/retrievals").want(200).hasNot("Done lately")
}
