package web_test

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/node"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	src.Read(b)
	return b
}

func TestRoundTrip(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	for _, n := range []int{0, 1, 1 << 20, 9<<20 + 7} {
		data := randomBytes(n)
		p := ann.upload("box", "dir/file.pdf", string(data)).want(200)
		var answer struct {
			Key, CID, URL string
			Size          int64
		}
		must(t, json.Unmarshal([]byte(p.body), &answer))
		if answer.Key != "dir/file.pdf" || answer.Size != int64(n) {
			t.Errorf("%d bytes: answer %+v", n, answer)
		}
		sum := md5.Sum(data)
		ann.get(answer.URL).want(200).has(answer.CID, hex.EncodeToString(sum[:]), "CRC64NVME", "application/pdf", "/gw/ipfs/"+answer.CID)
		got := ann.get(object("box", "download", "dir/file.pdf")).want(200)
		if got.body != string(data) {
			t.Errorf("%d bytes: they come back different", n)
		}
		for name, want := range map[string]string{
			"Content-Type":           "application/pdf",
			"Content-Length":         fmt.Sprint(n),
			"Content-Disposition":    "attachment; filename=file.pdf",
			"X-Content-Type-Options": "nosniff",
		} {
			if v := got.header.Get(name); v != want {
				t.Errorf("%d bytes: %s %q, want %q", n, name, v, want)
			}
		}
	}
}

func TestContentType(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	for _, tt := range []struct{ key, sent, want string }{
		{"a.txt", "", "text/plain; charset=utf-8"},
		{"a.html", "text/html", "text/html"},
		{"a.png", "application/octet-stream", "image/png"},
		{"a.unknown-thing", "", "application/octet-stream"},
		{"a.json", "nonsense;;", "application/json"},
	} {
		ann.do("PUT", object("box", "object", tt.key), http.Header{"X-Csrf-Token": {ann.csrf}, "Content-Type": {tt.sent}},
			strings.NewReader("x")).want(200)
		if got := ann.get(object("box", "download", tt.key)).want(200).header.Get("Content-Type"); got != tt.want {
			t.Errorf("%s sent as %q is served as %q, want %q", tt.key, tt.sent, got, tt.want)
		}
	}
}

// form is a multipart form as browsers send it; fields and files in order.
func form(t *testing.T, parts ...string) (string, *bytes.Buffer) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for i := 0; i+1 < len(parts); i += 2 {
		name, file := parts[i], strings.HasPrefix(parts[i], "file:")
		var part io.Writer
		var err error
		if file {
			part, err = w.CreateFormFile("file", strings.TrimPrefix(name, "file:"))
		} else {
			part, err = w.CreateFormField(name)
		}
		must(t, err)
		_, err = io.WriteString(part, parts[i+1])
		must(t, err)
	}
	must(t, w.Close())
	return w.FormDataContentType(), &buf
}

func TestUploadForm(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	send := func(parts ...string) page {
		kind, body := form(t, parts...)
		return ann.do("POST", "/ui/buckets/box/upload", http.Header{"Content-Type": {kind}}, body)
	}
	big := string(randomBytes(3 << 20))
	p := send("csrf", ann.csrf, "prefix", "dir/", "file:a.txt", "first", "file:b ü.bin", big).want(303)
	back := p.header.Get("Location")
	ann.get(back).want(200).has("2 files stored", ">a.txt<", ">b ü.bin<")
	if got := ann.get(object("box", "download", "dir/b ü.bin")).want(200); got.body != big {
		t.Error("the second file came back different")
	}

	send("csrf", ann.csrf, "prefix", "", "file:", "").want(400).has("No file was chosen")
	send("csrf", ann.csrf).want(400)
	// The token must stand before the files: nothing is stored on trust.
	send("file:late", "x", "csrf", ann.csrf).want(403)
	ann.get(object("box", "object", "late")).want(404)
	send("csrf", ann.csrf, "prefix", strings.Repeat("p", 3000), "file:x", "x").want(400)
	// One name that cannot be stored does not keep the others.
	send("csrf", ann.csrf, "prefix", strings.Repeat("p", 1020), "file:ok", "x", "file:too long", "y").want(400).
		has("Not everything was stored", "ok", "too long", "This name cannot be stored")
	ann.get(object("box", "download", strings.Repeat("p", 1020)+"ok")).want(200)
	ann.do("POST", "/ui/buckets/box/upload", http.Header{"Content-Type": {"text/plain"}}, strings.NewReader("x")).want(400)
}

// raw sends the head of a request over a connection of its own.
func (b *browser) raw(head string, body string) net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	must(b.t, err)
	b.t.Cleanup(func() { conn.Close() })
	must(b.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	u, err := url.Parse(b.url + "/ui/")
	must(b.t, err)
	cookie := b.client.Jar.Cookies(u)[0]
	_, err = fmt.Fprintf(conn, "%s\r\nHost: x\r\nCookie: %s=%s\r\nX-CSRF-Token: %s\r\n\r\n%s", head, cookie.Name, cookie.Value, b.csrf, body)
	must(b.t, err)
	return conn
}

