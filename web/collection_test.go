package web_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
)

// collected is a collection of ann's, with two objects of a bucket of hers and a
// pin that is none yet.
func collected(t *testing.T, s *site, ann *browser) collections.Collection {
	t.Helper()
	ctx, id := t.Context(), s.user("ann").ID
	ann.submit("/ui/buckets", "name", "box").want(303)
	b, err := s.buckets.Bucket(ctx, "box")
	must(t, err)
	col, err := s.collections.Create(ctx, id, "holiday <b>", "of <i>2021")
	must(t, err)
	var named []collections.Named
	for i, path := range []string{"/a <b>.txt", "/deep/down/c.txt"} {
		key := fmt.Sprint("key", i)
		ann.upload("box", key, path).want(200)
		o, err := s.buckets.Head(ctx, b, key, "")
		must(t, err)
		named = append(named, collections.Named{Path: path, ID: o.Content})
	}
	p, err := s.buckets.Pin(ctx, id, buckets.PinRequest{CID: cid.MustParse(away), Name: "far"})
	must(t, err)
	must(t, s.collections.Add(ctx, id, col.UUID, append(named, collections.Named{Path: "/far", ID: p.ID}), false))
	return col
}

func TestCollections(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	ann, bob, root := s.as("ann", accounts.LevelUser), s.as("bob", accounts.LevelUser), s.as("root", accounts.LevelAdmin)
	ann.get("/ui/collections").want(200).has("no collection yet")
	col := collected(t, s, ann)
	page := "/ui/collections/" + col.UUID
	ann.get("/ui/collections").want(200).has("holiday &lt;b&gt;", "of &lt;i&gt;2021", page, "not yet").hasNot("<i>2021", ">box<")
	p := ann.get(page).want(200).has("a &lt;b&gt;.txt", "deep/", "far", "queued", "/ui/buckets/box/object?key=key0", "/ui/pins/", "not yet").hasNot("c.txt", "<b>.txt")
	p.has("/ui/collections/" + col.UUID + "?dir=%2Fdeep")
	ann.get(page+"?dir=/deep").want(200).has("down/", "?dir=%2Fdeep%2Fdown")
	ann.get(page+"?dir=/deep/down/").want(200).has("c.txt", "object?key=key1", "remove?path=%2Fdeep%2Fdown%2Fc.txt")
	ann.get(page + "?dir=/../x").want(200).has("nothing here yet")

	if to := ann.submit(page + "/commit").want(303).header.Get("Location"); to != page+"?done=commit" {
		t.Errorf("a commit leads to %q", to)
	}
	now, err := s.collections.Collection(ctx, s.user("ann").ID, col.UUID)
	must(t, err)
	ann.get(page+"?done=commit").want(200).has("The collection is committed", "/ipfs/"+now.CID.String()+"/")

	actions := []string{"/commit", "/delete", "/remove?path=/far"}
	for _, other := range []*browser{bob, root} { // collections are their owners' alone
		other.get("/ui/collections").want(200).hasNot("holiday")
		other.get(page).want(404).has("There is no such collection")
		for _, a := range actions {
			other.submit(page + a).want(404)
		}
		other.get(page + "/delete").want(404)
		other.get(page + "/remove?path=/far").want(404)
	}

	for _, path := range []string{"", "/", "//", "/.", "far", "/x/.."} {
		ann.submit(page + "/remove?path=" + url.QueryEscape(path)).want(400)
	}
	ann.get(page+"/remove?path=/deep").want(200).has("Remove this from the collection?", "/deep")
	ann.submit(page + "/remove?path=/deep").want(303)
	ann.get(page).want(200).has("far").hasNot("deep/")
	ann.get(object("box", "object", "key1")).want(200)

	ann.get(page+"/delete").want(200).has("Delete this collection?", "holiday &lt;b&gt;")
	ann.submit(page + "/delete").want(303)
	ann.get(page).want(404)
	ann.get(object("box", "object", "key0")).want(200)
}

func TestNewCollection(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	to := ann.submit("/ui/collections", "name", " trips ", "description", "all of them").want(303).header.Get("Location")
	ann.get(to).want(200).has("trips", "all of them", "nothing here yet")
	ann.submit("/ui/collections", "name", string(make([]byte, 256))).want(400).has("Nothing was changed")
}

// A bucket is a collection to V1's clients. Here it has its own page, and no
// form of collections touches it.
func TestBucketIsNoCollectionHere(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "key", "body").want(200)
	b, err := s.buckets.Bucket(t.Context(), "box")
	must(t, err)
	page := "/ui/collections/" + b.UUID
	if to := ann.get(page).want(303).header.Get("Location"); to != "/ui/buckets/box" {
		t.Errorf("it leads to %q", to)
	}
	for _, a := range []string{"/commit", "/delete", "/remove?path=/key"} {
		ann.submit(page + a).want(404)
	}
	ann.get(object("box", "object", "key")).want(200)
}
