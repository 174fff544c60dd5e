package deals_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
)

// TestMarketOverHTTP: a provider whose market the operator knows over HTTP is
// asked, offered and followed there.
func TestMarketOverHTTP(t *testing.T) {
	m := newMarket(t, 2, deals.Options{})
	var asked [3]atomic.Int64
	paths := map[string]*atomic.Int64{"/market/mk12/ask": &asked[0], "/market/mk12/store": &asked[1], "/market/mk12/status": &asked[2]}
	var list []string
	for _, p := range m.net.Snapshot().Providers {
		if p.Dialect != "curio" {
			continue
		}
		target, err := url.Parse(p.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(target)
		proxy.ErrorLog = log.New(io.Discard, "", 0)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n := paths[r.URL.Path]; n != nil {
				n.Add(1)
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(srv.Close)
		list = append(list, p.Address, "http="+srv.URL)
	}
	m.stop()
	m.opt.Providers = configs(t, list...)
	m.world.restart()
	m.pack(piece.PackRequest{Zone: 1, Replication: 1, Members: []piece.Member{m.add(1, random(1<<20, 1))}})
	if err := m.deals.Start(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	m.until("an active deal", 30*time.Second, m.active(1))
	for path, n := range paths {
		if n.Load() == 0 {
			t.Errorf("%s was not asked over HTTP", path)
		}
	}
}
