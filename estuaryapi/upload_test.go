package estuaryapi_test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
)

func TestAdd(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, _ := f.user("ann", accounts.LevelUser, 0)
	token := f.token(u, accounts.TokenSpec{Level: accounts.LevelUpload})
	for _, path := range []string{"/content/add", "/put", "/content/add/"} {
		a := f.send(path, token, part{"data", "a.txt", "text/plain", "hello world\n"})
		wantShape(t, path, a.body, "{cid:string estuaryId:float estuary_retrieval_url:string providers:[string] retrieval_url:string}")
		got := decode[added](t, a)
		url := f.srv.URL + "/gw/ipfs/" + got.CID
		if got.CID != rawCID(t, "hello world\n") || got.URL != url || got.OwnURL != url || got.ID == 0 {
			t.Errorf("POST %s = %+v", path, got)
		}
		if want := f.node.Addrs(); len(got.Providers) != len(want) || got.Providers[0] != want[0] {
			t.Errorf("providers = %v, want %v", got.Providers, want)
		}
		c := f.content(got.ID)
		if c.Owner != u.ID || c.Name != "a.txt" || c.Size != 12 || c.CID.String() != got.CID {
			t.Errorf("stored %+v", c)
		}
		if served := f.get("/gw/ipfs/"+got.CID, ""); served.code != 200 || served.body != "hello world\n" {
			t.Errorf("the gateway serves %d %q", served.code, served.body)
		}
	}
}

func TestAddBig(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{PublicURL: "https://files.example/"})
	_, token := f.user("ann", accounts.LevelUser, 0)
	data := strings.Repeat("0123456789abcdef", 3<<16) // 3 MiB: far more than a form may have besides
	got := f.add(token, "big", data)
	if want := "https://files.example/gw/ipfs/" + got.CID; got.URL != want {
		t.Errorf("url = %s, want %s", got.URL, want)
	}
	if a := f.get("/gw/ipfs/"+got.CID, ""); a.body != data {
		t.Errorf("read %d bytes back, %d", len(a.body), a.code)
	}
	if empty := f.add(token, "empty", ""); f.content(empty.ID).Size != 0 {
		t.Errorf("an empty file is %+v", f.content(empty.ID))
	}
}

