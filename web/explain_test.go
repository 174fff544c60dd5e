package web_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
)

// The page of an object leads to why it has not its deals yet, which only who
// sees the object may read.
func TestExplainPage(t *testing.T) {
	s := newSite(t)
	s.dealer.packErr = errors.New("chain <i>unreachable</i>")
	root := s.as("root", accounts.LevelAdmin)
	root.submit("/ui/buckets", "name", "box").want(303)
	root.upload("box", "dir/small", "x").want(200)
	const page = "/ui/buckets/box/explain?key=dir%2Fsmall"
	root.get("/ui/buckets/box/object?key=dir%2Fsmall").want(200).has("/ui/buckets/box/explain?key=dir%2Fsmall")
	root.get(page).want(200).has("<h1", "Deals of small", "is in no zone yet", "It joins its bucket&#39;s open zone now.")
	root.upload("box", "big", strings.Repeat("x", 2<<20)).want(200)
	s.runJobs()
	s.until("a failing job", func() bool {
		j, err := s.queue.List(t.Context(), "zone")
		must(t, err)
		return len(j) == 1 && j[0].Tries > 0 && !j[0].Running
	})
	root.get(page).want(200).has("as it had enough, and is not packed into pieces yet: pack: chain &lt;i&gt;unreachable&lt;/i&gt;", "It has failed", "zone ")
	root.get("/ui/buckets/box/explain?key=none").want(404)
	s.as("ann", accounts.LevelUser).get(page).want(404)
}
