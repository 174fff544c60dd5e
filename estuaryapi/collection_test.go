package estuaryapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
)

type collection struct {
	UUID, Name, CID string
}

func (f *fixture) create(token, name string) collection {
	f.t.Helper()
	return decode[collection](f.t, f.do("POST", "/collections", token, strings.NewReader(fmt.Sprintf(`{"name":%q,"description":"d"}`, name))))
}

// collect puts a content at a path.
func (f *fixture) collect(token, uuid, dir string, ids ...uint64) answer {
	f.t.Helper()
	body, err := json.Marshal(ids)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.do("POST", "/collections/"+uuid+"?dir="+dir, token, strings.NewReader(string(body)))
}

func (f *fixture) removeFrom(token, uuid, by, value string) answer {
	f.t.Helper()
	return f.do("DELETE", "/collections/"+uuid+"/contents", token, strings.NewReader(fmt.Sprintf(`{"by":%q,"value":%q}`, by, value)))
}

// tree is a listing as path=id, or name=id, d for directories.
func (f *fixture) tree(path, token string) string {
	f.t.Helper()
	a := f.get(path, token)
	if strings.TrimSpace(a.body) == "null" {
		return "null"
	}
	var out []string
	for _, e := range decode[[]map[string]any](f.t, a) {
		switch {
		case e["path"] != nil:
			out = append(out, fmt.Sprintf("%s=%.0f", e["path"], e["id"]))
		case e["type"] == "directory" || e["dir"] == true:
			out = append(out, fmt.Sprintf("%s=d", e["name"]))
		default:
			out = append(out, fmt.Sprintf("%s=%.0f", e["name"], e["contId"]))
		}
	}
	return strings.Join(out, " ")
}

func (f *fixture) wantTree(path, token, want string) {
	f.t.Helper()
	if got := f.tree(path, token); got != want {
		f.t.Errorf("GET %s = %s, want %s", path, got, want)
	}
}

func wantBody(t *testing.T, what string, a answer, code int, body string) {
	t.Helper()
	if a.code != code || strings.TrimSpace(a.body) != body {
		t.Errorf("%s = %d %q, want %d %q", what, a.code, a.body, code, body)
	}
}

const collectionShape = "{cid:string createdAt:string description:string name:string userId:float uuid:string}"

func TestCollections(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	ann, token := f.user("ann", accounts.LevelUser, 0)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	a := f.do("POST", "/collections/", token, strings.NewReader(`{"name":"one","description":"first"}`))
	wantShape(t, "POST /collections", a.body, collectionShape)
	one := decode[collection](t, a)
	wantBody(t, "an empty collection", f.get("/collections/"+one.UUID, token), 200, "[]")
	wantBody(t, "its root", f.get("/collections/"+one.UUID+"?dir=/", token), 200, "null")
	list := f.get("/collections", token)
	wantShape(t, "GET /collections", list.body, "["+collectionShape+"]")
	wantBody(t, "GET /collections of somebody else", f.get("/collections", bob), 200, "[]")

	x, y := f.add(token, "x.txt", "body x"), f.add(token, "y.txt", "body y")
	wantBody(t, "POST /collections/:coluuid", f.collect(token, one.UUID, "/d", x.ID, y.ID), 200, "{}")
	named := fmt.Sprintf(`{"contentids":[%d]}`, x.ID)
	wantBody(t, "the other form of its body", f.do("POST", "/collections/"+one.UUID, token, strings.NewReader(named)), 200, "{}")
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/d/x.txt=%d /d/y.txt=%d /x.txt=%d", x.ID, y.ID, x.ID))
	f.wantTree("/collections/"+one.UUID+"?dir=/", token, fmt.Sprintf("d=d x.txt=%d", x.ID))
	f.wantTree("/collections/"+one.UUID+"?dir=/d", token, fmt.Sprintf("x.txt=%d y.txt=%d", x.ID, y.ID))
	wantBody(t, "a directory that is not there", f.get("/collections/"+one.UUID+"?dir=/e", token), 200, "null")
	dir := f.get("/collections/"+one.UUID+"?dir=/d", token)
	wantShape(t, "a directory", dir.body, "[{cid:string coluuid:string contId:float dir:string name:string size:float type:string updatedAt:string}]")
	entry := decode[[]struct {
		CID, Dir, ColUUID string
		Size              int
	}](t, dir)[0]
	if entry.CID != x.CID || entry.Dir != "/d" || entry.ColUUID != one.UUID || entry.Size != 6 {
		t.Errorf("the entry is %+v", entry)
	}
	all := f.get("/collections/"+one.UUID, token)
	wantShape(t, "GET /collections/:coluuid", all.body, "["+strings.Replace(contentShape, "pinMeta:", "path:string pinMeta:", 1)+"]")

	// Somebody else's.
	text := fmt.Sprintf("User (%d) is not authorized for collection (%s)", ann.ID+1, one.UUID)
	for _, a := range []answer{
		f.get("/collections/"+one.UUID, bob), f.collect(bob, one.UUID, "/", x.ID), f.removeFrom(bob, one.UUID, "path", "/d"),
		f.do("DELETE", "/collections/"+one.UUID, bob, nil), f.do("POST", "/collections/"+one.UUID+"/commit", bob, nil),
		f.do("POST", fmt.Sprintf("/collections/fs/add?coluuid=%s&content=%d", one.UUID, x.ID), bob, nil),
	} {
		a.wantError(t, "somebody else's collection", 403, "ERR_NOT_AUTHORIZED", text)
	}

	// None.
	const none = "11111111-2222-3333-4444-555555555555"
	f.get("/collections/"+none, token).wantError(t, "GET of none", 404, "ERR_RECORD_NOT_FOUND", "collection: "+none+" was not found")
	f.do("DELETE", "/collections/"+none, token, nil).wantError(t, "DELETE of none", 404, "ERR_RECORD_NOT_FOUND", "collection with ID("+none+") was not found")
	f.collect(token, none, "/", x.ID).wantError(t, "POST to none", 404, "ERR_RECORD_NOT_FOUND", "collection with ID("+none+") was not found")

	wantBody(t, "DELETE", f.do("DELETE", "/collections/"+one.UUID, token, nil), 200, "{}")
	f.do("DELETE", "/collections/"+one.UUID, token, nil).wantError(t, "DELETE again", 404, "ERR_RECORD_NOT_FOUND", "collection with ID("+one.UUID+") was not found")
	if a := f.get(fmt.Sprintf("/content/%d", x.ID), token); a.code != 200 {
		t.Errorf("its content is %d %s", a.code, a.body)
	}
}

