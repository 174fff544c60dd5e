package web_test

import (
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/internal/reqstat"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
	"github.com/whypfs/whypfs/web"
)

// site is a node with its pages, behind a server that counts requests.
type site struct {
	t           *testing.T
	url         string
	server      *httptest.Server
	store       kv.Store
	node        *node.Node
	queue       *queue.Queue
	buckets     *buckets.Buckets
	deals       *deals.Deals
	collections *collections.Collections
	accounts    *accounts.Accounts
	dealer      *dealer
	public      map[string]error // the buckets whose access is public, or cannot be read
}

// dealer packs with an error until it is told not to, and counts deals itself.
type dealer struct{ packErr error }

func (d *dealer) Pack(context.Context, buckets.Zone, []buckets.Content) ([]string, error) {
	return []string{"baga6ea4seaqtest"}, d.packErr
}
func (d *dealer) Deal(context.Context, buckets.Zone) error { return nil }
func (d *dealer) Progress(_ context.Context, z buckets.Zone) (buckets.Progress, error) {
	return buckets.Progress{Wanted: z.Policy.Replication, Reason: "no provider accepts <b>256 MiB</b> pieces"}, nil
}
func (d *dealer) Restore(context.Context, buckets.Content) error {
	return errors.New("nothing to restore from")
}
func (d *dealer) Forget(context.Context, buckets.Zone) error { return nil }
func (d *dealer) Sampled(context.Context, buckets.Zone) (int, bool, error) {
	return 0, false, nil
}
func (d *dealer) SmallestPiece(context.Context, buckets.ProviderRules, int) (int64, error) {
	return 0, nil
}

func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOn(t, deals.Options{Providers: []deals.ProviderConfig{{Address: "f01000"}}})
}

// newSiteOn is a site whose deals have options of their own.
func newSiteOn(t *testing.T, opt deals.Options) *site {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	s := &site{t: t, dealer: &dealer{}}
	var err error
	s.store, err = kv.OpenBolt(ctx, filepath.Join(dir, "meta.db"), kv.BoltOptions{})
	must(t, err)
	t.Cleanup(func() { s.store.Close() })
	box, err := seal.Open(filepath.Join(dir, "key"))
	must(t, err)
	s.node, err = node.Open(ctx, node.Config{Dir: dir})
	must(t, err)
	t.Cleanup(func() { s.node.Close() })
	s.queue = queue.New(s.store, queue.Options{})
	s.accounts = accounts.New(s.store, box, accounts.Options{})
	d := deals.New(s.store, s.node, s.queue, box, opt)
	s.deals = d
	s.buckets = buckets.New(s.store, s.node, s.queue, buckets.Options{Dealer: s.dealer,
		Policy: buckets.Policy{Threshold: 1 << 20, MaxAge: time.Hour, Publish: true}})
	s.collections = collections.New(s.store, s.buckets, s.queue)
	stats := reqstat.New(nil)
	pages := web.New(s.buckets, s.collections, d, s.accounts, s.node, s.queue, web.Options{Version: "v9.8.7", Requests: stats.Snapshot,
		Public: func(_ context.Context, b buckets.Bucket) (bool, error) { err, ok := s.public[b.Name]; return ok, err }})
	mux := http.NewServeMux()
	mux.Handle("/ui/", stats.Wrap("web", pages))
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	s.url = s.server.URL
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// runJobs runs the queue until the test ends.
func (s *site) runJobs() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.queue.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("queue: %v", err)
		}
	})
}

// browser is a user with cookies. It follows no redirect.
type browser struct {
	*site
	client *http.Client
	csrf   string
}

func (s *site) browser() *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	must(s.t, err)
	return &browser{site: s, client: &http.Client{Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

const password = "correct horse"

// as makes a user and logs him in.
func (s *site) as(name string, level accounts.Level) *browser {
	s.t.Helper()
	_, err := s.accounts.CreateUser(s.t.Context(), name, password, level)
	must(s.t, err)
	b := s.browser()
	b.login(name, password).want(http.StatusSeeOther)
	b.csrf = token(b.get("/ui/zones").want(http.StatusOK).body)
	if b.csrf == "" {
		s.t.Fatal("a page has no form token")
	}
	return b
}

func (b *browser) login(name, password string) page {
	b.t.Helper()
	return b.post("/ui/login", url.Values{"name": {name}, "password": {password}})
}

// cookie is a session that no login of the browser made.
func (b *browser) cookie(session string) {
	b.t.Helper()
	u, err := url.Parse(b.url + "/ui/")
	must(b.t, err)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: "whypfs_session", Value: session, Path: "/ui/"}})
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func token(body string) string {
	if m := csrfField.FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

// page is an answer that was read to its end.
type page struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   string
	err    error
}

func (p page) want(status int) page {
	p.t.Helper()
	if p.status != status || p.err != nil {
		p.t.Fatalf("%s = %d %v, want %d\n%s", p.what, p.status, p.err, status, p.body)
	}
	return p
}

func (p page) has(texts ...string) page {
	p.t.Helper()
	for _, s := range texts {
		if !strings.Contains(p.body, s) {
			p.t.Errorf("%s has no %q:\n%s", p.what, s, p.body)
		}
	}
	return p
}

func (p page) hasNot(texts ...string) page {
	p.t.Helper()
	for _, s := range texts {
		if strings.Contains(p.body, s) {
			p.t.Errorf("%s has %q:\n%s", p.what, s, p.body)
		}
	}
	return p
}

var nextLink = regexp.MustCompile(`href="([^"]+)" rel="next"`)

// next is the URL of the next page.
func (p page) next() string {
	p.t.Helper()
	m := nextLink.FindStringSubmatch(p.body)
	if m == nil {
		p.t.Fatalf("%s has no next page:\n%s", p.what, p.body)
	}
	return html.UnescapeString(m[1])
}

func (b *browser) do(method, path string, h http.Header, body io.Reader) page {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	must(b.t, err)
	for k, v := range h {
		r.Header[k] = v
	}
	res, err := b.client.Do(r)
	must(b.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return page{b.t, method + " " + path, res.StatusCode, res.Header, string(data), err}
}

func (b *browser) get(path string) page {
	b.t.Helper()
	return b.do("GET", path, nil, nil)
}

func (b *browser) post(path string, form url.Values) page {
	b.t.Helper()
	return b.do("POST", path, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader(form.Encode()))
}

// submit posts a form with its token.
func (b *browser) submit(path string, fields ...string) page {
	b.t.Helper()
	form := url.Values{"csrf": {b.csrf}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.post(path, form)
}

// upload puts an object as the script does.
func (b *browser) upload(bucket, key, body string) page {
	b.t.Helper()
	return b.do("PUT", object(bucket, "object", key), http.Header{"X-Csrf-Token": {b.csrf}}, strings.NewReader(body))
}

// version is a page or action of a version of a key.
func version(bucket, action string, o buckets.Object) string {
	return object(bucket, action, o.Key) + "&version=" + o.VersionID()
}

func object(bucket, action, key string) string {
	return "/ui/buckets/" + bucket + "/" + action + "?key=" + url.QueryEscape(key)
}

// until waits for what jobs do.
func (s *site) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain for %s", what)
		}
	}
}
