package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
)

// onNode makes the exported methods of the network side callable on h.
func onNode(h *host) *Node { return &Node{host: h} }

func newLoopbackHost(t *testing.T, bs *memBlocks) *host {
	return newTestHost(t, Config{ListenAddrs: []string{loopback}}, bs)
}

func connect(t *testing.T, a, b *host) {
	t.Helper()
	if err := onNode(a).Connect(t.Context(), b.addrs()[0]); err != nil {
		t.Fatal(err)
	}
}

func TestIdentityIsKept(t *testing.T) {
	dir := t.TempDir()
	var ids [2]string
	for i := range ids {
		h, err := newHost(t.Context(), Config{Dir: dir, ListenAddrs: []string{loopback}}, newMemBlocks(), nil)
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = onNode(h).ID()
		if err := h.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("peer ids before and after a restart: %q, %q", ids[0], ids[1])
	}
	info, err := os.Stat(filepath.Join(dir, identityFile))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the key file = %v, want 0600", info.Mode().Perm())
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("files beside the key: %v, %v", entries, err)
	}
}

// A node must not quietly become another one because its key is damaged.
func TestDamagedIdentity(t *testing.T) {
	for _, data := range []string{"", "not a key"} {
		dir := t.TempDir()
		name := filepath.Join(dir, identityFile)
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := identity(dir); err == nil {
			t.Errorf("identity of key file %q: no error", data)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != data {
			t.Errorf("key file %q became %q, %v", data, got, err)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{8, 1, 18, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, identityFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := identity(dir)
		if err != nil {
			return
		}
		if _, err := crypto.MarshalPrivateKey(key); err != nil {
			t.Errorf("a key that was read cannot be written: %v", err)
		}
	})
}

func TestHostConfig(t *testing.T) {
	peerAddr := "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWGRUVh7eJ9V1RpB4sjgvMGCDyMFJSGYZ7eaP3XyJvTqZA"
	tests := []struct {
		name string
		cfg  Config
	}{
		{"unknown DHT mode", Config{DHT: "on", ListenAddrs: []string{loopback}}},
		{"bootstrap address without a peer", Config{Bootstrap: []string{"/ip4/127.0.0.1/tcp/1"}, ListenAddrs: []string{loopback}}},
		{"bootstrap address that is none", Config{Bootstrap: []string{"example.com:4001"}, ListenAddrs: []string{loopback}}},
		{"listen address that is none", Config{ListenAddrs: []string{":4001"}}},
		{"listen address of a transport we have not", Config{ListenAddrs: []string{"/ip4/127.0.0.1/tcp/0/ws"}}},
		// Half a configuration that would silently do nothing.
		{"DHT without a host", Config{DHT: "client"}},
		{"bootstrap peers without a host", Config{Bootstrap: []string{peerAddr}}},
		{"peering without a host", Config{Peering: []string{peerAddr}}},
		{"peering address without a peer", Config{Peering: []string{"/ip4/127.0.0.1/tcp/1"}, ListenAddrs: []string{loopback}}},
		{"trimming to more than what is trimmed", Config{Limits: Limits{LowConns: 9, HighConns: 8}, ListenAddrs: []string{loopback}}},
		{"negative limit", Config{Limits: Limits{PeerBytes: -1}, ListenAddrs: []string{loopback}}},
	}
	for _, tt := range tests {
		tt.cfg.Dir = t.TempDir()
		h, err := newHost(t.Context(), tt.cfg, newMemBlocks(), nil)
		if err == nil {
			h.close()
			t.Errorf("%s: no error", tt.name)
		}
	}
}

func TestNodeWithoutHost(t *testing.T) {
	dir := t.TempDir()
	n := onNode(newTestHost(t, Config{Dir: dir}, newMemBlocks()))
	if n.ID() != "" || n.Addrs() != nil || n.Peers() != nil {
		t.Errorf("ID, Addrs, Peers = %q, %v, %v; want none", n.ID(), n.Addrs(), n.Peers())
	}
	ctx := t.Context()
	root := rawBlock("x").Cid()
	_, streamErr := n.OpenStream(ctx, "12D3KooWGRUVh7eJ9V1RpB4sjgvMGCDyMFJSGYZ7eaP3XyJvTqZA", nil, "/x")
	for what, err := range map[string]error{
		"Connect":    n.Connect(ctx, "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWGRUVh7eJ9V1RpB4sjgvMGCDyMFJSGYZ7eaP3XyJvTqZA"),
		"OpenStream": streamErr,
		"Fetch":      n.Fetch(ctx, root, false),
	} {
		if !errors.Is(err, ErrNoHost) {
			t.Errorf("%s = %v, want ErrNoHost", what, err)
		}
	}
	if err := errors.Join(n.Announce(ctx, root), n.Unannounce(ctx, root), n.AnnounceOnly(ctx, values(nil))); err != nil {
		t.Errorf("announcing without a DHT = %v, want nil", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("a node without a host made %v, %v", entries, err)
	}
}

func TestConnectAndPeers(t *testing.T) {
	a := newTestHost(t, Config{ListenAddrs: []string{loopback, "/ip4/127.0.0.1/udp/0/quic-v1"}}, newMemBlocks())
	b := newLoopbackHost(t, newMemBlocks())
	c := newTestHost(t, Config{ListenAddrs: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}}, newMemBlocks())
	connect(t, a, b) // TCP
	connect(t, c, a) // c has QUIC only, so it needs a's second address
	if len(a.addrs()) != 2 {
		t.Fatalf("addresses = %v, want two", a.addrs())
	}
}

func TestOpenStream(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a, b := newLoopbackHost(t, newMemBlocks()), newLoopbackHost(t, newMemBlocks())
	b.p2p.SetStreamHandler("/echo/1", func(s network.Stream) {
		defer s.Close()
		io.Copy(s, s)
	})
	id := b.p2p.ID().String()
	addr := b.p2p.Addrs()[0].String()

	s, err := onNode(a).OpenStream(ctx, id, []string{addr}, "/echo/2", "/echo/1")
	if err != nil {
		t.Fatal(err)
	}
	if s.Protocol() != "/echo/1" {
		t.Errorf("protocol = %q, want /echo/1", s.Protocol())
	}
	sent := bytes.Repeat([]byte("whypfs"), 100_000)
	go func() {
		s.Write(sent)
		s.CloseWrite()
	}()
	if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("echo: %d bytes, %v; want %d", len(got), err, len(sent))
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if peers := onNode(a).Peers(); len(peers) != 1 || peers[0] != (Peer{ID: id, Addr: addr}) {
		t.Errorf("peers = %v, want %s at %s", peers, id, addr)
	}

	_, err = onNode(a).OpenStream(ctx, id, nil, "/unspoken/1")
	if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), id) || !strings.Contains(err.Error(), "/unspoken/1") {
		t.Errorf("stream of an unknown protocol: %v, want ErrProtocol with peer and protocol", err)
	}
}

