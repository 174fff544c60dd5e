package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
)

// away is a CID that nobody has.
const away = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

func (s *site) pinsOf(owner uint64) []buckets.Pin {
	s.t.Helper()
	list, err := s.buckets.Pins(s.t.Context(), buckets.PinQuery{Owner: owner})
	must(s.t, err)
	return list.Pins
}

func TestPins(t *testing.T) {
	s := newSite(t)
	ann, bob, root := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser), s.as("root", accounts.LevelAdmin)
	ann.get("/ui/pins").want(200).has("no pin yet")
	for want, form := range map[string][]string{
		"is not a CID":                              {"cid", "no<b>cid"},
		`value="no&lt;b&gt;cid"`:                    {"cid", "no<b>cid"},
		"This cannot be pinned":                     {"cid", away, "origins", "/ip4/nowhere"},
		"There is no such bucket":                   {"cid", away, "bucket", "missing"},
		"a name has at most 255 characters of UTF-": {"cid", away, "name", strings.Repeat("x", 256)},
	} {
		if p := ann.submit("/ui/pins", form...).has(want).hasNot("no<b>cid"); p.status != 400 && p.status != 404 {
			t.Errorf("%v = %d", form, p.status)
		}
	}
	to := ann.submit("/ui/pins", "cid", " "+away+" ", "name", "far<b>away", "origins",
		"/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWEtLNEjRJpZ8tLoF9qtQKMi7YL8f8GLa9okKsNSNCjVGp").want(303).header.Get("Location")
	id := s.user("ann").ID
	pins := s.pinsOf(id)
	if len(pins) != 1 || to != fmt.Sprintf("/ui/pins/%d", pins[0].ID) || len(pins[0].Origins) != 1 {
		t.Fatalf("the pins are %+v, and the page is %s", pins, to)
	}
	for _, b := range []*browser{ann, root} {
		b.get("/ui/pins").want(200).has("far&lt;b&gt;away", "queued", "waiting for its turn", "Try now").hasNot("<b>")
		b.get(to).want(200).has(away, "far&lt;b&gt;away", "/ip4/127.0.0.1/tcp/4001/p2p/", "none yet").hasNot("far<b>")
		b.get(to+"/remove").want(200).has("Remove this pin?", "It is not fetched any more")
		b.submit(to + "/retry").want(303)
	}
	root.get("/ui/pins").has(">ann<")
	bob.get("/ui/pins").want(200).hasNot("far")
	bob.get(to).want(404).has("There is no such pin")
	bob.get(to + "/remove").want(404)
	bob.submit(to + "/retry").want(404)
	bob.submit(to + "/remove").want(404)
	bob.get("/ui/pins/x").want(404)

	ann.get("/ui/pins?state=failed").want(200).has("no such pin").hasNot("far&lt;")
	ann.get("/ui/pins?state=queued&find=AWAY").want(200).has("far&lt;", `value="AWAY"`)
	ann.get("/ui/pins?find=near").want(200).hasNot("far&lt;")
	ann.submit(to + "/remove").want(303)
	if left := s.pinsOf(id); len(left) != 0 {
		t.Errorf("the pins left are %+v", left)
	}
	ann.submit(to + "/remove").want(404)
}

// What is here is pinned at once: as an object of the bucket that was named,
// which goes with the pin.
func TestPinOfWhatIsHere(t *testing.T) {
	s := newSite(t)
	ann, bob := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "here", "body").want(200)
	b, err := s.buckets.Bucket(t.Context(), "box")
	must(t, err)
	o, err := s.buckets.Head(t.Context(), b, "here", "")
	must(t, err)
	bob.submit("/ui/pins", "cid", o.CID.String(), "bucket", "box").want(404).has("There is no such bucket")
	to := ann.submit("/ui/pins", "cid", o.CID.String(), "name", "again", "bucket", "box").want(303).header.Get("Location")
	p := ann.get(to).want(200).has("pinned", "Its object", ">box<").hasNot("Try now")
	ann.get("/ui/pins?state=pinned").want(200).has("again", "4 B")
	ann.get(to + "/remove").want(200).has("Its object goes from box with it")
	if !strings.Contains(p.body, "/ui/buckets/box/object?key=") {
		t.Errorf("no link to the object:\n%s", p.body)
	}
	ann.submit(to + "/remove").want(303)
	ann.get(object("box", "object", "here")).want(200)
}

func TestPinPages(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	var requests []buckets.PinRequest
	for i := range 130 {
		requests = append(requests, buckets.PinRequest{CID: cid.MustParse(away), Name: fmt.Sprintf("pin-%03d", i)})
	}
	_, err := s.buckets.PinAll(t.Context(), s.user("ann").ID, requests)
	must(t, err)
	p := ann.get("/ui/pins?find=pin").want(200).has("pin-129", "pin-030", "Older").hasNot("pin-029", "Newest")
	next := p.next()
	if u, err := url.Parse(next); err != nil || u.Query().Get("find") != "pin" {
		t.Errorf("the next page is %s", next)
	}
	ann.get(next).want(200).has("pin-029", "pin-000", "Newest").hasNot("pin-030", "Older")
}
