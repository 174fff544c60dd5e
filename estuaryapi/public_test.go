package estuaryapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
)

func TestPublicNode(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	if a := f.get("/public/net/peers", ""); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("peers of nobody: %s", a.body)
	}
	other := newTest(t, publish, estuaryapi.Options{})
	if err := f.node.Connect(t.Context(), other.node.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	if got := decode[[]string](t, f.get("/public/net/peers", "")); len(got) != 1 || got[0] != other.node.ID() {
		t.Errorf("peers %v, want %s", got, other.node.ID())
	}
	for _, path := range []string{"/public/net/addrs", "/net/addrs"} {
		a := f.get(path, "")
		wantShape(t, path, a.body, "{addresses:[string] id:string}")
		got := decode[struct {
			ID        string
			Addresses []string
		}](t, a)
		full := slices.Clone(got.Addresses)
		for i := range full {
			full[i] += "/p2p/" + got.ID
		}
		if got.ID != f.node.ID() || !slices.Equal(full, f.node.Addrs()) {
			t.Errorf("%s: %s, want %v", path, a.body, f.node.Addrs())
		}
	}
	address, err := f.deals.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a := f.get("/public/info", ""); strings.TrimSpace(a.body) != `{"primaryAddress":"`+address+`"}` {
		t.Errorf("info %s, want %s", a.body, address)
	}
	for _, path := range []string{"/public/metrics/deals-on-chain", "/public/deals/failures"} {
		if a := f.get(path, ""); strings.TrimSpace(a.body) != "[]" {
			t.Errorf("%s without deals: %s, want []", path, a.body)
		}
	}
}

func TestGet(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	for path, want := range map[string]string{
		"/get/" + rawCID(t, "x"):                              "/gw/ipfs/" + rawCID(t, "x"),
		"/get/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn": "/gw/ipfs/bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354",
	} {
		if a := f.get(path, ""); a.code != 307 || a.header.Get("Location") != want || a.body != "" {
			t.Errorf("GET %s = %d to %s, want 307 to %s", path, a.code, a.header.Get("Location"), want)
		}
	}
	for _, path := range []string{"/get/x", "/public/by-cid/x", "/retrieval-candidates/x"} {
		f.get(path, "").wantError(t, path, 400, "ERR_INVALID_INPUT", `"x" is not a CID`)
	}
}

