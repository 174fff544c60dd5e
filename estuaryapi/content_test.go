package estuaryapi_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
)

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

const contentShape = "{active:bool aggregate:bool aggregatedIn:float cid:string createdAt:string dagSplit:bool dealStatus:string description:string " +
	"failed:bool id:float location:string name:string offloaded:bool origins:string pinMeta:string pinning:bool pinningStatus:string " +
	"replace:bool replication:float size:float splitFrom:float type:float updatedAt:string userId:float}"

type content struct {
	ID            uint64    `json:"id"`
	CreatedAt     time.Time `json:"createdAt"`
	CID           string    `json:"cid"`
	Name          string    `json:"name"`
	UserID        uint64    `json:"userId"`
	Size          int64     `json:"size"`
	Type          int       `json:"type"`
	Active        bool      `json:"active"`
	Replication   int       `json:"replication"`
	Location      string    `json:"location"`
	PinningStatus string    `json:"pinningStatus"`
}

func TestHealthAndViewer(t *testing.T) {
	f := newTest(t, buckets.Policy{Publish: true, Replication: 4, Threshold: 1 << 30}, estuaryapi.Options{})
	u, _ := f.user("ann", accounts.LevelUser, 0)
	token, row, err := f.accounts.CreateToken(t.Context(), u.ID, accounts.TokenSpec{})
	if err != nil {
		t.Fatal(err)
	}
	a := f.get("/health", "")
	if a.code != 200 || strings.TrimSpace(a.body) != `{"status":"ok"}` || a.header.Get("X-AppVersion") != "1.2.3" {
		t.Errorf("health = %+v", a)
	}
	a = f.get("/viewer", token)
	wantShape(t, "viewer", a.body, "{auth_expiry:string id:float perms:float settings:{contentAddingDisabled:bool dealDuration:float "+
		"dealMakingDisabled:bool fileStagingThreshold:float flags:float replication:float uploadEndpoints:[string] verified:bool} username:string}")
	v := decode[struct {
		Username string
		Perms    int
		ID       uint64
		Expiry   time.Time `json:"auth_expiry"`
		Settings struct {
			Replication          int
			FileStagingThreshold int64
			UploadEndpoints      []string
		}
	}](t, a)
	if v.Username != "ann" || v.Perms != 2 || v.ID != u.ID || !v.Expiry.Equal(row.Expires) || v.Settings.Replication != 4 ||
		v.Settings.FileStagingThreshold != 1<<30 || v.Settings.UploadEndpoints[0] != f.srv.URL+"/content/add" {
		t.Errorf("viewer = %+v", v)
	}
}

func TestContents(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	if a := f.get("/content/contents", token); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("no contents: %s, want []", a.body)
	}
	var ids []uint64
	for _, name := range []string{"a.txt", "b.txt", "c.txt"} {
		ids = append(ids, f.add(token, name, "this is "+name).ID)
	}
	f.add(other, "d.txt", "another's")
	a := f.get("/content/contents", token)
	wantShape(t, "contents", a.body, "["+contentShape+"]")
	list := decode[[]content](t, a)
	if len(list) != 3 || list[0].ID != ids[2] || list[1].ID != ids[1] || list[2].ID != ids[0] {
		t.Fatalf("contents = %+v, want %v newest first", list, ids)
	}
	stored := f.content(ids[0])
	want := content{ID: ids[0], CreatedAt: stored.Created, CID: rawCID(t, "this is a.txt"), Name: "a.txt", UserID: u.ID, Size: 13, Type: 1,
		Active: true, Replication: 6, Location: "local", PinningStatus: "pinned"}
	if got := list[2]; got != want {
		t.Errorf("content = %+v, want %+v", got, want)
	}
	pages := []struct {
		query string
		want  []uint64
	}{
		{"?limit=1", ids[2:]},
		{"?limit=1&offset=2", ids[:1]},
		{"?offset=1&limit=", []uint64{ids[1], ids[0]}},
		{"?limit=0", nil},
		{"?offset=3", nil},
		{"?offset=1073741824&limit=10000", nil},
	}
	for _, p := range pages {
		got := decode[[]content](t, f.get("/content/contents"+p.query, token))
		same := len(got) == len(p.want)
		for i := 0; same && i < len(got); i++ {
			same = got[i].ID == p.want[i]
		}
		if !same {
			t.Errorf("contents%s = %+v, want %v", p.query, got, p.want)
		}
	}
}

