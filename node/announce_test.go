package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// swarm is a private DHT.
type swarm []*host

// newSwarm starts DHT servers that know each other.
func newSwarm(t *testing.T, n int) (s swarm) {
	for range n {
		cfg := Config{ListenAddrs: []string{loopback}, DHT: "server", Announce: "none"}
		if len(s) > 0 {
			cfg.Bootstrap = s[0].addrs()
		}
		h := newTestHost(t, cfg, newMemBlocks())
		if len(s) > 0 {
			awaitTable(t, h)
		}
		s = append(s, h)
	}
	return s
}

// awaitTable returns once the host knows somebody in the DHT.
func awaitTable(t *testing.T, h *host) {
	t.Helper()
	await(t, "a peer in the routing table", func() bool { return h.dht.RoutingTable().Size() > 0 })
}

// providers are those that the DHT names for c.
func (s swarm) providers(t *testing.T, c cid.Cid) (ids []peer.ID) {
	t.Helper()
	found, err := s[len(s)-1].dht.FindProviders(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		ids = append(ids, p.ID)
	}
	return ids
}

func (s swarm) awaitProvider(t *testing.T, c cid.Cid, n *Node) {
	t.Helper()
	await(t, "a provider of "+c.String(), func() bool {
		ids := s.providers(t, c)
		return len(ids) == 1 && ids[0].String() == n.ID()
	})
}

// open starts a node that announces in the DHT.
func (s swarm) open(t *testing.T, cfg Config) *Node {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.ListenAddrs, cfg.DHT = []string{loopback}, "client"
	if len(s) > 0 {
		cfg.Bootstrap = s[0].addrs()
	}
	n, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	if len(s) > 0 {
		awaitTable(t, n.host)
	}
	return n
}

func importText(t *testing.T, n *Node, r io.Reader, private bool) cid.Cid {
	t.Helper()
	lease := n.Lease()
	t.Cleanup(lease.Release)
	f, err := n.Import(t.Context(), r, ImportOptions{Private: private})
	if err != nil {
		t.Fatal(err)
	}
	return f.Root
}

// big is a file of several blocks.
func big(seed byte) io.Reader {
	return io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{seed}, 1<<20)), strings.NewReader("the second block"))
}

func lastOf(t *testing.T, n *Node, root cid.Cid) (leaf cid.Cid) {
	t.Helper()
	if err := n.Walk(t.Context(), root, func(c cid.Cid, _ int) error { leaf = c; return nil }); err != nil {
		t.Fatal(err)
	}
	return leaf
}

