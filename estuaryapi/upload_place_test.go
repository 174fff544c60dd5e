package estuaryapi_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/internal/car"
)

func file(name, data string) part { return part{"data", name, "text/plain", data} }

func field(name, value string) part { return part{name, "", "", value} }

// An upload goes where its query or its form says.
func TestUploadPlaces(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	ann, token := f.user("ann", accounts.LevelUser, 0)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	only := f.token(ann, accounts.TokenSpec{Level: accounts.LevelUpload})
	b, err := f.buckets.CreateBucket(t.Context(), ann.ID, "photos", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	one := f.create(token, "one")
	add := func(query string, parts ...part) added {
		t.Helper()
		return decode[added](t, f.send("/content/add?"+query, only, parts...))
	}
	a := add("coluuid="+one.UUID+"&dir=/d", file("x", "1"))
	c := add("", field("coluuid", one.UUID), field("dir", "/form"), file("x", "2"), field("filename", "late"))
	d := add("collection="+one.UUID+"&collectionPath=/old/name", file("x", "3"))
	e := add("collection="+one.UUID+"&collectionPath=/old/", file("x", "4"))
	h := add("coluuid="+one.UUID, file("x", "5"))
	both := add("bucket=photos&coluuid="+one.UUID+"&dir=/both", file("x", "6"))
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/both/x=%d /d/x=%d /form/late=%d /old/name=%d /old/x=%d /x=%d", both.ID, a.ID, c.ID, d.ID, e.ID, h.ID))

	add("bucket=photos", file("y", "7"))
	add("coluuid="+b.UUID+"&dir=/2020", file("y", "8"))
	decode[added](t, f.send("/put?bucket=photos&dir=/2021", only, file("y", "9")))
	for key, want := range map[string]string{"both/x": "6", "y": "7", "2020/y": "8", "2021/y": "9"} {
		o, err := f.buckets.Head(t.Context(), b, key, "")
		if err != nil || o.CID.String() != rawCID(t, want) || o.Headers["Content-Type"] != "text/plain" {
			t.Errorf("object %q is %+v, %v", key, o, err)
		}
	}

	// What is there stays, unless asked otherwise; what is refused leaves nothing.
	before := len(decode[[]content](t, f.get("/content/contents", token)))
	taken := "file already exists in collection, specify 'overwrite=true' to overwrite"
	for _, query := range []string{"coluuid=" + one.UUID + "&dir=/d", "bucket=photos&dir=/both"} {
		f.send("/content/add?"+query, token, file("x", "new")).wantError(t, query, 400, "ERR_CONTENT_IN_COLLECTION", taken)
	}
	const none = "11111111-2222-3333-4444-555555555555"
	f.send("/content/add?coluuid="+none, token, file("x", "new")).wantError(t, "no collection", 404, "ERR_CONTENT_NOT_FOUND", "collection with ID("+none+") was not found")
	f.send("/content/add?bucket=none", token, file("x", "new")).wantError(t, "no bucket", 404, "ERR_RECORD_NOT_FOUND", `bucket: "none" was not found`)
	f.send("/content/add?bucket=photos", bob, file("x", "new")).wantError(t, "somebody else's bucket", 404, "ERR_RECORD_NOT_FOUND", `bucket: "photos" was not found`)
	f.send("/content/add?coluuid="+one.UUID, bob, file("x", "new")).wantError(t, "somebody else's collection", 403, "ERR_NOT_AUTHORIZED",
		fmt.Sprintf("User (%d) is not authorized for collection (%s)", ann.ID+1, one.UUID))
	f.send("/content/add?dir=d&coluuid="+one.UUID, token, file("x", "new")).wantError(t, "no slash", 400, "ERR_INVALID_INPUT", "invalid path: paths must start with /")
	f.send("/content/add", token, file("x", "new"), field("coluuid", one.UUID)).wantError(t, "a place behind the file", 400, "ERR_INVALID_INPUT",
		"the field coluuid has to come before the file in `data`, or in the query: it says where that goes")
	f.send("/content/add", token, field("overwrite", "perhaps"), file("x", "new")).wantError(t, "a bad field", 400, "ERR_INVALID_INPUT", `overwrite: "perhaps" is not true or false`)
	if after := len(decode[[]content](t, f.get("/content/contents", token))); after != before {
		t.Errorf("refused uploads left %d contents", after-before)
	}
	add("coluuid="+one.UUID+"&dir=/d&overwrite=true", file("x", "new"))
	add("bucket=photos&dir=/both&overwrite=true", file("x", "newer"))
}

// An upload says how many deals it is to have, wherever in its form; without, its bucket does.
func TestUploadReplication(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	n := func(value string) part { return field("replication", value) }
	for _, tt := range []struct {
		what, query string
		parts       []part
		want        int
	}{
		{"not said", "", []part{file("x", "1")}, 6},
		{"none", "?replication=0", []part{file("x", "2"), n("")}, 6},
		{"query", "?replication=2", []part{file("x", "3")}, 2},
		{"form", "", []part{n("3"), file("x", "4")}, 3},
		{"form, behind the file", "", []part{file("x", "5"), n("20")}, 20},
		{"form over query", "?replication=2", []part{file("x", "6"), n("3")}, 3},
	} {
		a := f.send("/content/add"+tt.query, token, tt.parts...)
		if got := f.content(decode[added](t, a).ID).Replication; got != 0 && got != tt.want || got == 0 && tt.want != 6 {
			t.Errorf("%s: the content has %d", tt.what, got)
		}
		id := decode[added](t, a).ID
		if c := decode[content](t, f.get(fmt.Sprintf("/content/%d", id), token)); c.Replication != tt.want {
			t.Errorf("%s: the content tells of %d, want %d", tt.what, c.Replication, tt.want)
		}
	}
	car := decode[added](t, f.do("POST", "/content/add-car?replication=4", token, bytes.NewReader(aCAR(t, []string{"root"}, "root"))))
	if got := f.content(car.ID).Replication; got != 4 {
		t.Errorf("a CAR's content has %d", got)
	}
	before := len(decode[[]content](t, f.get("/content/contents", token)))
	for _, bad := range []string{"-1", "21", "six"} {
		for what, a := range map[string]answer{
			"query": f.send("/content/add?replication="+bad, token, file("x", "7")), "form": f.send("/content/add", token, n(bad), file("x", "8")),
			"form, behind the file": f.send("/content/add", token, file("x", "9"), n(bad)),
			"CAR":                   f.do("POST", "/content/add-car?replication="+bad, token, bytes.NewReader(aCAR(t, []string{"r"}, "r"))),
		} {
			a.wantError(t, what, 400, "ERR_INVALID_INPUT", fmt.Sprintf("replication: %q is not a number from 0 to 20", bad))
		}
	}
	if after := len(decode[[]content](t, f.get("/content/contents", token))); after != before {
		t.Errorf("refused uploads left %d contents", after-before)
	}
}

// Of equal uploads at once exactly one is stored, if they say so.
func TestIgnoreDupesAtOnce(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	codes := make(chan int, 8)
	var wg sync.WaitGroup
	for range cap(codes) {
		wg.Go(func() { codes <- f.send("/content/add?ignore-dupes=true", token, file("x", "same")).code })
	}
	wg.Wait()
	close(codes)
	count := map[int]int{}
	for c := range codes {
		count[c]++
	}
	if count[200] != 1 || count[409] != cap(codes)-1 {
		t.Errorf("answers are %v", count)
	}
}

// aCAR is a CAR of one leaf for each body, with those roots.
func aCAR(t testing.TB, roots []string, bodies ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	// {"roots": […], "version": 1} as DAG-CBOR.
	head := append([]byte("\xa2\x65roots"), 0x80|byte(len(roots)))
	for _, r := range roots {
		head = append(append(head, "\xd8\x2a\x58\x25\x00"...), cid.MustParse(rawCID(t, r)).Bytes()...)
	}
	head = append(head, "\x67version\x01"...)
	b.Write(append(binary.AppendUvarint(nil, uint64(len(head))), head...))
	for _, body := range bodies {
		b.Write(car.SectionHead(cid.MustParse(rawCID(t, body)), len(body)))
		b.WriteString(body)
	}
	return b.Bytes()
}

func TestAddCAR(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	ann, token := f.user("ann", accounts.LevelUser, 0)
	only := f.token(ann, accounts.TokenSpec{Level: accounts.LevelUpload})
	one := f.create(token, "one")
	b, err := f.buckets.CreateBucket(t.Context(), ann.ID, "photos", buckets.BucketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	send := func(query string, body io.Reader) answer {
		t.Helper()
		return f.do("POST", "/content/add-car?"+query, only, body)
	}
	whole := aCAR(t, []string{"root"}, "root")
	chunked := struct{ io.Reader }{bytes.NewReader(whole)} // of no length that net/http could tell
	for name, body := range map[string]io.Reader{"with a length": bytes.NewReader(whole), "chunked": chunked} {
		a := decode[added](t, send("", body))
		if a.CID != rawCID(t, "root") || f.content(a.ID).Name != a.CID {
			t.Errorf("%s: %+v is called %q", name, a, f.content(a.ID).Name)
		}
		wantBody(t, name, f.get("/gw/ipfs/"+a.CID, ""), 200, "root")
	}
	named := decode[added](t, send("filename=n&coluuid="+one.UUID+"&dir=/d", bytes.NewReader(whole)))
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/d/n=%d", named.ID))
	send("bucket=photos&filename=k", bytes.NewReader(whole))
	if o, err := f.buckets.Head(t.Context(), b, "k", ""); err != nil || o.CID.String() != named.CID {
		t.Errorf("the object is %+v, %v", o, err)
	}
	a := send("ignore-dupes=true", bytes.NewReader(whole))
	wantBody(t, "a duplicate", a, 409, `{"message":"this content is already preserved under cid:`+named.CID+`"}`)

	before := len(decode[[]content](t, f.get("/content/contents", token)))
	two := aCAR(t, []string{"a", "b"}, "a", "b")
	wantBody(t, "two roots", send("", bytes.NewReader(two)), 400, `{"error":"cannot handle uploading car files with multiple roots"}`)
	for name, body := range map[string][]byte{
		"no roots": aCAR(t, nil, "a"), "a missing block": aCAR(t, []string{"a"}, "b"), "a cut": whole[:len(whole)-1],
		"no CAR": []byte("hello"), "nothing": nil, "a wrong block": bytes.Replace(whole, []byte("root"), []byte("ruut"), 1),
	} {
		if a := send("", bytes.NewReader(body)); a.code != 400 || !a.has("ERR_INVALID_INPUT") && !a.has("ERR_BAD_REQUEST") {
			t.Errorf("%s: %d %s", name, a.code, a.body)
		}
	}
	if after := len(decode[[]content](t, f.get("/content/contents", token))); after != before {
		t.Errorf("refused CARs left %d contents", after-before)
	}
}

// What cannot be taken is refused before any of it is read.
func TestUploadLimits(t *testing.T) {
	elsewhere := "https://other.example/content/add"
	f := newTest(t, publish, estuaryapi.Options{UploadOff: true, UploadURLs: []string{elsewhere}})
	_, token := f.user("ann", accounts.LevelUser, 0)
	off := "uploading content to this node is not allowed at the moment; upload to " + elsewhere + " instead"
	for _, path := range []string{"/content/add", "/put", "/content/add-car"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", f.srv.URL+path, unread{t})
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = 100
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Expect", "100-continue")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		a := answer{res.StatusCode, res.Header, string(body)}
		checkDocumented(t, r, a)
		a.wantError(t, path, 400, "ERR_CONTENT_ADDING_DISABLED", off)
	}
	create := `{"root":"` + rawCID(t, "x") + `","name":"x"}`
	f.do("POST", "/content/create", token, strings.NewReader(create)).wantError(t, "create", 400, "ERR_CONTENT_ADDING_DISABLED", off)
	v := decode[struct {
		Settings struct {
			ContentAddingDisabled bool
			UploadEndpoints       []string
		}
	}](t, f.get("/viewer", token))
	if !v.Settings.ContentAddingDisabled || v.Settings.UploadEndpoints[0] != elsewhere {
		t.Errorf("viewer says %+v", v)
	}

	f = newTest(t, publish, estuaryapi.Options{GatewayURL: "https://gateway.example"})
	_, token = f.user("ann", accounts.LevelUser, 0)
	full := min(f.node.Usage().DiskFree+1<<30, buckets.MaxObject) // which does not fit, unless the disk is huge
	for size, want := range map[int64]string{buckets.MaxObject + 2<<20: "ERR_CONTENT_SIZE_OVER_LIMIT", full: "ERR_CONTENT_ADDING_DISABLED"} {
		if size == buckets.MaxObject {
			t.Log("the disk has room for the largest object")
			continue
		}
		conn, err := net.Dial("tcp", f.srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /content/add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n", token, size)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("an upload of %d bytes = %s, want %s", size, body, want)
		}
	}
	if a := f.add(token, "x", "1"); a.URL != "https://gateway.example/ipfs/"+a.CID || a.OwnURL != f.srv.URL+"/gw/ipfs/"+a.CID {
		t.Errorf("URLs are %q and %q", a.URL, a.OwnURL)
	}
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, errors.New("read")
}

func TestCreateContent(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	one := f.create(token, "one")
	absent := rawCID(t, "not here")
	body := func(more string) io.Reader {
		return strings.NewReader(`{"root":"` + absent + `","name":"x","type":1` + more + `}`)
	}
	made := decode[struct{ ID uint64 }](t, f.do("POST", "/content/create", token, body(`,"location":"local","coluuid":"`+one.UUID+`","dir":"/d"`)))
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/d/x=%d", made.ID))
	if a := f.get(fmt.Sprintf("/pinning/pins/%d", made.ID), token); a.code != 200 || !a.has(absent) {
		t.Errorf("the pin is %d %s", a.code, a.body)
	}
	link := strings.NewReader(`{"root":{"/":"` + absent + `"},"name":"y","collection":"` + one.UUID + `","collectionPath":"/old/name"}`)
	old := decode[struct{ ID uint64 }](t, f.do("POST", "/content/create", token, link))
	f.wantTree("/collections/"+one.UUID, token, fmt.Sprintf("/d/x=%d /old/name=%d", made.ID, old.ID))
	f.do("POST", "/content/create", token, body(`,"coluuid":"`+one.UUID+`","dir":"/d"`)).wantError(t, "its path is taken", 400, "ERR_CONTENT_IN_COLLECTION",
		"file already exists in collection, specify 'overwrite=true' to overwrite")
	const none = "11111111-2222-3333-4444-555555555555"
	f.do("POST", "/content/create", token, body(`,"coluuid":"`+none+`"`)).wantError(t, "no collection", 404, "ERR_RECORD_NOT_FOUND", "collection with ID("+none+") was not found")
	wantBody(t, "a duplicate", f.do("POST", "/content/create?ignore-dupes=true", token, body("")), 409, `{"message":"this content is already preserved under cid:`+absent+`"}`)
	f.do("POST", "/content/create", token, body(`,"location":"SHUTTLE7HANDLE"`)).wantError(t, "a shuttle's", 400, "ERR_INVALID_INPUT", `location: there is no shuttle "SHUTTLE7HANDLE"; this node is the only one`)
	f.do("POST", "/content/create", token, strings.NewReader(`{"root":"x"}`)).wantError(t, "no CID", 400, "ERR_INVALID_INPUT", `cid: "x" is not a CID: invalid cid: cid too short`)
	f.do("POST", "/content/create", token, strings.NewReader(`{"name":"x"}`)).wantError(t, "no root", 400, "ERR_INVALID_INPUT", "root is missing")
	if a := f.do("POST", "/content/importdeal", token, strings.NewReader(`{"dealIDs":[1],"name":"x"}`)); a.code != 400 || !a.has("/pinning/pins") {
		t.Errorf("importdeal = %d %s", a.code, a.body)
	}
}