func TestCollectionContents(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	one := f.create(token, "one")
	x, y, twin := f.add(token, "x", "1"), f.add(token, "y", "2"), f.add(token, "x", "3")
	foreign := f.add(bob, "z", "4")
	taken := "file already exists in collection, specify 'overwrite=true' to overwrite"

	f.collect(token, one.UUID, "/").wantError(t, "no contents", 400, "ERR_INVALID_INPUT", "no contents specified, need at least one")
	f.collect(token, one.UUID, "/", make([]uint64, 129)...).wantError(t, "too many", 400, "ERR_INVALID_INPUT", "too many contents specified: 129 (max 128)")
	f.collect(token, one.UUID, "/", x.ID, foreign.ID, 12).wantError(t, "some unknown", 404, "ERR_CONTENT_NOT_FOUND", "2 specified content(s) were not found or user missing permissions")
	f.collect(token, one.UUID, "d", x.ID).wantError(t, "no slash", 400, "ERR_INVALID_INPUT", "invalid path: paths must start with /")
	f.do("POST", "/collections/"+one.UUID, token, strings.NewReader(`{"contentids":"x"}`)).has("ERR_INVALID_INPUT")
	f.wantTree("/collections/"+one.UUID, token, "")
	f.collect(token, one.UUID, "/", x.ID, y.ID)
	f.collect(token, one.UUID, "/", twin.ID).wantError(t, "a taken path", 400, "ERR_CONTENT_IN_COLLECTION", taken)
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/x=%d /y=%d", x.ID, y.ID))
	wantBody(t, "overwrite", f.collect(token, one.UUID, "/&overwrite=true", twin.ID), 200, "{}")
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/x=%d /y=%d", twin.ID, y.ID))

	// One at a time.
	path := fmt.Sprintf("/collections/fs/add?coluuid=%s&content=%d", one.UUID, x.ID)
	wantBody(t, "fs/add", f.do("POST", path+"&dir=/a", token, nil), 200, "{}")
	wantBody(t, "fs/add with a path", f.do("POST", path+"&path=/ab", token, nil), 200, "{}")
	wantBody(t, "fs/add with a directory as path", f.do("POST", path+"&path=/a/b/", token, nil), 200, "{}")
	f.do("POST", path+"&path=/y", token, nil).wantError(t, "fs/add to a taken path", 400, "ERR_CONTENT_IN_COLLECTION", taken)
	f.do("POST", "/collections/fs/add?content=7", token, nil).wantError(t, "fs/add to nothing", 400, "ERR_INVALID_INPUT", "coluuid is required")
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/a/b/x=%d /a/x=%d /ab=%d /x=%d /y=%d", x.ID, x.ID, x.ID, twin.ID, y.ID))

	// Removal: V1 took /ab with /a.
	f.removeFrom(token, one.UUID, "name", "x").wantError(t, "a bad filter", 404, "ERR_INVALID_FILTER", `by: "name" is not path or content_id`)
	f.removeFrom(token, one.UUID, "path", "").wantError(t, "no value", 404, "ERR_VALUE_REQUIRED", "value is required")
	f.removeFrom(token, one.UUID, "content_id", "x").wantError(t, "no id", 400, "ERR_INVALID_INPUT", `value: "x" is not an id`)
	wantBody(t, "removal by path", f.removeFrom(token, one.UUID, "path", "/a"), 200, "")
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/ab=%d /x=%d /y=%d", x.ID, twin.ID, y.ID))
	wantBody(t, "removal by id", f.removeFrom(token, one.UUID, "content_id", fmt.Sprint(twin.ID)), 200, "")
	wantBody(t, "removal by id again", f.removeFrom(token, one.UUID, "content_id", fmt.Sprint(twin.ID)), 200, "")
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/ab=%d /y=%d", x.ID, y.ID))

	// What is unpinned is in no list.
	if a := f.do("DELETE", fmt.Sprintf("/pinning/pins/%d", y.ID), token, nil); a.code != 202 {
		t.Fatalf("unpin: %d %s", a.code, a.body)
	}
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/ab=%d", x.ID))
}