func TestAddNames(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	data := part{"data", "part.txt", "", "x"}
	name := func(s string) part { return part{field: "filename", data: s} }
	long := strings.Repeat("n", 1007) // with a content id's room before it, the longest key
	tests := []struct {
		what, query string
		parts       []part
		want        string // "": refused
	}{
		{"part's own", "", []part{data}, "part.txt"},
		{"before", "", []part{name("before"), data}, "before"},
		{"after", "", []part{data, name("after")}, "after"},
		{"both: the last", "", []part{name("before"), data, name("after")}, "after"},
		{"empty field", "", []part{name(""), data, name("")}, "part.txt"},
		{"query", "?filename=q", []part{data}, "q"},
		{"field over query", "?filename=q", []part{data, name("after")}, "after"},
		{"a path in the part's name", "", []part{{"data", "../../etc/passwd", "", "x"}}, "passwd"},
		{"other fields", "", []part{{field: "color", data: "nonsense"}, data, {field: "x", data: "y"}}, "part.txt"},
		{"another file first", "", []part{{"other", "o.txt", "", "other"}, data}, "part.txt"},
		{"Chinese", "", []part{name("文件.txt"), data}, "文件.txt"},
		{"longest", "", []part{name(long), data}, long},
		{"too long", "", []part{name(long + "n"), data}, ""},
		{"too long, after", "", []part{data, name(long + "n")}, ""},
		{"far too long", "", []part{data, name(strings.Repeat("n", 100_000))}, ""},
		{"not UTF-8", "", []part{data, name("\xff")}, ""},
	}
	for _, tt := range tests {
		a := f.send("/content/add"+tt.query, token, tt.parts...)
		if tt.want == "" {
			if a.code != 400 || !strings.Contains(a.body, "ERR_INVALID_INPUT") {
				t.Errorf("%s: %d %s, want 400", tt.what, a.code, a.body)
			}
			continue
		}
		if got := f.content(decode[added](t, a).ID); got.Name != tt.want || got.Size != 1 {
			t.Errorf("%s: stored %q of %d bytes, want %q", tt.what, got.Name, got.Size, tt.want)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	file := part{"data", "a", "", "x"}
	const noFile = "http: no such file: the form has no field `data` with a file"
	besides := fmt.Sprintf("the form has more than %d bytes besides the file in `data`", estuaryapi.MaxBesides)
	var many []part
	for range 20_000 {
		many = append(many, part{field: "x", data: "y"})
	}
	huge := part{field: "x", data: strings.Repeat("y", estuaryapi.MaxBesides)}
	tests := []struct {
		what    string
		path    string
		parts   []part
		code    int
		reason  string
		details string
	}{
		{"no data", "", []part{{"file", "a", "", "x"}}, 400, "ERR_INVALID_INPUT", noFile},
		{"data is no file", "", []part{{field: "data", data: "x"}}, 400, "ERR_INVALID_INPUT", noFile},
		{"only fields", "", []part{{field: "filename", data: "x"}}, 400, "ERR_INVALID_INPUT", noFile},
		{"two files", "", []part{file, file}, 400, "ERR_INVALID_INPUT", "the form has more than one file in `data`; send each in a request of its own"},
		{"unknown collection", "?coluuid=c-1", []part{file}, 404, "ERR_CONTENT_NOT_FOUND", "collection with ID(c-1) was not found"},
		{"many fields", "", append(many, file), 413, "ERR_INVALID_INPUT", besides},
		{"many fields behind", "", append([]part{file}, many...), 413, "ERR_INVALID_INPUT", besides},
		{"huge field", "", []part{huge, file}, 413, "ERR_INVALID_INPUT", besides},
		{"huge field behind", "", []part{file, huge}, 413, "ERR_INVALID_INPUT", besides},
		{"huge header", "", []part{{"data", "a", "text/" + strings.Repeat("x", estuaryapi.MaxBesides), "x"}}, 413, "ERR_INVALID_INPUT", besides},
	}
	for _, tt := range tests {
		for _, route := range []string{"/content/add", "/put"} {
			f.send(route+tt.path, token, tt.parts...).wantError(t, route+" with "+tt.what, tt.code, tt.reason, tt.details)
			f.none(tt.what)
		}
	}
	_, body := multiform(t, file)
	for _, kind := range []string{"application/json", "", "multipart/mixed; boundary=x", "multipart/form-data", "multipart/form-data; boundary", "text/plain;;"} {
		a := f.do(http.MethodPost, "/content/add", token, bytes.NewReader(body), "Content-Type", kind)
		a.wantError(t, kind, 415, "ERR_UNSUPPORTED_CONTENT_TYPE", "this endpoint only supports multipart/form-data payloads. Found "+kind+".")
		f.none(kind)
	}
	for _, body := range []string{"", "no form at all", strings.Repeat("x", 100_000)} {
		a := f.do(http.MethodPost, "/content/add", token, strings.NewReader(body), "Content-Type", "multipart/form-data; boundary=b")
		if a.code != 400 {
			t.Errorf("a body of %d bytes without a part: %d %s, want 400", len(body), a.code, a.body)
		}
	}
	f.none("a body without a part")
}

// Wherever a form ends early, in a request that is whole by itself, nothing is stored.
func TestCutForms(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	kind, body := multiform(t, part{"data", "a.txt", "text/plain", "0123456789"}, part{field: "filename", data: "b.txt"})
	whole := len(bytes.TrimRight(body, "\r\n"))
	for n := range whole {
		a := f.do(http.MethodPost, "/content/add", token, bytes.NewReader(body[:n]), "Content-Type", kind)
		if a.code != 400 {
			t.Errorf("cut after %d of %d bytes: %d %s, want 400", n, whole, a.code, a.body)
		}
	}
	f.none("a cut form")
	if a := f.do(http.MethodPost, "/content/add", token, bytes.NewReader(body[:whole]), "Content-Type", kind); a.code != 200 {
		t.Errorf("the whole form: %d %s", a.code, a.body)
	}
}

// post sends the head of an upload of size bytes, or chunked with -1, and part of its body.
func (f *fixture) post(token, kind string, size int, body []byte) net.Conn {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.srv.Listener.Addr().String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	length := fmt.Sprintf("Content-Length: %d", size)
	if size < 0 {
		length = "Transfer-Encoding: chunked"
		body = fmt.Appendf(nil, "%x\r\n%s\r\n", len(body), body)
	}
	_, err = fmt.Fprintf(conn, "POST /content/add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%s\r\n\r\n%s", token, kind, length, body)
	if err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// A connection that breaks, even behind the last boundary, leaves nothing of the file.
func TestBrokenConnections(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	kind, body := multiform(t, part{"data", "a.txt", "text/plain", strings.Repeat("0123456789", 20_000)}, part{field: "filename", data: "b"})
	for _, size := range []int{len(body), -1} {
		for _, n := range []int{0, 10, 150, 100_000, len(body) - 100, len(body) - 4} {
			conn := f.post(token, kind, size, body[:n])
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			if err != nil || bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
				t.Errorf("cut after %d of %d bytes: %s, %v", n, len(body), answer, err)
			}
		}
	}
	f.none("a broken connection")
}

// A client that falls silent within an upload is not waited for.
func TestSilentClient(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{Idle: 300 * time.Millisecond})
	_, token := f.user("ann", accounts.LevelUser, 0)
	kind, body := multiform(t, part{"data", "a.txt", "text/plain", strings.Repeat("x", 100_000)})
	conn := f.post(token, kind, len(body), body[:50_000])
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := io.ReadAll(conn)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 400")) {
		t.Errorf("a silent client gets %q, %v; want 400 and the end", answer, err)
	}
	f.none("a silent client")
}