func TestBadPages(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	zone := itoa(f.zoned(f.add(token, "a", "a").ID).ID)
	for _, path := range []string{"/content/contents", "/content/staging-zones", "/content/staging-zones/" + zone + "/contents"} {
		for query, details := range map[string]string{
			"?limit=x":                     `limit: "x" is not a number from 0 to 10000`,
			"?limit=-1":                    `limit: "-1" is not a number from 0 to 10000`,
			"?limit=10001":                 `limit: "10001" is not a number from 0 to 10000`,
			"?limit=1e3":                   `limit: "1e3" is not a number from 0 to 10000`,
			"?offset=-1":                   `offset: "-1" is not a number from 0 to 1073741824`,
			"?offset=9223372036854775807":  `offset: "9223372036854775807" is not a number from 0 to 1073741824`,
			"?offset=99999999999999999999": `offset: "99999999999999999999" is not a number from 0 to 1073741824`,
			"?limit=x&offset=x":            `limit: "x" is not a number from 0 to 10000`,
		} {
			f.get(path+query, token).wantError(t, path+query, 400, "ERR_INVALID_INPUT", details)
		}
	}
}

func TestContentByID(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	id := itoa(f.add(token, "a.txt", "text").ID)
	a := f.get("/content/"+id, token)
	wantShape(t, "content", a.body, contentShape)
	if c := decode[content](t, a); itoa(c.ID) != id || c.PinningStatus != "" {
		t.Errorf("content = %+v", c)
	}
	a = f.get("/content/status/"+id, token)
	wantShape(t, "status", a.body, "{content:"+contentShape+" deals:[] failuresCount:float}")
	for _, base := range []string{"/content/", "/content/status/"} {
		f.get(base+id, other).wantError(t, "foreign", 403, "ERR_NOT_AUTHORIZED", "User (2) is not authorized for content ("+id+")")
		f.get(base+"7", token).wantError(t, "unknown", 404, "ERR_CONTENT_NOT_FOUND", "content: 7 was not found")
		f.get(base+"18446744073709551615", token).wantError(t, "greatest", 404, "ERR_CONTENT_NOT_FOUND", "content: 18446744073709551615 was not found")
		for raw, text := range map[string]string{"abc": "abc", "-1": "-1", "1.5": "1.5", "18446744073709551616": "18446744073709551616", "0x1": "0x1", "a%2Fb": "a/b", "%00": `\x00`, "%ff": `\xff`} {
			f.get(base+raw, token).wantError(t, "malformed "+raw, 400, "ERR_INVALID_INPUT", `"`+text+`" is not an id`)
		}
	}
}

