package estuaryapi_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/estuaryapi"
)

// take counts how many of n requests of a key are allowed.
func take(l *estuaryapi.Limiter, key, n int) (allowed int) {
	for range n {
		if l.Allow(key) {
			allowed++
		}
	}
	return allowed
}

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := estuaryapi.NewLimiter(200)
		want := func(what string, key, n, allowed int) {
			t.Helper()
			if got := take(l, key, n); got != allowed {
				t.Errorf("%s: %d of %d were allowed, want %d", what, got, n, allowed)
			}
		}
		want("at once", 1, 300, 200)
		want("another", 2, 300, 200)
		time.Sleep(100 * time.Millisecond)
		want("a tenth of a second later", 1, 300, 20)
		time.Sleep(time.Hour)
		want("much later", 1, 300, 200)
		for range 10 { // one who goes on is not forgotten
			time.Sleep(500 * time.Millisecond)
			want("half a second later", 1, 300, 100)
		}
		l = estuaryapi.NewLimiter(0.001)
		want("rarely", 1, 3, 1)
		time.Sleep(999 * time.Second)
		want("not yet", 1, 3, 0)
		time.Sleep(2 * time.Second)
		want("again", 1, 3, 1)
		l = estuaryapi.NewLimiter(0)
		want("without limit", 1, 100_000, 100_000)
	})
}

// What a limiter remembers is bounded, and while it is not full it forgets nobody too soon.
func TestLimiterMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := estuaryapi.NewLimiter(1)
		for key := range 10 * estuaryapi.MaxKeys {
			l.Allow(key)
		}
		if l.Len() > 2*estuaryapi.MaxKeys {
			t.Errorf("it remembers %d keys, want at most %d", l.Len(), 2*estuaryapi.MaxKeys)
		}
		if l.Allow(10*estuaryapi.MaxKeys - 1) {
			t.Error("the last key was forgotten")
		}
		time.Sleep(time.Minute)
		l.Allow(1)
		time.Sleep(time.Minute)
		l.Allow(1)
		if l.Len() != 2 { // one, in both generations
			t.Errorf("it remembers %d keys of long ago", l.Len())
		}
	})
}

const tooMany = `{"error":{"code":429,"reason":"Too Many Requests","details":"rate limit exceeded"}}` + "\n"

// An address has its requests, whatever it asks for and as whom.
func TestRateOfAddress(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{Rate: 0.001})
	if a := f.get("/health", ""); a.code != 200 {
		t.Fatalf("the first: %d %s", a.code, a.body)
	}
	_, token := f.user("ann", accounts.LevelUser, 0)
	for path, key := range map[string]string{"/health": "", "/viewer": token, "/nothing": "", "/gw/ipfs/x": "", "/swagger/doc.json": "", "/content/7": ""} {
		a := f.get(path, key)
		if a.code != 429 || a.body != tooMany || a.header.Get("Retry-After") != "1000" || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("GET %s = %+v", path, a)
		}
	}
}

// A user has his requests, from wherever they come.
func TestRateOfUser(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{Rate: 0.001})
	_, ann := f.user("ann", accounts.LevelUser, 0)
	_, bob := f.user("bob", accounts.LevelUser, 0)
	for i, tt := range []struct {
		from, key string
		code      int
	}{
		{"192.0.2.1:1", ann, 200}, {"192.0.2.2:1", ann, 429}, {"[2001:db8::1]:1", ann, 429}, {"192.0.2.3:1", bob, 200},
		{"[2001:db8::2]:1", "", 429}, {"[2001:db8:0:1::2]:1", "", 401},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/viewer", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.RemoteAddr = tt.from; tt.key != "" {
			r.Header.Set("Authorization", "Bearer "+tt.key)
		}
		w, _ := serve(f.srv.Config.Handler, r)
		if w.Code != tt.code || tt.code == 429 && w.Body.String() != tooMany {
			t.Errorf("request %d = %d %s, want %d", i, w.Code, w.Body, tt.code)
		}
	}
}
