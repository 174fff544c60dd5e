package deals_test

import (
	"encoding/json"
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

// A deal's token opens its piece, and nothing else.
func TestTokens(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	tokens := &stolenTokens{next: m.deals.PieceHandler()}
	var h http.Handler = tokens
	m.handler.Store(&h)
	for _, p := range m.net.Providers() {
		m.fail(p, "no-publish") // the deal stays on its way, its token stays valid
	}
	_, pieces := m.zone(1, 1, 1<<20)
	id := pieces[0].CID
	m.until("a provider pulls", 20*time.Second, func() bool { return tokens.first() != "" })
	token := tokens.first()
	_, others := m.zone(2, 0, 1000)

	get := func(id, authorization string) int {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/piece/"+id, nil)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		m.deals.PieceHandler().ServeHTTP(w, r)
		return w.Code
	}
	for _, c := range []struct {
		name   string
		got    int
		status int
	}{
		{"its token", get(id, token), 200},
		{"no token", get(id, ""), 401},
		{"wrong token", get(id, "Bearer "+strings.Repeat("0", 64)), 401},
		{"token of another piece", get(others[0].CID, token), 401},
		{"not a bearer token", get(id, "Basic "+strings.TrimPrefix(token, "Bearer ")), 401},
	} {
		if c.got != c.status {
			t.Errorf("%s: status %d, want %d", c.name, c.got, c.status)
		}
	}
}

// A deal's token dies when the deal is published, long before it is active,
// and is in no row that is shown.
func TestTokenEnds(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	tokens := &stolenTokens{next: m.deals.PieceHandler()}
	var h http.Handler = tokens
	m.handler.Store(&h)
	m.fail(m.net.Providers()[0], "no-seal")
	_, pieces := m.zone(1, 1, 1<<20)
	m.until("a published deal", 20*time.Second, func() bool { return m.count(1, deals.DealPublished) == 1 })
	token := tokens.first()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/piece/"+pieces[0].CID, nil)
	r.Header.Set("Authorization", token)
	w := httptest.NewRecorder()
	m.deals.PieceHandler().ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("token of a published deal: status %d, want 401", w.Code)
	}
	shown, err := json.Marshal(m.list(1))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(shown), strings.TrimPrefix(token, "Bearer ")) {
		t.Error("a deal shows its token")
	}
}
