package buckets_test

import (
	"context"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// newPeer is another node.
func newPeer(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	cfg.Dir, cfg.ListenAddrs = t.TempDir(), []string{loopback}
	n, err := node.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// newAnnouncing is a fixture whose node announces in a private DHT, of which a
// server's address is returned.
func newAnnouncing(t *testing.T) (f *fixture, dht []string) {
	t.Helper()
	dht = newPeer(t, node.Config{DHT: "server", Announce: "none"}).Addrs()
	cfg := node.Config{ListenAddrs: []string{loopback}, DHT: "client", Bootstrap: dht}
	return newTestOn(t, cfg, buckets.Options{Policy: buckets.Policy{Publish: true}, Announce: true}), dht
}

// announce runs the announcer until the returned function stops it.
func (f *fixture) announce() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.RunAnnouncer(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Error(err)
		}
	}
}

func (f *fixture) awaitAnnounced(what string, want int) {
	f.t.Helper()
	got, deadline := -1, time.Now().Add(20*time.Second)
	for ; got != want; time.Sleep(5 * time.Millisecond) { // the announcer says nothing when it is done
		var err error
		if got, err = f.node.Announced(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: %d roots are announced, want %d", what, got, want)
		}
	}
}

func fetches(t *testing.T, n *node.Node, root cid.Cid, limit time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return n.Fetch(ctx, root, true)
}

// What is published is announced, found by a stranger, and announced no longer
// once nothing published names it; a restart says what a crash has lost.
func TestAnnouncer(t *testing.T) {
	f, dht := newAnnouncing(t)
	open, shut := f.bucket("open"), f.bucket("shut")
	shut, err := f.SetPolicy(t.Context(), "shut", func(p *buckets.Policy) { p.Publish = false })
	if err != nil {
		t.Fatal(err)
	}
	early := f.put(open, "early", "put before the announcer runs").CID
	stop := f.announce()
	f.awaitAnnounced("from the start", 1)
	f.put(open, "a", "the first")
	f.put(open, "b", "the first") // the same root
	f.put(open, "c", "the second")
	f.put(shut, "d", "the second")
	f.put(shut, "e", "secret")
	f.awaitAnnounced("after some puts", 3)
	if err := fetches(t, newPeer(t, node.Config{DHT: "client", Bootstrap: dht}), early, 20*time.Second); err != nil {
		t.Errorf("a stranger does not find what is announced: %v", err)
	}
	f.delete(open, "a")
	f.delete(open, "c")
	f.awaitAnnounced("after deletes", 2)
	root := f.tree(open)
	f.tree(shut)
	f.awaitAnnounced("with a public tree and a private one", 3)
	if published, err := f.Published(t.Context(), root); !published || err != nil {
		t.Errorf("Published of a tree = %v, %v", published, err)
	}
	f.put(open, "a", "the fifth")
	next := f.tree(open)
	f.awaitAnnounced("with one object more", 4)
	for c, want := range map[cid.Cid]bool{root: false, next: true} {
		if published, err := f.Published(t.Context(), c); published != want || err != nil {
			t.Errorf("Published of a tree and the one before = %v, %v, want %v", published, err, want)
		}
	}
	wantErr(t, "ForgetTree", f.ForgetTree(t.Context(), open), nil)
	f.awaitAnnounced("without trees", 3)
	f.tree(open)
	f.delete(open, "a")
	f.awaitAnnounced("with a tree again, and an object less", 3)
	stop()

	f.delete(open, "b") // as if a crash came before the announcer heard of it
	f.put(open, "f", "the third")
	f.put(open, "g", "the fourth")
	f.reopen()
	stop = f.announce()
	defer stop()
	f.awaitAnnounced("after a restart", 4) // the tree is still of the time before
}