func announced(t *testing.T, n *Node) int {
	t.Helper()
	count, err := n.Announced(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestAnnounceRoots(t *testing.T) {
	s := newSwarm(t, 3)
	dir := t.TempDir()
	n := s.open(t, Config{Dir: dir})
	root, other := importText(t, n, big(1), false), importText(t, n, big(2), false)
	secret := importText(t, n, strings.NewReader("secret"), true)
	if err := n.Announce(t.Context(), root, other, secret, rawBlock("not here").Cid()); err != nil {
		t.Fatal(err)
	}
	s.awaitProvider(t, root, n)
	s.awaitProvider(t, other, n)
	for what, c := range map[string]cid.Cid{"a leaf": lastOf(t, n, root), "what is private": secret} {
		if ids := s.providers(t, c); len(ids) != 0 {
			t.Errorf("%s is announced by %v", what, ids)
		}
	}
	if err := n.Unannounce(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if got := announced(t, n); got != 1 {
		t.Errorf("%d roots are announced, want 1", got)
	}
	// What is announced survives a restart, and so does what no longer is.
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = s.open(t, Config{Dir: dir})
	if got := announced(t, n); got != 1 {
		t.Errorf("after a restart %d roots are announced, want 1", got)
	}
}

func TestAnnounceOnly(t *testing.T) {
	s := newSwarm(t, 2)
	n := s.open(t, Config{})
	gone, stays, missed := importText(t, n, strings.NewReader("gone"), false), importText(t, n, strings.NewReader("stays"), false), importText(t, n, strings.NewReader("missed"), false)
	secret := importText(t, n, strings.NewReader("secret"), true)
	if err := n.Announce(t.Context(), gone, stays); err != nil {
		t.Fatal(err)
	}
	if err := n.AnnounceOnly(t.Context(), values([]cid.Cid{stays, missed, secret, rawBlock("not here").Cid()})); err != nil {
		t.Fatal(err)
	}
	if got := announced(t, n); got != 2 {
		t.Errorf("%d roots are announced, want 2", got)
	}
	s.awaitProvider(t, missed, n)
	if ids := s.providers(t, secret); len(ids) != 0 {
		t.Errorf("what is private is announced by %v", ids)
	}
	// An error on the way changes nothing.
	broken := func(yield func(cid.Cid, error) bool) {
		if yield(gone, nil) {
			yield(cid.Undef, context.DeadlineExceeded)
		}
	}
	if err := n.AnnounceOnly(t.Context(), broken); err == nil {
		t.Error("AnnounceOnly of a list that breaks off: no error")
	}
	if err := n.AnnounceOnly(t.Context(), values([]cid.Cid{stays})); err != nil {
		t.Fatal(err)
	}
	if got := announced(t, n); got != 1 {
		t.Errorf("then %d roots are announced, want 1", got)
	}
}

func TestAnnounceAll(t *testing.T) {
	s := newSwarm(t, 2)
	n := s.open(t, Config{Announce: "all"})
	root := importText(t, n, big(3), false)
	secret := importText(t, n, big(4), true)
	if err := n.Announce(t.Context(), root, secret); err != nil {
		t.Fatal(err)
	}
	s.awaitProvider(t, lastOf(t, n, root), n)
	// Both files end in the same block, which is public by one of them.
	if got := announced(t, n); got != 3 {
		t.Errorf("%d blocks are announced, want 3", got)
	}
	if err := n.AnnounceOnly(t.Context(), values(nil)); err != nil {
		t.Fatal(err)
	}
	if got := announced(t, n); got != 3 {
		t.Errorf("%d public blocks are announced, want 3", got)
	}
}

func TestAnnounceNone(t *testing.T) {
	s := newSwarm(t, 2)
	n := s.open(t, Config{Announce: "none"})
	root := importText(t, n, strings.NewReader("quiet"), false)
	if err := n.Announce(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if got := announced(t, n); got != 0 {
		t.Errorf("%d roots are announced", got)
	}
	if _, err := os.Stat(filepath.Join(n.cfg.Dir, announceDir)); !os.IsNotExist(err) {
		t.Errorf("a folder for what is announced: %v", err)
	}
}

// What is announced while nobody is there is told when somebody comes.
func TestAnnounceOffline(t *testing.T) {
	n := swarm(nil).open(t, Config{})
	var roots []cid.Cid
	for i := range 20 {
		roots = append(roots, importText(t, n, strings.NewReader(fmt.Sprint("early ", i)), false))
	}
	if err := n.Announce(t.Context(), roots...); err != nil {
		t.Fatal(err)
	}
	s := newSwarm(t, 2)
	if err := n.Connect(t.Context(), s[0].addrs()[0]); err != nil {
		t.Fatal(err)
	}
	for _, root := range roots {
		s.awaitProvider(t, root, n)
	}
}

// The folder can be lost, or be damaged: what it held can be said again.
func TestAnnounceFolderIsDamaged(t *testing.T) {
	s := newSwarm(t, 2)
	dir := t.TempDir()
	n := s.open(t, Config{Dir: dir})
	root := importText(t, n, strings.NewReader("told twice"), false)
	if err := n.Announce(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"meta", "0"} {
		folder := filepath.Join(dir, announceDir, name)
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder, []byte("no folder"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n = s.open(t, Config{Dir: dir})
	if err := n.AnnounceOnly(t.Context(), values([]cid.Cid{root})); err != nil {
		t.Fatal(err)
	}
	if got := announced(t, n); got != 1 {
		t.Errorf("%d roots are announced, want 1", got)
	}
}
