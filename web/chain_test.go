package web_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/sandbox"
)

// newChain is a sandbox's chain with so many endpoints.
func newChain(t *testing.T, endpoints int) (*sandbox.Network, []chain.Endpoint) {
	t.Helper()
	n, err := sandbox.Open(t.Context(), sandbox.Options{Dir: t.TempDir(), Providers: 1, Endpoints: endpoints, Epoch: time.Hour, NoSync: true})
	must(t, err)
	t.Cleanup(func() { n.Close() })
	var list []chain.Endpoint
	for _, u := range n.RPCAddrs() {
		list = append(list, chain.NewEndpoint(u, "secret-of-the-endpoint"))
	}
	return n, list
}

// payer is the address that pays for deals.
func (s *site) payer() string {
	s.t.Helper()
	a, err := s.deals.Address(s.t.Context())
	must(s.t, err)
	return a
}

// The page of deals shows an admin how the chain is and what the wallet has, of
// a chain that is there.
func TestChainFigures(t *testing.T) {
	net, endpoints := newChain(t, 2)
	fil := func(s string) big.Int { a, err := deals.ParseFIL(s); must(t, err); return a }
	opt := deals.Options{RPC: endpoints, DailyLimit: fil("3"), Escrow: deals.EscrowOptions{TopUp: fil("1"), Daily: fil("7")}}
	s := newSiteOn(t, opt)
	addr := s.payer()
	must(t, net.Faucet(addr, fil("5.5"), fil("2")))
	must(t, net.Advance(t.Context(), 10))
	root, ann := s.as("root", accounts.LevelAdmin), s.as("ann", accounts.LevelUser)
	p := root.get("/ui/deals").want(200).has("2 of 2 endpoints", "agrees", "network version", "5.5 FIL", "2 FIL", "of 7 FIL", "of 3 FIL", addr, ">pays<", "0 epochs")
	p.hasNot("secret-of-the-endpoint", "no answer")
	ann.get("/ui/deals").want(200).hasNot(addr, "Endpoints", "Wallet", "endpoint").has("0 running")
	ann.get("/ui/providers").want(404)

	must(t, s.deals.SetSwitch(t.Context(), false, "ro<b>ot"))
	root.get("/ui/deals").want(200).has("New deals are not made", "ro&lt;b&gt;ot").hasNot("ro<b>ot")
}

// One endpoint of three tells another head: it is named.
func TestChainDisagrees(t *testing.T) {
	net, endpoints := newChain(t, 3)
	must(t, net.FailRPC(2, "stale"))
	must(t, net.Advance(t.Context(), 200))
	s := newSiteOn(t, deals.Options{RPC: endpoints})
	s.as("root", accounts.LevelAdmin).get("/ui/deals").want(200).has("2 of 3 endpoints", "disagrees", "not all")
}

// A chain that is away, or never answers, keeps nothing else from the page.
func TestChainAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	refuses := "http://" + l.Addr().String()
	l.Close()
	stop := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(stop); hangs.Close() })
	for what, url := range map[string]string{"refuses": refuses, "hangs": hangs.URL} {
		t.Run(what, func(t *testing.T) {
			s := newSiteOn(t, deals.Options{RPC: []chain.Endpoint{chain.NewEndpoint(url, "")}})
			addr := s.payer()
			p := s.as("root", accounts.LevelAdmin).get("/ui/deals").want(200).has("0 of 1 endpoint", ">none<", `notice bad`, "the chain cannot be asked", "deals for 0 FIL", addr, "There is no deal yet", "<td data-label=\"To spend\">?")
			if strings.Contains(p.body, "agrees") {
				t.Error("an endpoint that does not answer agrees")
			}
		})
	}
}

// Without a chain the page says so.
func TestNoChain(t *testing.T) {
	s := newSite(t)
	s.as("root", accounts.LevelAdmin).get("/ui/deals").want(200).has("notice calm", s.payer()).hasNot("Endpoints", "Agreement")
}
