package chain

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fakeNode is one endpoint: fn answers a method with a result or an error, or
// with an HTTP status alone.
func fakeNode(t *testing.T, fn func(w http.ResponseWriter, method string) string) Endpoint {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct{ Method string }
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			t.Error(err)
		}
		if s := fn(w, strings.TrimPrefix(req.Method, "Filecoin.")); s != "" {
			io.WriteString(w, `{"jsonrpc":"2.0","id":1,`+s+`}`)
		}
	}))
	t.Cleanup(srv.Close)
	return NewEndpoint(srv.URL, "")
}

func status(code int, header ...string) func(http.ResponseWriter, string) string {
	return func(w http.ResponseWriter, _ string) string {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		return ""
	}
}

func head(n int64) func(http.ResponseWriter, string) string {
	return func(http.ResponseWriter, string) string { return fmt.Sprintf(`"result":{"Height":%d}`, n) }
}

func TestHeadOfMany(t *testing.T) {
	for _, c := range []struct {
		name  string
		heads []int64 // -1: gives no answer
		want  int64
		aside []int
	}{
		{"one", []int64{100}, 100, nil},
		{"close together", []int64{100, 102, 101}, 102, nil},
		{"one is stuck", []int64{100, 5000, 5001}, 5001, []int{0}},
		{"one is ahead", []int64{100, 2000000, 101}, 101, []int{1}},
		{"two that differ: the lower is safe", []int64{2000000, 100}, 100, nil},
		{"one gives no answer", []int64{-1, 100, 101}, 101, nil},
		{"all differ", []int64{100, 5000, 2000000}, 100, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []Endpoint
			for _, h := range c.heads {
				if h < 0 {
					list = append(list, fakeNode(t, status(502)))
				} else {
					list = append(list, fakeNode(t, head(h)))
				}
			}
			cl := New(Options{Endpoints: list})
			got, err := cl.Head(t.Context())
			if err != nil || got != c.want {
				t.Errorf("Head of %v = %d, %v, want %d", c.heads, got, err, c.want)
			}
			for i, s := range cl.Endpoints() {
				want := false
				for _, a := range c.aside {
					want = want || a == i
				}
				if s.Aside != want || (s.Fault != "") != (c.heads[i] < 0) {
					t.Errorf("endpoint %d: %+v", i, s)
				}
			}
		})
	}
	dead := New(Options{Endpoints: []Endpoint{fakeNode(t, status(502)), fakeNode(t, status(429))}})
	if _, err := dead.Head(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Head of dead endpoints: %v", err)
	}
}

// TestHeadOfOneAlone: the only endpoint of three that answers ends no deal,
// however far it says that the chain is.
func TestHeadOfOneAlone(t *testing.T) {
	var dead atomic.Bool
	dies := func(w http.ResponseWriter, m string) string {
		if dead.Load() {
			return status(502)(w, m)
		}
		return head(100)(w, m)
	}
	says := int64(100)
	liar := fakeNode(t, func(w http.ResponseWriter, m string) string { return head(atomic.LoadInt64(&says))(w, m) })
	c := New(Options{Endpoints: []Endpoint{fakeNode(t, dies), liar, fakeNode(t, dies)}})
	look := func(want int64, aside bool) {
		t.Helper()
		// A try may take an epoch on a machine that is busy.
		if got, err := c.Head(t.Context()); err != nil || got < want || got > want+2 {
			t.Errorf("Head = %d, %v, want %d", got, err, want)
		}
		if s := c.Endpoints()[1]; s.Aside != aside {
			t.Errorf("the endpoint is aside: %v, want %v", s.Aside, aside)
		}
	}
	look(100, false)
	dead.Store(true)
	atomic.StoreInt64(&says, 2000000)
	look(100+headLag, true)
	atomic.StoreInt64(&says, 103)
	look(103, false)
	dead.Store(false)
	atomic.StoreInt64(&says, 2000000)
	look(100, true)
	late := New(Options{Endpoints: []Endpoint{fakeNode(t, status(502)), liar}})
	if n, err := late.Head(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Head of one of two from the start: %d, %v", n, err)
	}
}

