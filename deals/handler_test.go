package deals_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// stolenTokens records the tokens that providers pull with.
type stolenTokens struct {
	mu   sync.Mutex
	next http.Handler
	seen []string // guarded by mu
}

func (s *stolenTokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, r.Header.Get("Authorization"))
	s.mu.Unlock()
	s.next.ServeHTTP(w, r)
}

func (s *stolenTokens) first() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return ""
	}
	return s.seen[0]
}

func TestPieceHandler(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	tokens := &stolenTokens{next: m.deals.PieceHandler()}
	var h http.Handler = tokens
	m.handler.Store(&h)
	for _, p := range m.net.Providers() {
		m.fail(p, "no-publish") // the deal stays on its way, its token stays valid
	}
	_, pieces := m.zone(1, 1, 1<<20)
	id := pieces[0].CID
	want := m.bytes(id)
	m.until("a provider pulls", 20*time.Second, func() bool { return tokens.first() != "" })
	token := tokens.first()
	_, others := m.zone(2, 0, 1000)

	get := func(method, id string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "/piece/"+id, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		m.deals.PieceHandler().ServeHTTP(w, r)
		return w
	}
	const auth = "Authorization"
	for _, c := range []struct {
		name   string
		got    *httptest.ResponseRecorder
		status int
		body   []byte
	}{
		{"whole", get("GET", id, auth, token), 200, want},
		{"head", get("HEAD", id, auth, token), 200, nil},
		{"range", get("GET", id, auth, token, "Range", "bytes=1000-2000"), 206, want[1000:2001]},
		{"to the end", get("GET", id, auth, token, "Range", "bytes=2000000-"), 206, want[2000000:]},
		{"last bytes", get("GET", id, auth, token, "Range", "bytes=-700"), 206, want[len(want)-700:]},
		{"two ranges", get("GET", id, auth, token, "Range", "bytes=1-2,5-6"), 200, want},
		{"beyond the end", get("GET", id, auth, token, "Range", "bytes=99999999-"), 416, nil},
		{"same piece", get("GET", id, auth, token, "If-None-Match", `"`+id+`"`), 304, []byte{}},
		{"no token", get("GET", id), 401, nil},
		{"wrong token", get("GET", id, auth, "Bearer "+strings.Repeat("0", 64)), 401, nil},
		{"token of another piece", get("GET", others[0].CID, auth, token), 401, nil},
		{"not a bearer token", get("GET", id, auth, "Basic "+strings.TrimPrefix(token, "Bearer ")), 401, nil},
		{"unknown piece", get("GET", "baga6ea4seaqnope", auth, token), 404, nil},
		{"no piece", get("GET", "", auth, token), 404, nil},
		{"below a piece", get("GET", id+"/x", auth, token), 404, nil},
		{"post", get("POST", id, auth, token), 405, nil},
	} {
		if c.got.Code != c.status {
			t.Errorf("%s: status %d, want %d: %s", c.name, c.got.Code, c.status, c.got.Body)
			continue
		}
		if c.body != nil && !bytes.Equal(c.got.Body.Bytes(), c.body) {
			t.Errorf("%s: %d bytes, want %d", c.name, c.got.Body.Len(), len(c.body))
		}
		if c.status == 200 && c.got.Header().Get("Content-Length") != fmt.Sprint(len(want)) {
			t.Errorf("%s: Content-Length %q", c.name, c.got.Header().Get("Content-Length"))
		}
		if c.status < 300 && (c.got.Header().Get("ETag") != `"`+id+`"` || !strings.Contains(c.got.Header().Get("Cache-Control"), "immutable")) {
			t.Errorf("%s: headers %v", c.name, c.got.Header())
		}
	}
}

// A deal's token dies with its way to active, and is in no row that is shown.
func TestTokenEnds(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	tokens := &stolenTokens{next: m.deals.PieceHandler()}
	var h http.Handler = tokens
	m.handler.Store(&h)
	_, pieces := m.zone(1, 1, 1<<20)
	m.until("an active deal", 20*time.Second, m.active(1))
	token := tokens.first()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/piece/"+pieces[0].CID, nil)
	r.Header.Set("Authorization", token)
	w := httptest.NewRecorder()
	m.deals.PieceHandler().ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("token of an active deal: status %d, want 401", w.Code)
	}
	shown, err := json.Marshal(m.list(1))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(shown), strings.TrimPrefix(token, "Bearer ")) {
		t.Error("a deal shows its token")
	}
}

// A piece that cannot be read to its end is cut, not ended short.
func TestPieceHandlerCuts(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	tokens := &stolenTokens{next: m.deals.PieceHandler()}
	var h http.Handler = tokens
	m.handler.Store(&h)
	for _, p := range m.net.Providers() {
		m.fail(p, "no-publish")
	}
	_, pieces := m.zone(1, 1, 1<<20)
	m.until("a provider pulls", 20*time.Second, func() bool { return tokens.first() != "" })
	token := tokens.first()
	m.loseBlocks()
	for _, p := range m.net.Providers() {
		m.fail(p, "vanish") // nobody to ask for the lost blocks
	}
	req, err := http.NewRequestWithContext(context.Background(), "GET", m.opt.PieceURL+"/piece/"+pieces[0].CID, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
	}
	if err == nil {
		t.Errorf("status %d and a whole body out of lost blocks", resp.StatusCode)
	}
}
