package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/prometheus/client_golang/prometheus"
)

// A node whose bootstrap peer is gone comes back through a peer that it was
// connected to before.
func TestBackupPeers(t *testing.T) {
	boot, other := newLoopbackHost(t, newMemBlocks()), newLoopbackHost(t, newMemBlocks())
	cfg := Config{Dir: t.TempDir(), ListenAddrs: []string{loopback}, Bootstrap: boot.addrs()}
	a := newTestHost(t, cfg, newMemBlocks())
	awaitConnected(t, a, boot.p2p.ID(), network.Connected)
	connect(t, a, other)
	await(t, "the other peer among the backups", func() bool { return len(a.backups.list()) == 1 })
	for _, h := range []*host{a, boot} {
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(cfg.Dir, backupFile))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), boot.p2p.ID().String()) {
		t.Errorf("a bootstrap peer is its own backup:\n%s", data)
	}
	again := newTestHost(t, cfg, newMemBlocks())
	awaitConnected(t, again, other.p2p.ID(), network.Connected)
}

// Bootstrap peers are dialled again when the connections to them are lost, and
// are not protected from trimming.
func TestBootstrapPeersAreDialledAgain(t *testing.T) {
	boot := newLoopbackHost(t, newMemBlocks())
	a := newTestHost(t, Config{ListenAddrs: []string{loopback}, Bootstrap: boot.addrs()}, newMemBlocks())
	id := boot.p2p.ID()
	awaitConnected(t, a, id, network.Connected)
	if a.p2p.ConnManager().IsProtected(id, "") {
		t.Error("the connection to a bootstrap peer is never trimmed")
	}
	reconnected := make(chan struct{}, 1)
	a.p2p.Network().Notify(&network.NotifyBundle{ConnectedF: func(network.Network, network.Conn) { reconnected <- struct{}{} }})
	if err := a.p2p.Network().ClosePeer(id); err != nil {
		t.Fatal(err)
	}
	select {
	case <-reconnected:
	case <-time.After(15 * time.Second):
		t.Error("a lost bootstrap peer is not dialled again")
	}
}

// With enough connections bootstrap peers are left alone.
func TestEnoughPeers(t *testing.T) {
	a := newLoopbackHost(t, newMemBlocks())
	for range enoughPeers {
		connect(t, a, newLoopbackHost(t, newMemBlocks()))
	}
	boot := newLoopbackHost(t, newMemBlocks())
	j := &joiner{h: a.p2p, bootstrap: []peer.AddrInfo{{ID: boot.p2p.ID(), Addrs: boot.p2p.Addrs()}}, backups: a.backups}
	if left := j.round(t.Context()); left != 0 || a.p2p.Network().Connectedness(boot.p2p.ID()) == network.Connected {
		t.Errorf("a round with enough peers left %d, connectedness %v", left, a.p2p.Network().Connectedness(boot.p2p.ID()))
	}
}

// Peers that only came to us do not displace those this node dialled.
func TestBackupsOfAFlood(t *testing.T) {
	b := &backups{}
	for i := range 3 * maxBackups {
		b.peers = append([]backup{{AddrInfo: peer.AddrInfo{ID: peer.ID(fmt.Sprint(i))}, dialled: i < 3}}, b.peers...)
		if len(b.peers) > maxBackups {
			b.evict()
		}
	}
	if len(b.peers) != maxBackups {
		t.Fatalf("%d peers are kept, want %d", len(b.peers), maxBackups)
	}
	dialled := 0
	for _, p := range b.peers {
		if p.dialled {
			dialled++
		}
	}
	if newest := fmt.Sprint(3*maxBackups - 1); dialled != 3 || b.peers[0].ID != peer.ID(newest) {
		t.Errorf("%d of the three dialled peers are left, and %q is first", dialled, b.peers[0].ID)
	}
}

