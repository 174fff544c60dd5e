package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	lotus "github.com/filecoin-project/lotus/api/client"
	"github.com/filecoin-project/lotus/chain/types"
	"github.com/filecoin-project/lotus/chain/wallet/key"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

func newTestHost(t *testing.T) host.Host {
	t.Helper()
	h, err := newHost()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// TestHostAnswersNobody: a provider that we dial can ask us for nothing. Before
// it is silenced, filclient's host answers GraphSync and more, which shows that
// the question is one.
func TestHostAnswersNobody(t *testing.T) {
	ctx := context.Background()
	stranger, h := newTestHost(t), newTestHost(t)
	if err := stranger.Network().Listen(multiaddr.StringCast("/ip4/127.0.0.1/tcp/0")); err != nil {
		t.Fatal(err)
	}
	opt := knownOptions(t)
	k, err := key.NewKey(types.KeyInfo{Type: types.KTSecp256k1, PrivateKey: opt.Key})
	if err != nil {
		t.Fatal(err)
	}
	chain, hangUp, err := lotus.NewGatewayRPCV1(ctx, opt.RPC, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp()
	if _, err := newClient(h, chain, k); err != nil {
		t.Fatal(err)
	}
	served := h.Mux().Protocols()
	if !slices.ContainsFunc(served, func(p string) bool { return strings.Contains(p, "graphsync") }) {
		t.Fatalf("filclient serves %v, GraphSync not among them: what is silenced?", served)
	}
	if err := h.Connect(ctx, peer.AddrInfo{ID: stranger.ID(), Addrs: stranger.Addrs()}); err != nil {
		t.Fatal(err)
	}
	silence(h)
	for _, p := range served {
		s, err := stranger.Network().NewStream(ctx, h.ID())
		if err != nil {
			t.Fatal(err)
		}
		err = multistream.SelectProtoOrFail(p, s) // NewStream of a host would not ask, but believe
		s.Reset()
		open := p == ping.ID || strings.Contains(p, "/id/")
		if (err == nil) != open {
			t.Errorf("a stranger opens %s: %v", p, err)
		}
	}
	if got := h.Network().ListenAddresses(); len(got) != 0 {
		t.Errorf("the host listens on %v", got)
	}
}