func TestBrokenUploads(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	half := func(head, body string) string {
		conn := ann.raw(head, body)
		must(t, conn.(*net.TCPConn).CloseWrite())
		data, err := io.ReadAll(conn)
		must(t, err)
		return string(data)
	}
	if got := half("PUT /ui/buckets/box/object?key=cut HTTP/1.1\r\nContent-Length: 100", "half"); !strings.Contains(got, " 400 ") || !strings.Contains(got, "broke off") {
		t.Errorf("a body that breaks off is answered with\n%s", got)
	}
	if got := half("PUT /ui/buckets/box/object?key=cut HTTP/1.1\r\nTransfer-Encoding: chunked", "4\r\nhalf\r\n"); strings.Contains(got, " 200 ") {
		t.Errorf("a chunked body without its end is answered with\n%s", got)
	}
	kind, whole := form(t, "csrf", ann.csrf, "prefix", "", "file:good", "x", "file:cut", "half of it")
	body := strings.TrimSuffix(whole.String(), whole.String()[strings.Index(whole.String(), " of it"):])
	p := ann.do("POST", "/ui/buckets/box/upload", http.Header{"Content-Type": {kind}}, strings.NewReader(body))
	p.want(400).has("broke off")
	ann.get(object("box", "object", "cut")).want(404)
	ann.get(object("box", "object", "good")).want(200)
}

// A form that ends anywhere before its closing boundary is not whole, also
// between files and among the headers of one.
func TestUploadFormCut(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	kind, whole := form(t, "csrf", ann.csrf, "prefix", "", "file:one", "1", "file:two", "2")
	text := whole.String()
	last := strings.LastIndex(text[:strings.LastIndex(text, "two")], "--")
	end := strings.LastIndex(text, "\r\n--") // of the last file, which is whole from there on
	for cut := last; cut < strings.LastIndex(text, "--"); cut++ {
		if cut == end {
			ann.get(object("box", "object", "two")).want(404)
		}
		p := ann.do("POST", "/ui/buckets/box/upload", http.Header{"Content-Type": {kind}}, strings.NewReader(text[:cut]))
		if p.status != 400 {
			t.Errorf("a form cut after %q is answered %d, want 400", text[last:cut], p.status)
		}
	}
}

// What cannot fit is refused before it is sent, and the answer arrives while
// the client still sends.
func TestUploadLargerThanDisk(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	conn := ann.raw(fmt.Sprintf("PUT /ui/buckets/box/object?key=huge HTTP/1.1\r\nContent-Length: %d", int64(1)<<60), "begin")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer res.Body.Close()
	var answer struct{ Error string }
	must(t, json.NewDecoder(res.Body).Decode(&answer))
	if res.StatusCode != http.StatusInsufficientStorage || !strings.Contains(answer.Error, "disk of this node is full") {
		t.Errorf("answer %d %q", res.StatusCode, answer.Error)
	}
}

func TestUploadRefused(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	for _, tt := range []struct {
		what, bucket, key string
		status            int
		text              string
	}{
		{"no key", "box", "", 400, "This name cannot be stored"},
		{"a key too long", "box", strings.Repeat("k", 1025), 400, "1024 bytes"},
		{"a key that is not UTF-8", "box", "a\xff", 400, "UTF-8"},
		{"no such bucket", "none", "k", 404, "no such bucket"},
	} {
		p := ann.upload(tt.bucket, tt.key, "body").want(tt.status)
		var answer struct{ Error string }
		if err := json.Unmarshal([]byte(p.body), &answer); err != nil || !strings.Contains(answer.Error, tt.text) {
			t.Errorf("%s: answer %q %v, want %q", tt.what, p.body, err, tt.text)
		}
	}
	// A script learns that the session ended; a redirect would look like success.
	p := s.browser().do("PUT", object("box", "object", "k"), nil, strings.NewReader("x")).want(401)
	p.has(`"error":"You are not logged in`)
}

// lose removes all blocks but those given.
func (s *site) lose(keep ...cid.Cid) {
	s.t.Helper()
	var blocks []node.Block
	for _, c := range keep {
		data, err := s.node.Block(s.t.Context(), c)
		must(s.t, err)
		blocks = append(blocks, node.Block{Cid: c, Data: data})
	}
	_, err := s.node.Sweep(s.t.Context(), func(func(cid.Cid) error) error { return nil })
	must(s.t, err)
	must(s.t, s.node.PutBlocks(s.t.Context(), blocks, false))
}

func TestDownloadOfLostData(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	ann.upload("box", "key", string(randomBytes(8<<20))).want(200)
	b, err := s.buckets.Bucket(t.Context(), "box")
	must(t, err)
	o, err := s.buckets.Head(t.Context(), b, "key", "")
	must(t, err)
	var all []cid.Cid
	must(t, s.node.Walk(t.Context(), o.CID, func(c cid.Cid, _ int) error { all = append(all, c); return nil }))

	// The tree and the first leaf are here: the answer begins and must not end well.
	s.lose(all[:2]...)
	p := ann.get(object("box", "download", "key"))
	if p.err == nil || len(p.body) >= 8<<20 {
		t.Errorf("a download that fails midway = %d with %d bytes and no error", p.status, len(p.body))
	}
	// Nothing is here: the answer says so.
	s.lose()
	p = ann.get(object("box", "download", "key")).want(503).has("not on this node at the moment")
	if p.header.Get("Content-Disposition") != "" || p.header.Get("Retry-After") == "" {
		t.Errorf("the error page has the headers of a file: %v", p.header)
	}
	ann.get(object("box", "object", "key")).want(200)
}
