package piece_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/deals/piece"
)

// slow is a client that takes no bytes until it is released.
type slow struct {
	*httptest.ResponseRecorder
	began   chan struct{} // closed at the first write
	once    sync.Once
	release chan struct{}
}

func (s *slow) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.began) })
	<-s.release
	return s.ResponseRecorder.Write(p)
}

func newSlow() *slow {
	return &slow{ResponseRecorder: httptest.NewRecorder(), began: make(chan struct{}), release: make(chan struct{})}
}

func request(t *testing.T, id, token string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/piece/"+id, nil)
	r.Header.Set("Authorization", token)
	return r
}

// anyone lets in all tokens that are not bad.
func anyone(_ context.Context, _, authorization string) (bool, error) {
	return !strings.Contains(authorization, "bad"), nil
}

func TestLimits(t *testing.T) {
	w := newWorld(t, piece.Options{MinPiece: 1 << 20, Limits: piece.Limits{Pulls: 4, PullsEach: 2}})
	id := w.pack(piece.PackRequest{Zone: 1, Members: []piece.Member{w.add(1, random(1<<20, 1))}})[0].CID
	h := w.pieces.Handler(anyone)
	var running sync.WaitGroup
	var clients []*slow
	begin := func(token string) {
		c := newSlow()
		clients = append(clients, c)
		running.Go(func() { h.ServeHTTP(c, request(t, id, token)) })
		<-c.began
	}
	ask := func(token string) *http.Response {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, request(t, id, token))
		return rec.Result()
	}
	expect := func(what, token string, status int) {
		t.Helper()
		resp := ask(token)
		if resp.StatusCode != status {
			t.Errorf("%s: status %d, want %d", what, resp.StatusCode, status)
		}
		if later := resp.Header.Get("Retry-After"); (status == 429 || status == 503) != (later != "") {
			t.Errorf("%s: Retry-After %q", what, later)
		}
	}

	begin("Bearer a")
	expect("a token's second request", "Bearer a", 200)
	begin("Bearer a")
	expect("a token's third request", "Bearer a", 429)
	expect("another token", "Bearer b", 200)
	expect("a stranger", "Bearer bad", 401)
	begin("Bearer b")
	expect("the fourth of all", "Bearer c", 200)
	begin("Bearer c")
	expect("the fifth of all", "Bearer d", 503)
	expect("a stranger when all is taken", "Bearer bad", 503)
	for _, c := range clients {
		close(c.release)
	}
	running.Wait()
	for i, c := range clients {
		if c.Code != 200 || c.Body.Len() == 0 {
			t.Errorf("client %d: status %d, %d bytes", i, c.Code, c.Body.Len())
		}
	}
	for range 3 { // all places are free again
		expect("afterwards", "Bearer a", 200)
	}
}

// A client gets no more bytes than its rate allows, nor do all together.
func TestRates(t *testing.T) {
	const burst = 4 << 20
	for name, limits := range map[string]piece.Limits{"each": {RateEach: 1}, "all": {Rate: 1}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, piece.Options{Limits: limits})
			id := w.pack(piece.PackRequest{Zone: 1, Members: []piece.Member{w.add(1, random(7<<20, 1))}})[0].CID
			h := w.pieces.Handler(anyone)
			ctx, cancel := context.WithCancel(t.Context())
			got := 0
			client := counter{httptest.NewRecorder(), func(n int) {
				if got += n; got > burst-2<<20 {
					cancel() // it would wait for weeks
				}
			}}
			func() {
				defer func() {
					if r := recover(); r != nil && r != http.ErrAbortHandler {
						panic(r)
					}
				}()
				h.ServeHTTP(client, request(t, id, "Bearer a").WithContext(ctx))
			}()
			if got > burst || got == 0 {
				t.Errorf("%d bytes sent at once, want at most %d", got, burst)
			}
		})
	}
}

type counter struct {
	*httptest.ResponseRecorder
	wrote func(n int)
}

func (c counter) Write(p []byte) (int, error) {
	c.wrote(len(p))
	return c.ResponseRecorder.Write(p)
}