// What a bucket does not publish is found by its CID by its owner alone, as are
// the names of what it does.
func TestByCIDIsPrivate(t *testing.T) {
	f := newTest(t, buckets.Policy{}, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	c := f.add(token, "secret.txt", "a secret").CID
	for path, want := range map[string]map[string]int{
		"/public/by-cid/" + c:  {"": 0, token: 0},
		"/content/by-cid/" + c: {token: 1, other: 0, admin: 1},
	} {
		for key, n := range want {
			if list := decode[[]found](t, f.get(path, key)); len(list) != n {
				t.Errorf("GET %s with %q has %d contents, want %d", path, key, len(list), n)
			}
		}
	}
	if a := f.get("/retrieval-candidates/"+c, ""); a.code != 200 || strings.TrimSpace(a.body) != "null" {
		t.Errorf("candidates %d %s, want null", a.code, a.body)
	}
	b, err := f.buckets.CreateBucket(t.Context(), u.ID, "open", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if b, err = f.buckets.SetPolicy(t.Context(), b.Name, func(p *buckets.Policy) { p.Publish = true }); err != nil {
		t.Fatal(err)
	}
	if _, err = f.buckets.Put(t.Context(), b, "name.txt", u.ID, buckets.Upload{Body: strings.NewReader("a secret")}, buckets.Attributes{}, buckets.Conditions{}); err != nil {
		t.Fatal(err)
	}
	a := f.get("/public/by-cid/"+c, "")
	if list := decode[[]found](t, a); len(list) != 1 || a.has("name.txt") || a.has("secret") || list[0].Content.UserID != 0 || list[0].Content.CID != c {
		t.Errorf("published once: %s", a.body)
	}
	if list := decode[[]found](t, f.get("/content/by-cid/"+c, token)); len(list) != 2 || list[0].Content.Name != "secret.txt" || list[1].Content.Name != "name.txt" {
		t.Errorf("to its owner: %+v", list)
	}
}

func TestContentFigures(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	for _, path := range []string{"/content/stats", "/content/list", "/content/deals", "/content/all-deals"} {
		if a := f.get(path, token); strings.TrimSpace(a.body) != "[]" {
			t.Errorf("%s of nothing: %s, want []", path, a.body)
		}
	}
	first, second := f.add(token, "a.txt", "first"), f.add(token, "b.txt", "second one")
	f.add(other, "c.txt", "another's")
	a := f.get("/content/stats", token)
	wantShape(t, "stats", a.body, "[{aggregatedFiles:float bwUsed:float cid:{/:string} createdAt:string id:float name:string offloaded:bool pinningStatus:string size:float totalRequests:float}]")
	type stats struct {
		ID            uint64
		Name          string
		Size          int64
		CID           map[string]string
		PinningStatus string
	}
	list := decode[[]stats](t, a)
	if len(list) != 2 || list[0].ID != second.ID || list[0].Size != 10 || list[0].Name != "b.txt" || list[0].CID["/"] != second.CID || list[0].PinningStatus != "pinned" || list[1].ID != first.ID {
		t.Errorf("stats %s", a.body)
	}
	if list := decode[[]stats](t, f.get("/content/stats?limit=1&offset=1", token)); len(list) != 1 || list[0].ID != first.ID {
		t.Errorf("second page %+v", list)
	}
	a = f.get("/content/list", token)
	wantShape(t, "list", a.body, "["+contentShape+"]")
	if list := decode[[]content](t, a); len(list) != 2 || list[0].ID != second.ID || list[1].ID != first.ID {
		t.Errorf("list %s", a.body)
	}
	id := itoa(first.ID)
	wantShape(t, "bandwidth", f.get("/content/bw-usage/"+id, token).body, "{totalOut:float}")
	for _, path := range []string{"/content/failures/", "/content/aggregated/"} {
		if a := f.get(path+id, token); strings.TrimSpace(a.body) != "[]" {
			t.Errorf("%s: %s, want []", path, a.body)
		}
	}
	// What is read goes out, and is counted.
	zone := f.zoned(first.ID)
	f.get("/content/read/"+id, token)
	f.do("GET", "/content/read/"+id, token, nil, "Range", "bytes=1-2")
	if list := decode[[]struct{ BWUsed, TotalRequests int }](t, f.get("/content/stats", token)); list[1].BWUsed != 7 || list[1].TotalRequests != 2 || list[0].BWUsed != 0 {
		t.Errorf("what went out: %+v", list)
	}
	for _, of := range []string{id, itoa(zone.ID)} {
		if a := f.get("/content/bw-usage/"+of, token); strings.TrimSpace(a.body) != `{"totalOut":7}` {
			t.Errorf("what went out of %s: %s", of, a.body)
		}
	}
	for path, reason := range map[string]string{"/content/failures/": "ERR_CONTENT_NOT_FOUND", "/content/aggregated/": "ERR_RECORD_NOT_FOUND", "/content/bw-usage/": "ERR_RECORD_NOT_FOUND"} {
		f.get(path+"7", token).wantError(t, path, 404, reason, "content: 7 was not found")
		f.get(path+id, other).wantError(t, path, 403, "ERR_NOT_AUTHORIZED", "User (2) is not authorized for content ("+id+")")
	}
}

func TestReadContent(t *testing.T) {
	f := newTest(t, buckets.Policy{}, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	page := "<!DOCTYPE html><script>alert(document.cookie)</script>"
	path := "/content/read/" + itoa(f.add(token, "dir/a.html", page).ID)
	a := f.get(path, token)
	if a.code != 200 || a.body != page || !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "sandbox") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("read %+v", a)
	}
	for _, tt := range []struct {
		method, header, value string
		code                  int
		body                  string
	}{
		{"GET", "Range", "bytes=2-8", 206, "DOCTYPE"},
		{"GET", "Range", "bytes=1000-", 416, "invalid range: failed to overlap\n"},
		{"GET", "If-None-Match", a.header.Get("Etag"), 304, ""},
		{"HEAD", "Range", "bytes=2-8", 206, ""},
	} {
		if a := f.do(tt.method, path, token, nil, tt.header, tt.value); a.code != tt.code || a.body != tt.body {
			t.Errorf("%s with %s %s = %d %q, want %d %q", tt.method, tt.header, tt.value, a.code, a.body, tt.code, tt.body)
		}
	}
	if a := f.get(path, other); a.code != 403 {
		t.Errorf("another's: %d %s", a.code, a.body)
	}
}

// A list without end is one array; when it breaks off in the middle that is an
// error for the wrapper, which cuts the connection.
func TestWriteList(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		batches [][]int
		end     error
		want    string
	}{
		{nil, nil, "[]\n"},
		{[][]int{{1}}, nil, "[1]\n"},
		{[][]int{{1, 2}, {3}, {4, 5}}, nil, "[1,\n2,\n3,\n4,\n5]\n"},
		{nil, broken, ""},
		{[][]int{{1, 2}}, broken, "[1,\n2"},
	} {
		w := httptest.NewRecorder()
		err := estuaryapi.WriteList(w, tt.batches, tt.end)
		if !errors.Is(err, tt.end) || w.Body.String() != tt.want || err == nil && w.Code != http.StatusOK {
			t.Errorf("%v = %q, %v, want %q, %v", tt.batches, w.Body, err, tt.want, tt.end)
		}
	}
}