func FuzzBackups(f *testing.F) {
	f.Add([]byte("/ip4/127.0.0.1/tcp/1/p2p/12D3KooWGRUVh7eJ9V1RpB4sjgvMGCDyMFJSGYZ7eaP3XyJvTqZA\n\nnot an address\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range parseBackups(data) {
			if p.ID.Validate() != nil || len(p.Addrs) == 0 || len(p.Addrs) > maxBackupAddrs {
				t.Errorf("parsed %v", p)
			}
		}
	})
}

func TestIsolated(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	a := newTestHost(t, Config{ListenAddrs: []string{loopback}, Metrics: reg}, newMemBlocks())
	if err := onNode(a).Isolated(); err != errNoPeers || gathered(t, reg, "whypfs_node_isolated") != 1 {
		t.Errorf("Isolated without peers = %v, metric %v", err, gathered(t, reg, "whypfs_node_isolated"))
	}
	connect(t, newLoopbackHost(t, newMemBlocks()), a)
	await(t, "not isolated with a peer", func() bool {
		return onNode(a).Isolated() == nil && gathered(t, reg, "whypfs_node_isolated") == 0
	})
	if err := onNode(newTestHost(t, Config{}, newMemBlocks())).Isolated(); err != errNoPaths {
		t.Errorf("Isolated without a host = %v", err)
	}
}

// The file descriptors that strangers can take are bounded.
func TestConnectionLimit(t *testing.T) {
	const files = 3
	a := newTestHost(t, Config{ListenAddrs: []string{loopback}, Limits: Limits{Files: files}}, newMemBlocks())
	connected := 0
	for range 2 * files {
		b := newLoopbackHost(t, newMemBlocks())
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		b.p2p.Peerstore().AddAddrs(a.p2p.ID(), a.p2p.Addrs(), peerstore.PermanentAddrTTL)
		if _, err := b.p2p.Network().DialPeer(ctx, a.p2p.ID()); err == nil {
			connected++
		}
		cancel()
		if n := len(a.p2p.Network().Conns()); n > files {
			t.Fatalf("%d connections, the limit is %d", n, files)
		}
	}
	if connected != files {
		t.Errorf("%d connections were made, want %d", connected, files)
	}
}

// A peer that asks for everything is remembered up to a limit, gets what is
// here, and keeps nobody else from it.
func TestWantlistLimit(t *testing.T) {
	const limit = 20
	var have [2]cid.Cid
	var blocks []string
	for i := range have {
		b := rawBlock(fmt.Sprint("here ", i))
		have[i], blocks = b.Cid(), append(blocks, string(b.RawData()))
	}
	server := newTestHost(t, Config{ListenAddrs: []string{loopback}, Limits: Limits{PeerWants: limit}},
		newMemBlocks(rawBlock(blocks[0]), rawBlock(blocks[1])))
	greedy, modest := newLoopbackHost(t, newMemBlocks()), newLoopbackHost(t, newMemBlocks())
	connect(t, greedy, server)
	connect(t, modest, server)
	var nowhere []cid.Cid
	for i := range 20 * limit {
		nowhere = append(nowhere, rawBlock(fmt.Sprint("nowhere ", i)).Cid())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := greedy.swap.GetBlocks(ctx, nowhere); err != nil {
		t.Fatal(err)
	}
	id := greedy.p2p.ID()
	await(t, "a full wantlist", func() bool { return len(server.swap.WantlistForPeer(id)) >= limit })
	if _, err := greedy.swap.GetBlock(ctx, have[0]); err != nil {
		t.Errorf("a block that is here, for a peer with a full wantlist: %v", err)
	}
	if _, err := modest.swap.GetBlock(ctx, have[1]); err != nil {
		t.Errorf("a block for another peer: %v", err)
	}
	if n := len(server.swap.WantlistForPeer(id)); n > limit {
		t.Errorf("%d wants are remembered, the limit is %d", n, limit)
	}
}
