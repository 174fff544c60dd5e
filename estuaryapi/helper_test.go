package estuaryapi_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// signalStore says when something was committed.
type signalStore struct {
	kv.Store
	mu      sync.Mutex
	changed chan struct{} // closed and replaced after each commit
	broken  error         // what every transaction fails with; nil: none does
}

// fail has every transaction fail from now on; nil ends that.
func (s *signalStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

func (s *signalStore) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// onTransaction is the key of a context's value: what is called before each
// transaction that is made with it, and may refuse it.
type onTransaction struct{}

func turn(ctx context.Context, update bool) error {
	if on, ok := ctx.Value(onTransaction{}).(func(update bool) error); ok {
		return on(update)
	}
	return nil
}

func (s *signalStore) View(ctx context.Context, fn func(kv.Tx) error) error {
	if err := cmp.Or(s.failure(), turn(ctx, false)); err != nil {
		return err
	}
	return s.Store.View(ctx, fn)
}

func (s *signalStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := cmp.Or(s.failure(), turn(ctx, true)); err != nil {
		return err
	}
	err := s.Store.Update(ctx, fn)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return err
}

func (s *signalStore) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// fixture is the API over real parts in a temporary directory, with jobs running.
type fixture struct {
	t           testing.TB
	store       *signalStore
	node        *node.Node
	accounts    *accounts.Accounts
	buckets     *buckets.Buckets
	collections *collections.Collections
	deals       *deals.Deals
	market      *sandbox.Network // of newMarket
	srv         *httptest.Server
	masterKey   string // file
	nodeDir     string
	log         *bytes.Buffer // to be read once the server is idle
}

func newTest(t testing.TB, policy buckets.Policy, opt estuaryapi.Options) *fixture {
	t.Helper()
	return newTestWith(t, policy, opt, deals.Options{}, nil)
}

// newTestWith is newTest with deals of its own kind; zones are dealt if dealer makes something of them.
func newTestWith(t testing.TB, policy buckets.Policy, opt estuaryapi.Options, of deals.Options, dealer func(*deals.Deals) buckets.Dealer) *fixture {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	f := &fixture{t: t, log: &bytes.Buffer{}, masterKey: filepath.Join(dir, "key"), nodeDir: filepath.Join(dir, "node")}
	store, err := kv.OpenBolt(ctx, filepath.Join(dir, "meta.db"), kv.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f.store = &signalStore{Store: store, changed: make(chan struct{})}
	box, err := seal.Open(f.masterKey)
	if err != nil {
		t.Fatal(err)
	}
	if f.node, err = node.Open(ctx, node.Config{Dir: f.nodeDir, ListenAddrs: []string{"/ip4/127.0.0.1/tcp/0"},
		Restore: func(ctx context.Context, root cid.Cid) error { return f.buckets.Restore(ctx, root) }}); err != nil {
		t.Fatal(err)
	}
	q := queue.New(f.store, queue.Options{})
	d := deals.New(f.store, f.node, q, box, of)
	f.deals = d
	f.accounts = accounts.New(f.store, box, accounts.Options{})
	stored := buckets.Options{Policy: policy, Quota: func(ctx context.Context, owner uint64) (int64, int64, error) {
		u, err := f.accounts.User(ctx, owner)
		return u.Quota.Bytes, u.Quota.Objects, err
	},
		Pins: buckets.PinOptions{Idle: 200 * time.Millisecond, MinBack: 10 * time.Millisecond, MaxBack: 100 * time.Millisecond}}
	if dealer != nil {
		stored.Dealer = dealer(d)
	}
	f.buckets = buckets.New(f.store, f.node, q, stored)
	f.collections = collections.New(f.store, f.buckets, q)
	opt.Version, opt.Log = "1.2.3", slog.New(slog.NewTextHandler(f.log, nil))
	f.srv = httptest.NewServer(estuaryapi.New(f.buckets, f.collections, d, f.accounts, f.node, opt))
	jobs, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Run(jobs) }()
	t.Cleanup(func() {
		f.srv.Close()
		stop()
		err := <-done
		err = errors.Join(err, f.buckets.Check(context.Background()), f.collections.Check(context.Background()), f.node.Close(), f.store.Close())
		if err != nil {
			t.Error(err)
		}
	})
	return f
}

// serveFrom has another handler answer from now on.
func (f *fixture) serveFrom(h http.Handler) {
	f.srv.Close()
	f.srv = httptest.NewServer(h)
}

// publish is the usual policy.
var publish = buckets.Policy{Publish: true}

// user makes a user and a token of a level for him.
func (f *fixture) user(name string, level, token accounts.Level) (accounts.User, string) {
	f.t.Helper()
	u, err := f.accounts.CreateUser(f.t.Context(), name, "", level)
	if err != nil {
		f.t.Fatal(err)
	}
	return u, f.token(u, accounts.TokenSpec{Level: token})
}

func (f *fixture) token(u accounts.User, spec accounts.TokenSpec) string {
	f.t.Helper()
	token, _, err := f.accounts.CreateToken(f.t.Context(), u.ID, spec)
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

// answer is a whole response.
type answer struct {
	code   int
	header http.Header
	body   string
}

// do sends a request; header is name and value in turn.
func (f *fixture) do(method, path, token string, body io.Reader, header ...string) answer {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.srv.URL+path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{res.StatusCode, res.Header, string(data)}
	checkDocumented(f.t, r, a)
	return a
}

func (f *fixture) get(path, token string) answer {
	f.t.Helper()
	return f.do(http.MethodGet, path, token, nil)
}

// wantError fails unless a is V1's error body with exactly this.
func (a answer) wantError(t testing.TB, what string, code int, reason, details string) {
	t.Helper()
	want, err := json.Marshal(map[string]any{"error": struct {
		Code    int    `json:"code"`
		Reason  string `json:"reason"`
		Details string `json:"details"`
	}{code, reason, details}})
	if err != nil {
		t.Fatal(err)
	}
	if a.code != code || strings.TrimSpace(a.body) != string(want) {
		t.Errorf("%s = %d %s\nwant %d %s", what, a.code, a.body, code, want)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json; charset=UTF-8" {
		t.Errorf("%s has Content-Type %q", what, ct)
	}
}

// has says whether the body has this text.
func (a answer) has(text string) bool { return strings.Contains(a.body, text) }

// decode reads a success.
func decode[T any](t testing.TB, a answer) (v T) {
	t.Helper()
	if a.code != http.StatusOK {
		t.Fatalf("answer is %d %s, want 200", a.code, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return v
}

// shape is the names and types of a JSON object's fields, sorted.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var fields []string
		for k, e := range v {
			fields = append(fields, k+":"+shape(e))
		}
		slices.Sort(fields)
		return "{" + strings.Join(fields, " ") + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		return "[" + shape(v[0]) + "]"
	case nil:
		return "null"
	default:
		return strings.TrimSuffix(fmt.Sprintf("%T", v), "64")
	}
}

func wantShape(t testing.TB, what, body, want string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s: %v in %s", what, err, body)
	}
	if got := shape(v); got != want {
		t.Errorf("%s has the shape\n%s, want\n%s", what, got, want)
	}
}

// part is a field of a form; a file if it has a file name.
type part struct{ field, file, kind, data string }

func multiform(t testing.TB, parts ...part) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		disposition := fmt.Sprintf("form-data; name=%q", p.field)
		if p.file != "" {
			disposition += fmt.Sprintf("; filename=%q", p.file)
		}
		h.Set("Content-Disposition", disposition)
		if p.kind != "" {
			h.Set("Content-Type", p.kind)
		}
		pw, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(pw, p.data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// send posts a form to path.
func (f *fixture) send(path, token string, parts ...part) answer {
	f.t.Helper()
	kind, body := multiform(f.t, parts...)
	return f.do(http.MethodPost, path, token, bytes.NewReader(body), "Content-Type", kind)
}

type added struct {
	CID       string   `json:"cid"`
	URL       string   `json:"retrieval_url"`
	OwnURL    string   `json:"estuary_retrieval_url"`
	ID        uint64   `json:"estuaryId"`
	Providers []string `json:"providers"`
}

// add uploads a file as curl -F data=@name does.
func (f *fixture) add(token, name, data string) added {
	f.t.Helper()
	return decode[added](f.t, f.send("/content/add", token, part{"data", name, "text/plain", data}))
}

func (f *fixture) content(id uint64) buckets.Content {
	f.t.Helper()
	c, err := f.buckets.Content(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// none fails if anyone has a content.
func (f *fixture) none(what string) {
	f.t.Helper()
	list, err := f.buckets.Contents(f.t.Context(), 0, 10, 0)
	if err != nil || len(list) != 0 {
		f.t.Fatalf("%s left %+v, %v", what, list, err)
	}
}

// zoned waits until a content is in a zone.
func (f *fixture) zoned(id uint64) buckets.Zone {
	f.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		next := f.store.next()
		if c := f.content(id); c.Zone != 0 {
			z, err := f.buckets.Zone(f.t.Context(), c.Zone)
			if err != nil {
				f.t.Fatal(err)
			}
			return z
		}
		select {
		case <-next:
		case <-timeout:
			f.t.Fatalf("content %d is in no zone after 20 s", id)
		}
	}
}

// rawCID is the CID of data as one leaf.
func rawCID(t testing.TB, data string) string {
	t.Helper()
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: 0x12}.Sum([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return c.String()
}
