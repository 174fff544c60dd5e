package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
	"github.com/whypfs/whypfs/s3"
)

// api is a server over real stores, and a caller of it.
type api struct {
	t        *testing.T
	url      string
	dir      string
	buckets  *buckets.Buckets
	queue    *queue.Queue
	accounts *accounts.Accounts
	keys     aws.Credentials // of who calls
	user     accounts.User
	region   string
}

// newAPI starts a server for the user "ann" and makes her bucket "box". No jobs run.
func newAPI(t *testing.T, opt s3.Options) *api {
	t.Helper()
	return serve(t, opt, buckets.Options{})
}

// serve is newAPI over buckets with options.
func serve(t *testing.T, opt s3.Options, under buckets.Options) *api {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	store, err := kv.OpenBolt(ctx, filepath.Join(dir, "meta.db"), kv.BoltOptions{})
	must(t, err)
	t.Cleanup(func() { store.Close() })
	box, err := seal.Open(filepath.Join(dir, "key"))
	must(t, err)
	n, err := node.Open(ctx, node.Config{Dir: dir, BlockCache: 1}) // what is damaged on the disk is not served from memory
	must(t, err)
	t.Cleanup(func() { n.Close() })
	a := &api{t: t, dir: dir, accounts: accounts.New(store, box, accounts.Options{}), region: "us-east-1"}
	if opt.Region != "" {
		a.region = opt.Region
	}
	a.queue = queue.New(store, queue.Options{})
	a.buckets = buckets.New(store, n, a.queue, under)
	srv := httptest.NewServer(s3.New(a.buckets, a.accounts, opt))
	t.Cleanup(srv.Close)
	a.url = srv.URL
	ann := a.as("ann", accounts.LevelUser)
	ann.ok("PUT", "/box", nil, "")
	return ann
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// as returns the same server called by a new user.
func (a *api) as(name string, level accounts.Level) *api {
	a.t.Helper()
	ctx := context.Background()
	u, err := a.accounts.CreateUser(ctx, name, "", level)
	must(a.t, err)
	k, secret, err := a.accounts.CreateKey(ctx, u.ID, "", "")
	must(a.t, err)
	b := *a
	b.user, b.keys = u, aws.Credentials{AccessKeyID: k.Access, SecretAccessKey: secret}
	return &b
}

// named is the bucket of that name.
func (a *api) named(name string) buckets.Bucket {
	a.t.Helper()
	b, err := a.buckets.Bucket(a.t.Context(), name)
	must(a.t, err)
	return b
}

type headers map[string]string

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// code is the error's code, or "".
func (r reply) code() string {
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if xml.Unmarshal([]byte(r.body), &doc) != nil {
		return ""
	}
	return doc.Code
}

// request makes a request whose path and query are sent as they are.
func (a *api) request(method, target string, h headers, body io.Reader) *http.Request {
	a.t.Helper()
	u, err := url.Parse(a.url)
	must(a.t, err)
	path, query, _ := strings.Cut(target, "?")
	u.RawQuery = query
	u.Path, err = url.PathUnescape(path)
	must(a.t, err)
	u.RawPath = path
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url, body)
	must(a.t, err)
	r.URL = u
	for name, v := range h {
		r.Header.Set(name, v)
	}
	return r
}

// sign signs a request over the payload hash it has, or over that of body.
func (a *api) sign(r *http.Request, body string) *http.Request {
	a.t.Helper()
	hash := r.Header.Get("X-Amz-Content-Sha256")
	if hash == "" {
		sum := sha256.Sum256([]byte(body))
		hash = hex.EncodeToString(sum[:])
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	err := v4.NewSigner().SignHTTP(a.t.Context(), a.keys, r, hash, "s3", a.region, time.Now(),
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	must(a.t, err)
	return r
}

// transport leaves a stored Content-Encoding alone, and waits for a 100 Continue.
var transport = &http.Transport{DisableCompression: true, ExpectContinueTimeout: time.Minute}

// send sends a request as it is and reads the answer.
func (a *api) send(r *http.Request) reply {
	a.t.Helper()
	res, err := transport.RoundTrip(r)
	must(a.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if strings.Contains(string(data), `xmlns=""`) {
		a.t.Errorf("%s %s: an element is in no namespace:\n%s", r.Method, r.URL, data)
	}
	return reply{res.StatusCode, res.Header, string(data), err}
}

// do sends a signed request.
func (a *api) do(method, target string, h headers, body string) reply {
	a.t.Helper()
	return a.send(a.sign(a.request(method, target, h, strings.NewReader(body)), body))
}

// ok is do for requests that must succeed.
func (a *api) ok(method, target string, h headers, body string) reply {
	a.t.Helper()
	r := a.do(method, target, h, body)
	if r.status/100 != 2 || r.err != nil {
		a.t.Fatalf("%s %s = %d %v\n%s", method, target, r.status, r.err, r.body)
	}
	return r
}

// fails is do for requests that must be refused in one way.
func (a *api) fails(method, target string, h headers, body string, status int, code string) reply {
	a.t.Helper()
	r := a.do(method, target, h, body)
	if method == "HEAD" {
		code = ""
	}
	if r.status != status || r.code() != code {
		a.t.Errorf("%s %s %v = %d %q, want %d %q\n%s", method, target, h, r.status, r.code(), status, code, r.body)
	}
	return r
}

// absent checks that there is no object at a path.
func (a *api) absent(path string) {
	a.t.Helper()
	a.fails("GET", path, nil, "", 404, "NoSuchKey")
}

// parse reads a document into v.
func parse[T any](t *testing.T, r reply) T {
	t.Helper()
	var v T
	if err := xml.NewDecoder(bytes.NewReader([]byte(r.body))).Decode(&v); err != nil {
		t.Fatalf("parse %q: %v", r.body, err)
	}
	return v
}

// dial opens a connection of its own to the server.
func (a *api) dial() *net.TCPConn {
	a.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	must(a.t, err)
	a.t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}