// A peer that was away is reached as soon as it is back, however often it was
// dialled in vain.
func TestOpenStreamToPeerThatIsBack(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a, dir := newLoopbackHost(t, newMemBlocks()), t.TempDir()
	away := newMemBlocks()
	b, err := newHost(ctx, Config{Dir: dir, ListenAddrs: []string{loopback}}, away, away.local)
	if err != nil {
		t.Fatal(err)
	}
	id, addr := b.p2p.ID().String(), b.p2p.Addrs()[0].String()
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := onNode(a).OpenStream(ctx, id, []string{addr}, "/hello/1"); err == nil {
			t.Fatal("a stream to a peer that is away")
		}
	}
	b = newTestHost(t, Config{Dir: dir, ListenAddrs: []string{addr}}, away)
	b.p2p.SetStreamHandler("/hello/1", func(s network.Stream) { s.Close() })
	s, err := onNode(a).OpenStream(ctx, id, []string{addr}, "/hello/1")
	if err != nil {
		t.Fatalf("the peer is back: %v", err)
	}
	s.Close()
}

func TestOpenStreamErrors(t *testing.T) {
	a, b := newLoopbackHost(t, newMemBlocks()), newLoopbackHost(t, newMemBlocks())
	id := b.p2p.ID().String()
	tests := []struct {
		name, peer string
		addrs      []string
		protocols  []string
	}{
		{"peer id that is none", "f01000", nil, []string{"/x"}},
		{"address that is none", id, []string{"127.0.0.1:80"}, []string{"/x"}},
		{"address of another peer", id, a.addrs(), []string{"/x"}},
		{"no address", id, nil, []string{"/x"}},
		{"nobody there", id, []string{"/ip4/127.0.0.1/tcp/1"}, []string{"/x"}},
		{"no protocol", id, b.addrs(), nil},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, tt := range tests {
		if _, err := onNode(a).OpenStream(ctx, tt.peer, tt.addrs, tt.protocols...); err == nil || !strings.Contains(err.Error(), tt.peer) {
			t.Errorf("%s: %v, want an error that names the peer", tt.name, err)
		}
	}
}

// A peer that takes the stream and says nothing must not hold its user for ever.
func TestOpenStreamDeadline(t *testing.T) {
	a, b := newLoopbackHost(t, newMemBlocks()), newLoopbackHost(t, newMemBlocks())
	hold := make(chan struct{})
	defer close(hold)
	b.p2p.SetStreamHandler("/silent/1", func(s network.Stream) { <-hold })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	s, err := onNode(a).OpenStream(ctx, b.p2p.ID().String(), b.addrs(), "/silent/1")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Reset()
	var timeout net.Error
	if _, err := s.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read from a silent peer: %v, want a timeout", err)
	}
}