// TestNextIsAsked: an endpoint that gives no answer costs nothing but a try,
// and is then asked last.
func TestNextIsAsked(t *testing.T) {
	var first atomic.Int64
	bad := fakeNode(t, func(w http.ResponseWriter, m string) string {
		first.Add(1)
		return status(502)(w, m)
	})
	good := fakeNode(t, func(http.ResponseWriter, string) string { return `"result":28` })
	c := New(Options{Endpoints: []Endpoint{bad, good}})
	for range 3 {
		if v, err := c.NetworkVersion(t.Context()); v != 28 || err != nil {
			t.Fatalf("NetworkVersion = %d, %v", v, err)
		}
	}
	if n := first.Load(); n != 1 {
		t.Errorf("the bad endpoint was asked %d times, want once", n)
	}
	refuses := fakeNode(t, func(http.ResponseWriter, string) string { return `"error":{"code":1,"message":"no"}` })
	var refused *CallError
	if _, err := New(Options{Endpoints: []Endpoint{refuses, good}}).NetworkVersion(t.Context()); !errors.As(err, &refused) {
		t.Errorf("a refusal is an answer: %v", err)
	}
}

// TestRetryAfter: an endpoint whose limit is reached is left alone as long as it asks.
func TestRetryAfter(t *testing.T) {
	var asked atomic.Int64
	busy := fakeNode(t, func(w http.ResponseWriter, m string) string {
		asked.Add(1)
		return status(429, "Retry-After", "3600")(w, m)
	})
	c := New(Options{Endpoints: []Endpoint{busy}})
	for range 3 {
		if _, err := c.NetworkVersion(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("a busy endpoint: %v", err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times although it said to wait, want once", n)
	}
	for s, want := range map[string]time.Duration{"": 0, "junk": 0, "-3": 0, "7": 7 * time.Second, "999999999999999999": 24 * time.Hour} {
		if got := retryAfter(s); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", s, got, want)
		}
	}
}

const someDeal = `"result":{"Proposal":{"PieceCID":{"/":"baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq"},"PieceSize":1048576,"VerifiedDeal":false,` +
	`"Client":"f077","Provider":"f01000","Label":"x","StartEpoch":10,"EndEpoch":20,"StoragePricePerEpoch":"0","ProviderCollateral":"0","ClientCollateral":"0"},` +
	`"State":{"SectorStartEpoch":%d,"LastUpdatedEpoch":-1,"SlashEpoch":%d}}`

// TestWitnessed: what is news is believed when two endpoints say it.
func TestWitnessed(t *testing.T) {
	active, slashed := fmt.Sprintf(someDeal, 5, -1), fmt.Sprintf(someDeal, 5, 9)
	missing := `"error":{"code":1,"message":"deal 7 not found - deal may not have completed sealing"}`
	for _, c := range []struct {
		name    string
		answers []string // "": none
		want    string   // active, slashed, missing, or disputed
	}{
		{"one endpoint is believed", []string{slashed}, "slashed"},
		{"two agree", []string{slashed, slashed}, "slashed"},
		{"two agree that it is gone", []string{missing, missing}, "missing"},
		{"one lies that it was slashed", []string{active, slashed}, "active"},
		{"one lies that it is gone", []string{missing, active}, "active"},
		{"one lies, two know better", []string{missing, active, active}, "active"},
		{"news without a witness", []string{slashed, ""}, "disputed"},
		{"different news", []string{slashed, missing}, "disputed"},
		{"no answer at all", []string{"", ""}, "disputed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []Endpoint
			for _, a := range c.answers {
				list = append(list, fakeNode(t, func(w http.ResponseWriter, m string) string {
					if a == "" {
						return status(503)(w, m)
					}
					return a
				}))
			}
			for range 8 { // whichever is asked first
				cl := New(Options{Endpoints: list})
				d, err := cl.Witnessed(t.Context(), 7, func(d Deal, err error) bool { return err == nil && d.State.SlashEpoch == -1 })
				got := "active"
				switch {
				case errors.Is(err, ErrNotOnChain):
					got = "missing"
				case errors.Is(err, ErrUnavailable):
					got = "disputed"
				case err != nil:
					t.Fatal(err)
				case d.State.SlashEpoch > -1:
					got = "slashed"
				}
				if got != c.want {
					t.Fatalf("Witnessed: %s, %v, want %s", got, err, c.want)
				}
			}
		})
	}
}

// TestNewsGetThrough: an endpoint that goes on telling what was true once does
// not hide what two others know.
func TestNewsGetThrough(t *testing.T) {
	old, slashed := fmt.Sprintf(someDeal, 5, -1), fmt.Sprintf(someDeal, 5, 9)
	say := func(s string) Endpoint { return fakeNode(t, func(http.ResponseWriter, string) string { return s }) }
	cl := New(Options{Endpoints: []Endpoint{say(old), say(slashed), say(slashed)}})
	for range 200 {
		d, err := cl.Witnessed(t.Context(), 7, func(d Deal, _ error) bool { return d.State.SlashEpoch == -1 })
		if err != nil {
			t.Fatal(err)
		}
		if d.State.SlashEpoch > -1 {
			return
		}
	}
	t.Error("200 looks, and the news never came through")
}
