package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// asKept is a node as a peer to stay connected to.
func asKept(t *testing.T, n *Node) KeptPeer {
	t.Helper()
	a, err := multiaddr.NewMultiaddr(n.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	transport, id := peer.SplitAddr(a)
	return KeptPeer{ID: id.String(), Addrs: []string{transport.String()}}
}

func toldPeering(n *Node) string {
	list, on := n.Peering()
	return fmt.Sprint(list, on)
}

// What is added while the node runs is kept connected, over a restart too,
// until it is removed.
func TestPeering(t *testing.T) {
	open := func(dir string) *Node {
		return newTestNode(t, Config{Dir: dir, ListenAddrs: []string{loopback}})
	}
	dir := t.TempDir()
	a, b := open(dir), open(t.TempDir())
	p := asKept(t, b)
	id, err := peer.Decode(p.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := toldPeering(a); got != "[] true" {
		t.Errorf("peering at the beginning: %s", got)
	}
	own := asKept(t, a)
	if err := a.AddPeering(p, own); err != nil {
		t.Fatal(err)
	}
	awaitConnected(t, a.host, id, network.Connected)
	p.Connected = true
	want := fmt.Sprint([]KeptPeer{p}, true)
	if got := toldPeering(a); got != want {
		t.Errorf("peering %s, want %s", got, want)
	}
	if !a.host.p2p.ConnManager().IsProtected(id, "") {
		t.Error("the connection may be trimmed")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(dir)
	awaitConnected(t, a.host, id, network.Connected)
	if got := toldPeering(a); got != want {
		t.Errorf("peering after a restart %s, want %s", got, want)
	}
	if err := a.RemovePeering(p.ID, own.ID); err != nil {
		t.Fatal(err)
	}
	if got := toldPeering(a); got != "[] true" || a.host.p2p.ConnManager().IsProtected(id, "") {
		t.Errorf("peering after the removal %s", got)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := toldPeering(open(dir)); got != "[] true" {
		t.Errorf("peering after the removal and a restart %s", got)
	}
}

// Switched off nobody is dialled, switched on again all are.
func TestSwitchPeering(t *testing.T) {
	dir := t.TempDir()
	b := newTestNode(t, Config{Dir: dir, ListenAddrs: []string{loopback}})
	p := asKept(t, b)
	id, _ := peer.Decode(p.ID)
	a := newTestNode(t, Config{ListenAddrs: []string{loopback}, Peering: b.Addrs()[:1]})
	awaitConnected(t, a.host, id, network.Connected)
	for range 2 { // the second time it is off already
		if err := a.SwitchPeering(false); err != nil {
			t.Fatal(err)
		}
	}
	if list, on := a.Peering(); on || len(list) != 1 || a.host.p2p.ConnManager().IsProtected(id, "") {
		t.Errorf("switched off: %v, %v", list, on)
	}
	if err := a.host.p2p.Network().ClosePeer(id); err != nil {
		t.Fatal(err)
	}
	if err := a.AddPeering(p); err != nil { // which dials nobody now
		t.Fatal(err)
	}
	if err := a.SwitchPeering(true); err != nil {
		t.Fatal(err)
	}
	awaitConnected(t, a.host, id, network.Connected)
}

// What names no peer is refused, and nothing of its list is taken.
func TestPeeringRefused(t *testing.T) {
	a, b := newTestNode(t, Config{ListenAddrs: []string{loopback}}), newTestNode(t, Config{ListenAddrs: []string{loopback}})
	good := asKept(t, b)
	for _, bad := range []KeptPeer{{ID: "nobody"}, {}, {ID: good.ID, Addrs: []string{"localhost:4001"}}, {ID: good.ID, Addrs: []string{a.Addrs()[0]}},
		{ID: good.ID, Addrs: []string{"/p2p/" + good.ID}},
		// The next start could not read these.
		{ID: good.ID, Addrs: []string{"/dns4/a name/tcp/4001"}}, {ID: good.ID, Addrs: []string{"/dns4/name\n/tcp/4001"}}, {ID: good.ID, Addrs: []string{"/unix/run/socket"}}} {
		if err := a.AddPeering(good, bad); !errors.Is(err, ErrBadPeer) {
			t.Errorf("AddPeering(%v) = %v, want ErrBadPeer", bad, err)
		}
	}
	if err := a.RemovePeering(good.ID, "nobody"); !errors.Is(err, ErrBadPeer) {
		t.Errorf("RemovePeering of nobody = %v, want ErrBadPeer", err)
	}
	if got := toldPeering(a); got != "[] true" {
		t.Errorf("peering %s", got)
	}
	if err := a.AddPeering(KeptPeer{ID: good.ID, Addrs: b.Addrs()[:1]}); err != nil {
		t.Errorf("an address with the peer's own /p2p/: %v", err)
	}
	none := newTestNode(t, Config{})
	for _, err := range []error{none.AddPeering(good), none.RemovePeering(good.ID), none.SwitchPeering(false)} {
		if !errors.Is(err, ErrNoHost) {
			t.Errorf("without a host: %v, want ErrNoHost", err)
		}
	}
	if got := toldPeering(none); got != "[] false" {
		t.Errorf("peering without a host %s", got)
	}
}

// A file that somebody spoilt ends the start, which says where it is.
func TestPeeringFileSpoilt(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, keeperFile), []byte("nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Config{Dir: dir, ListenAddrs: []string{loopback}})
	if err == nil {
		n.Close()
	}
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, keeperFile)) {
		t.Errorf("Open = %v, want an error that names the file", err)
	}
}