func TestCommitCollection(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	one := f.create(token, "one")
	x := f.add(token, "x", "body x")
	f.collect(token, one.UUID, "/d", x.ID)
	type status struct {
		RequestID, Status string
		Pin               struct{ CID, Name string }
		Content           struct{ ID uint64 }
	}
	st := decode[status](t, f.do("POST", "/collections/"+one.UUID+"/commit", token, nil))
	if st.Status != "pinned" || st.RequestID == "" || st.Pin.Name != "one" || st.Content.ID == 0 {
		t.Errorf("commit = %+v", st)
	}
	wantBody(t, "what is in it", f.get("/gw/ipfs/"+st.Pin.CID+"/d/x", ""), 200, "body x")
	if now := decode[[]collection](t, f.get("/collections", token)); now[0].CID != st.Pin.CID {
		t.Errorf("the collection's CID is %q, want %q", now[0].CID, st.Pin.CID)
	}
	if again := decode[status](t, f.do("POST", "/collections/"+one.UUID+"/commit", token, nil)); again != st {
		t.Errorf("the same again is %+v, first %+v", again, st)
	}
}

// A dedicated bucket is a collection: each API shows what the other has put.
func TestCollectionOfBucket(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	ann, token := f.user("ann", accounts.LevelUser, 0)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	b, err := f.buckets.CreateBucket(t.Context(), ann.ID, "photos", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if list := decode[[]collection](t, f.get("/collections", token)); len(list) != 1 || list[0].UUID != b.UUID || list[0].Name != "photos" {
		t.Errorf("collections are %+v", list)
	}
	type ofBucket struct {
		UUID   string
		Bucket bool
	}
	if list := decode[[]ofBucket](t, f.get("/collections", token)); len(list) != 1 || list[0] != (ofBucket{b.UUID, true}) {
		t.Errorf("GET /collections = %+v", list)
	}
	o, err := f.buckets.Put(t.Context(), b, "2020/a.jpg", ann.ID, buckets.Upload{Body: strings.NewReader("over S3")}, buckets.Attributes{}, buckets.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	x := f.add(token, "b.jpg", "over V1")
	wantBody(t, "a copy into the bucket", f.collect(token, b.UUID, "/2020", x.ID), 200, "{}")
	f.collect(bob, b.UUID, "/2020", x.ID).wantError(t, "somebody else's bucket", 403, "ERR_NOT_AUTHORIZED",
		fmt.Sprintf("User (%d) is not authorized for collection (%s)", ann.ID+1, b.UUID))
	made, err := f.buckets.Head(t.Context(), b, "2020/b.jpg", "")
	if err != nil || made.CID.String() != x.CID {
		t.Fatalf("the object is %+v, %v", made, err)
	}
	f.wantTree("/collections/"+b.UUID, token, fmt.Sprintf("/2020/a.jpg=%d /2020/b.jpg=%d", o.Content, made.Content))
	f.wantTree("/collections/"+b.UUID+"?dir=/", token, "2020=d")
	f.do("DELETE", "/collections/"+b.UUID, token, nil).wantError(t, "DELETE", 409, "ERR_BAD_REQUEST", "the collection is a bucket, and that has objects: remove them first")

	st := decode[struct {
		RequestID, Status string
		Pin               struct{ CID string }
	}](t, f.do("POST", "/collections/"+b.UUID+"/commit", token, nil))
	if st.RequestID != "" || st.Status != "pinned" {
		t.Errorf("commit = %+v", st)
	}
	wantBody(t, "what is in its directory", f.get("/gw/ipfs/"+st.Pin.CID+"/2020/a.jpg", ""), 200, "over S3")
	wantBody(t, "removal", f.removeFrom(token, b.UUID, "path", "/2020"), 200, "")
	f.wantTree("/collections/"+b.UUID, token, "")
	wantBody(t, "DELETE", f.do("DELETE", "/collections/"+b.UUID, token, nil), 200, "{}")
}

// The routes of V1 up to 0.1.8, as barge and others of that time call them.
func TestOldCollectionRoutes(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	one := decode[collection](t, f.do("POST", "/collections/create", token, strings.NewReader(`{"name":"one","description":""}`)))
	if list := decode[[]collection](t, f.get("/collections/list", token)); len(list) != 1 || list[0].UUID != one.UUID {
		t.Errorf("collections are %+v", list)
	}
	x, y := f.add(token, "x", "body x"), f.add(token, "y", "body y")
	body := fmt.Sprintf(`{"coluuid":%q,"contents":[%d],"cids":[%q]}`, one.UUID, x.ID, y.CID)
	wantBody(t, "add-content", f.do("POST", "/collections/add-content", token, strings.NewReader(body)), 200, "{}")
	body = fmt.Sprintf(`{"collection":%q,"cids":[%q]}`, one.UUID, rawCID(t, "nobody has this"))
	f.do("POST", "/collections/add-content", token, strings.NewReader(body)).
		wantError(t, "an unknown CID", 404, "ERR_CONTENT_NOT_FOUND", "1 specified content(s) were not found or user missing permissions")
	body = fmt.Sprintf(`{"collection":%q,"cids":["x"]}`, one.UUID)
	f.do("POST", "/collections/add-content", token, strings.NewReader(body)).wantError(t, "no CID", 400, "ERR_INVALID_INPUT", `cids: "x" is not a CID`)
	f.do("POST", "/collections/add-content", token, strings.NewReader(`{"contents":[7]}`)).wantError(t, "no collection", 400, "ERR_INVALID_INPUT", "coluuid is missing")
	f.collect(token, one.UUID, "/d/e", x.ID)

	all := fmt.Sprintf("/d/e/x=%d /x=%d /y=%d", x.ID, x.ID, y.ID)
	f.wantTree("/collections/content?coluuid="+one.UUID, token, all)
	f.wantTree("/collections/content/"+one.UUID, token, all)
	root := fmt.Sprintf("d=d x=%d y=%d", x.ID, y.ID)
	f.wantTree("/collections/content?coluuid="+one.UUID+"&dir=/", token, root)
	f.wantTree("/collections/content?coluuid="+one.UUID+"&colpath=%2F", token, root)
	f.wantTree("/collections/fs/list?col="+one.UUID+"&dir=/", token, root)
	f.wantTree("/collections/fs/list?col="+one.UUID, token, root)
	f.wantTree("/collections/content?coluuid="+one.UUID+"&colpath=/d", token, "e=d")
	barge := f.get("/collections/content?coluuid="+one.UUID+"&colpath=/d/e", token)
	wantShape(t, "barge's listing", barge.body, "[{cid:string contId:float dir:bool name:string size:float}]")
	wantBody(t, "barge's listing of nothing", f.get("/collections/content?coluuid="+one.UUID+"&colpath=/none", token), 200, "[]")
	f.get("/collections/content", token).wantError(t, "content of nothing", 400, "ERR_INVALID_INPUT", "coluuid is required")
	if a := f.do(http.MethodHead, "/collections/list", token, nil); a.code != 200 {
		t.Errorf("HEAD = %d", a.code)
	}
}