// A content that was deleted over S3's side is no content any more.
func TestDeletedContent(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	id := f.add(token, "a.txt", "text").ID
	b, err := f.buckets.GlobalBucket(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.buckets.Delete(t.Context(), b, f.content(id).Key, buckets.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	f.get("/content/"+itoa(id), token).wantError(t, "deleted", 404, "ERR_CONTENT_NOT_FOUND", "content: "+itoa(id)+" was not found")
	f.none("deleting")
}

// Every version of an object is a content: it is listed while it is stored,
// under a delete marker and a lock too, and is gone with its version.
func TestContentsAreVersions(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	ctx := t.Context()
	u, token := f.user("ann", accounts.LevelUser, 0)
	b, err := f.buckets.CreateBucket(ctx, u.ID, "box", buckets.BucketOptions{ObjectLock: true})
	if err != nil {
		t.Fatal(err)
	}
	var v []buckets.Object
	for i, hold := range []bool{true, false, false} {
		o, err := f.buckets.Put(ctx, b, "key", u.ID, buckets.Upload{Body: strings.NewReader("body " + itoa(uint64(i)))},
			buckets.Attributes{Hold: hold}, buckets.Conditions{})
		if err != nil {
			t.Fatal(err)
		}
		v = append(v, o)
	}
	listed := func(what string, want ...buckets.Object) {
		t.Helper()
		list := decode[[]content](t, f.get("/content/contents", token))
		same := len(list) == len(want)
		for i := 0; same && i < len(list); i++ {
			c := list[i]
			same = c.ID == want[i].Content && c.CID == want[i].CID.String() && c.Name == "key"
			for _, base := range []string{"/content/", "/content/status/"} {
				if a := f.get(base+itoa(c.ID), token); a.code != 200 {
					t.Errorf("%s: GET %s%d = %d %s", what, base, c.ID, a.code, a.body)
				}
			}
		}
		if !same {
			t.Errorf("%s: contents %+v, want %+v", what, list, want)
		}
	}
	remove := func(version string) error {
		_, err := f.buckets.Delete(ctx, b, "key", buckets.DeleteOptions{Version: version})
		return err
	}
	listed("three versions", v[2], v[1], v[0])
	if err := remove(""); err != nil {
		t.Fatal(err)
	}
	listed("under a marker", v[2], v[1], v[0])
	if err := remove(v[1].VersionID()); err != nil {
		t.Fatal(err)
	}
	listed("without one", v[2], v[0])
	f.get("/content/"+itoa(v[1].Content), token).wantError(t, "removed", 404, "ERR_CONTENT_NOT_FOUND", "content: "+itoa(v[1].Content)+" was not found")
	if err := remove(v[0].VersionID()); !errors.Is(err, buckets.ErrLocked) {
		t.Fatalf("removing what is held: %v, want ErrLocked", err)
	}
	listed("one is held", v[2], v[0])

	// What is stored already is not stored again, be it an older version.
	a := f.send("/content/add?ignore-dupes=true", token, part{"data", "a", "", "body 0"})
	if a.code != 409 || !strings.Contains(a.body, v[0].CID.String()) {
		t.Errorf("a duplicate of an older version: %+v, want 409", a)
	}
	listed("a duplicate was refused", v[2], v[0])
}

func TestRoutes(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	for _, path := range []string{"/", "/nothing", "//", "//content/contents", "/content//contents", "/content/../viewer", "/./viewer", "/gw", "/gw/", "/gw/ipns/x", "/gw/ipfs", "/gw/../viewer", "/ipfs"} {
		f.get(path, token).wantError(t, path, 404, "Not Found", "Not Found")
	}
	for _, rt := range [][3]string{
		{"POST", "/health", "GET, HEAD, OPTIONS"}, {"PUT", "/health", "GET, HEAD, OPTIONS"}, {"PUT", "/put", "POST, OPTIONS"},
		{"DELETE", "/viewer", "GET, HEAD, OPTIONS"}, {"PATCH", "/viewer", "GET, HEAD, OPTIONS"}, {"BREW", "/viewer", "GET, HEAD, OPTIONS"},
	} {
		a := f.do(rt[0], rt[1], token, nil)
		a.wantError(t, rt[0]+" "+rt[1], 405, "Method Not Allowed", "Method Not Allowed")
		if got := a.header.Get("Allow"); got != rt[2] {
			t.Errorf("%s %s allows %q, want %q", rt[0], rt[1], got, rt[2])
		}
	}
	if a := f.do(http.MethodHead, "/content/contents", token, nil); a.code != 200 || a.body != "" {
		t.Errorf("HEAD = %+v, want 200 without a body", a)
	}
	for _, path := range []string{"/health/", "/viewer/", "/content/contents/", "/content/contents///", "/content/staging-zones/", "/content/contents/?limit=1"} {
		if a := f.get(path, token); a.code != 200 {
			t.Errorf("GET %s = %d %s, want 200", path, a.code, a.body)
		}
	}
}

func TestCORS(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	for _, path := range []string{"/content/add", "/gw/ipfs/x", "/nothing"} {
		a := f.do(http.MethodOptions, path, "", nil, "Origin", "https://app.example",
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin":  "*",
			"Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
			"Access-Control-Allow-Headers": "authorization,content-type",
		} {
			if got := a.header.Values(name); a.code != 204 || len(got) != 1 || got[0] != want {
				t.Errorf("preflight of %s = %d, %s %q, want 204 and %q", path, a.code, name, got, want)
			}
		}
	}
	for _, path := range []string{"/viewer", "/nothing", "/gw/ipfs/x"} {
		a := f.do(http.MethodGet, path, "", nil, "Origin", "https://app.example")
		if got := a.header.Values("Access-Control-Allow-Origin"); len(got) != 1 || got[0] != "*" || a.header.Get("X-AppVersion") == "" {
			t.Errorf("GET %s allows origins %q, headers %v", path, got, a.header)
		}
	}
}