// deadlines is a ResponseWriter that remembers the deadline for reading.
type deadlines struct {
	*httptest.ResponseRecorder
	last time.Time
	n    int
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.last, d.n = t, d.n+1
	return nil
}

// A deadline that passed while the file is made durable would cancel the request.
func TestDeadlineEndsWithForm(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	kind, body := multiform(t, part{"data", "a.txt", "text/plain", "x"})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/content/add", bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", kind)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	f.srv.Config.Handler.ServeHTTP(w, r)
	if w.Code != 200 || w.n < 2 || !w.last.IsZero() {
		t.Errorf("answered %d; of %d deadlines the last is %v, want none left", w.Code, w.n, w.last)
	}
}

func TestIgnoreDupes(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	f.add(other, "b", "same")
	add := func() answer {
		return f.send("/content/add?ignore-dupes=true", token, part{"data", "a", "", "same"})
	}
	first := decode[added](t, add()) // another user's is no duplicate
	a := add()
	if want := `{"message":"this content is already preserved under cid:` + first.CID + `"}`; a.code != 409 || strings.TrimSpace(a.body) != want {
		t.Errorf("again = %d %s, want 409 %s", a.code, a.body, want)
	}
	if again := f.add(token, "a", "same"); again.ID == first.ID {
		t.Errorf("without ignore-dupes the same bytes are content %d again", again.ID)
	}
	list, err := f.buckets.Contents(t.Context(), u.ID, 10, 0)
	if err != nil || len(list) != 2 || list[1].ID != first.ID {
		t.Errorf("contents = %+v, %v", list, err)
	}
}

func TestStoredType(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	b, err := f.buckets.GlobalBucket(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{
		"":                                    "application/octet-stream",
		"image/png":                           "image/png",
		"text/html; charset=utf-8":            "text/html; charset=utf-8",
		"nonsense;;;":                         "application/octet-stream",
		"text/" + strings.Repeat("x", 10_000): "application/octet-stream",
	} {
		id := decode[added](t, f.send("/content/add", token, part{"data", "a", kind, "x"})).ID
		o, err := f.buckets.Head(t.Context(), b, f.content(id).Key, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Headers["Content-Type"]; got != want {
			t.Errorf("type %.40q is kept as %q, want %q", kind, got, want)
		}
	}
}

func TestPrivateUpload(t *testing.T) {
	f := newTest(t, buckets.Policy{Publish: false}, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	got := f.add(token, "secret.txt", "for nobody else")
	for _, key := range []string{"", token} {
		for _, path := range []string{"/gw/ipfs/", "/ipfs/"} {
			for _, query := range []string{"", "?format=raw", "?format=car"} {
				a := f.get(path+got.CID+query, key)
				if a.code != 404 || strings.Contains(a.body, "nobody") {
					t.Errorf("GET %s%s = %d %s, want 404", path, query, a.code, a.body)
				}
			}
		}
	}
}

func FuzzForm(f *testing.F) {
	whole := "--b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\nb.txt\r\n--b--\r\n"
	f.Add("multipart/form-data; boundary=b", whole)
	f.Add("multipart/form-data; boundary=b", whole[:90])
	f.Add("multipart/form-data; boundary=b", strings.Replace(whole, "--b\r\n", "--b\r\nContent-Disposition: form-data; name=\"overwrite\"\r\n\r\ntrue\r\n--b\r\n", 1))
	f.Add("multipart/form-data; boundary=b", strings.Replace(whole, "name=\"filename\"\r\n\r\nb.txt", "name=\"replication\"\r\n\r\n20", 1))
	f.Add("multipart/form-data; boundary=b", "--b--")
	f.Add("multipart/form-data; boundary=\"\"", "--b\r\n\r\n--b--")
	f.Add("multipart/form-data; boundary=b", strings.Replace(whole, "Content-Type: text/plain", "Content-Transfer-Encoding: quoted-printable", 1))
	f.Fuzz(func(t *testing.T, contentType, body string) {
		name, kind, data, err := estuaryapi.ReadForm(contentType, strings.NewReader(body))
		if err != nil {
			if code, reason := estuaryapi.APIError(err); code < 400 || code > 499 || reason == "" {
				t.Errorf("form is answered %d %s: %v", code, reason, err)
			}
			return
		}
		if name == "" || len(name) > len(body) || kind == "" || len(kind) > 255 || len(data) > len(body) {
			t.Errorf("form of %d bytes is a file %q of type %q, %d bytes", len(body), name, kind, len(data))
		}
		// Without its closing boundary no form is whole.
		_, params, err := mime.ParseMediaType(contentType)
		if err != nil {
			t.Fatalf("a form of type %q is taken: %v", contentType, err)
		}
		end := "--" + params["boundary"] + "--"
		cut := strings.Index(body, end)
		if cut < 0 {
			t.Fatalf("a form that never ends is taken: %q", body)
		}
		cut += len(end) - 1
		if _, _, _, err := estuaryapi.ReadForm(contentType, strings.NewReader(body[:cut])); err == nil {
			t.Errorf("a form that breaks off is taken: %q", body[:cut])
		}
	})
}