// await returns once ok is true; what says what was waited for.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func awaitConnected(t *testing.T, h *host, id peer.ID, want network.Connectedness) {
	t.Helper()
	await(t, fmt.Sprintf("%v to %s", want, id), func() bool { return h.p2p.Network().Connectedness(id) == want })
}

func TestPeeringPeersAreKept(t *testing.T) {
	dir := t.TempDir()
	b := newTestHost(t, Config{Dir: dir, ListenAddrs: []string{loopback}}, newMemBlocks())
	id, addr := b.p2p.ID(), b.addrs()[0]
	port, err := multiaddr.NewMultiaddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	listen, _ := peer.SplitAddr(port)

	a := newTestHost(t, Config{ListenAddrs: []string{loopback}, Peering: []string{addr}}, newMemBlocks())
	awaitConnected(t, a, id, network.Connected)
	if !a.p2p.ConnManager().IsProtected(id, "") {
		t.Error("the connection may be trimmed")
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	awaitConnected(t, a, id, network.NotConnected)
	newTestHost(t, Config{Dir: dir, ListenAddrs: []string{listen.String()}}, newMemBlocks())
	awaitConnected(t, a, id, network.Connected)
}

// Several nodes of one process share a registry, or have none.
func TestMetricsOfManyHosts(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	for _, r := range []prometheus.Registerer{reg, reg, nil, nil} {
		b := rawBlock("counted")
		h := newTestHost(t, Config{ListenAddrs: []string{loopback}, Metrics: r}, newMemBlocks(b))
		if w := get(h, "/ipfs/"+b.Cid().String()); w.Code != 200 {
			t.Errorf("GET = %d", w.Code)
		}
	}
	if n := gathered(t, reg, "ipfs_http_gw_responses_total"); n != 2 {
		t.Errorf("responses counted = %v, want those of the two nodes with the registry", n)
	}
}

func TestBitswapMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	b := rawBlock("counted too")
	for range 2 { // the second time as after a restart
		server := newTestHost(t, Config{ListenAddrs: []string{loopback}, Metrics: reg}, newMemBlocks(b))
		client := newLoopbackHost(t, newMemBlocks())
		connect(t, client, server)
		if _, err := client.swap.GetBlock(t.Context(), b.Cid()); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]float64{
			"whypfs_node_peers":                     1,
			"whypfs_node_bitswap_sent_blocks_total": 1,
			"whypfs_node_bitswap_sent_bytes_total":  float64(len(b.RawData())),
		} {
			// The server counts after it has sent.
			await(t, fmt.Sprintf("%s = %v", name, want), func() bool { return gathered(t, reg, name) == want })
		}
		if err := server.close(); err != nil {
			t.Error(err)
		}
	}
}

// gathered is the sum of a metric's values.
func gathered(t *testing.T, reg prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}
