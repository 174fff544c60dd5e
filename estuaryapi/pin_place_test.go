package estuaryapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
)

// at says which pin or content has a path of a collection; "" none.
func (f *fixture) at(token, uuid, path string) string {
	f.t.Helper()
	type entry struct {
		ID   json.Number `json:"id"`
		Path string      `json:"path"`
	}
	for _, e := range decode[[]entry](f.t, f.get("/collections/"+uuid, token)) {
		if e.Path == path {
			return e.ID.String()
		}
	}
	return ""
}

// A pin goes where its meta, or the body of an older client, says: at once,
// though nothing of it has come.
func TestPinPlaces(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	c := f.create(token, "films").UUID
	for want, tt := range map[string]struct {
		route string
		body  object
	}{
		"/v1/n":        {"/pinning/pins", object{"meta": object{"collection": c, "dir": "/v1"}}},
		"/n":           {"/pinning/pins", object{"meta": object{"collection": c}}},
		"/barge/b.mp4": {"/pinning/pins", object{"meta": object{"coluuid": c, "colpath": "/barge/b.mp4"}}},
		"/old/n":       {"/pinning/pins", object{"meta": object{"collection": c, "colpath": "/old/"}}},
		"/ipfs/n":      {"/content/add-ipfs", object{"coluuid": c, "dir": "/ipfs"}},
		"/ipfs/file":   {"/content/add-ipfs", object{"collection": c, "collectionPath": "/ipfs/file"}},
		"/ipfs/meta/n": {"/content/add-ipfs", object{"meta": object{"collection": c, "dir": "/ipfs/meta/"}}},
	} {
		tt.body["cid"], tt.body["name"], tt.body["origins"] = rawCID(t, want), "n", []string{dead}
		p := accept[pinned](t, f.postJSON(tt.route, token, tt.body))
		if p.Pin.Name != "n" || f.at(token, c, want) != p.RequestID {
			t.Errorf("%s: at it is %q, want the pin %+v", want, f.at(token, c, want), p)
		}
	}
	// Without a name it has that of its CID.
	nameless := rawCID(t, "nameless")
	p := f.pin(token, object{"cid": nameless, "origins": []string{dead}, "meta": object{"collection": c, "dir": "/v1"}})
	if f.at(token, c, "/v1/"+nameless) != p.RequestID || p.Pin.Name != "" {
		t.Errorf("without a name: %+v", p)
	}
	// A client of the specification may call something else a collection.
	if p := f.pin(token, object{"cid": rawCID(t, "cats"), "origins": []string{dead}, "meta": object{"collection": "cats"}}); p.Pin.Meta["collection"] != "cats" {
		t.Errorf("meta that is no place: %+v", p)
	}
}

// A place that is taken, unknown, or another's refuses the pin, and nothing is left of it.
func TestPinPlaceRefused(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	c := f.create(token, "films").UUID
	unknown := "11111111-2222-4333-8444-555555555555"
	body := func(name, uuid, dir string) object {
		return object{"cid": rawCID(t, name+uuid+dir), "name": name, "origins": []string{dead}, "meta": object{"collection": uuid, "dir": dir}}
	}
	first := f.pin(token, body("n", c, "/d"))
	again := object{"cid": rawCID(t, "again"), "name": "n", "origins": []string{dead}, "meta": object{"collection": c, "dir": "/d"}}
	const taken = "file already exists in collection, specify 'overwrite=true' to overwrite"
	f.postJSON("/pinning/pins", token, again).wantPinError(t, "a taken path", 400, "ERR_CONTENT_IN_COLLECTION", taken)
	f.postJSON("/v2/pinning/batched-pins", token, []object{body("good", c, "/d"), body("m", c, "/d"), again}).
		wantError(t, "a batch with one", 400, "ERR_CONTENT_IN_COLLECTION", taken)
	f.postJSON("/v2/pinning/batched-pins", token, []object{body("m", c, "/e"), body("m", c, "/e")}).
		wantError(t, "a batch with a path twice", 400, "ERR_CONTENT_IN_COLLECTION", taken)
	if a := f.postJSON("/pinning/pins", token, body("n", unknown, "")); a.code != 404 || !a.has(unknown) {
		t.Errorf("an unknown collection: %d %s", a.code, a.body)
	}
	if a := f.postJSON("/pinning/pins", other, body("n", c, "/x")); a.code != 403 && a.code != 404 {
		t.Errorf("another's collection: %d %s", a.code, a.body)
	}
	if a := f.postJSON("/pinning/pins", token, body("n", c, "relative")); a.code != 400 {
		t.Errorf("a relative directory: %d %s", a.code, a.body)
	}
	if page := f.listPins(token, "status=queued,pinning,pinned,failed"); page.Count != 1 {
		t.Errorf("left %+v", page)
	}
	if got := f.at(token, c, "/d/n"); got != first.RequestID {
		t.Errorf("the path has %s, want %s", got, first.RequestID)
	}
	p := accept[pinned](t, f.postJSON("/pinning/pins?overwrite=true", token, again))
	if got := f.at(token, c, "/d/n"); got != p.RequestID {
		t.Errorf("overwritten the path has %s, want %s", got, p.RequestID)
	}
	// Its place follows a pin that is replaced, and goes with one that is removed.
	n := accept[pinned](t, f.postJSON("/pinning/pins/"+p.RequestID, token, object{"cid": rawCID(t, "next"), "name": "next", "origins": []string{dead}}))
	if got := f.at(token, c, "/d/n"); got != n.RequestID {
		t.Errorf("replaced the path has %s, want %s", got, n.RequestID)
	}
	if a := f.do(http.MethodDelete, "/pinning/pins/"+n.RequestID, token, nil); a.code != 202 || f.at(token, c, "/d/n") != "" {
		t.Errorf("removed: %d, the path has %q", a.code, f.at(token, c, "/d/n"))
	}
}

// A bucket is a collection too: a pin becomes the object at its path.
func TestPinIntoBucket(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	b, err := f.buckets.CreateBucket(t.Context(), u.ID, "films", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := newPeer(t)
	dag := shelf("into a bucket", 3)
	o.put(dag...)
	p := f.pin(token, object{"cid": rootOf(dag), "name": "film", "origins": []string{o.addr()}, "meta": object{"collection": b.UUID, "dir": "/2026"}})
	p = f.awaitPinStatus(token, p.RequestID, "pinned")
	head, err := f.buckets.Head(t.Context(), b, "2026/film", "")
	if err != nil || head.CID.String() != rootOf(dag) {
		t.Errorf("the object is %+v, %v", head, err)
	}
	if a := f.postJSON("/pinning/pins", token, object{"cid": rawCID(t, "x"), "name": "film", "meta": object{"collection": b.UUID, "dir": "/2026"}}); a.code != 400 || !strings.Contains(a.body, "ERR_CONTENT_IN_COLLECTION") {
		t.Errorf("a taken key: %d %s", a.code, a.body)
	}
	if a := f.do(http.MethodDelete, "/pinning/pins/"+p.RequestID, token, nil); a.code != 202 {
		t.Errorf("DELETE = %d %s", a.code, a.body)
	}
	if _, err := f.buckets.Head(t.Context(), b, "2026/film", ""); err == nil {
		t.Error("the object is there still")
	}
}
