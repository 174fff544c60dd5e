package node

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	libp2pswarm "github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
)

// originStore is the store of a foreign peer, which counts what it serves.
type originStore struct {
	*memBlocks
	mu     sync.Mutex
	served map[cid.Cid]int
	total  int
	gate   func(total int) // called, if not nil, before each block
}

func newOriginStore(t *testing.T, bs ...Block) *originStore {
	s := &originStore{memBlocks: newMemBlocks(), served: map[cid.Cid]int{}}
	for _, b := range bs {
		block, err := blocks.NewBlockWithCid(b.Data, b.Cid)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), block); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *originStore) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	s.mu.Lock()
	s.served[c]++
	s.total++
	gate, total := s.gate, s.total
	s.mu.Unlock()
	if gate != nil {
		gate(total)
	}
	return s.memBlocks.Get(ctx, c)
}

// open opens a host on the store and returns its address.
func (s *originStore) open(t *testing.T, cfg Config) (h *host, addr string) {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.ListenAddrs == nil {
		cfg.ListenAddrs = []string{loopback}
	}
	h, err := newHost(t.Context(), cfg, s, s.local)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.close() })
	return h, h.addrs()[0]
}

// Without anybody to ask a fetch ends at once, and says who did not answer.
func TestFetchFromNobody(t *testing.T) {
	root, all := shelves(t, 2, 2)
	h, addr := newOriginStore(t, all...).open(t, Config{})
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	n := newFetcher(t, "")
	_, err := n.FetchDAG(t.Context(), root, FetchOptions{Origins: []string{addr}})
	if !errors.Is(err, ErrNoSource) {
		t.Errorf("fetch from a dead origin: %v, want ErrNoSource", err)
	}
	if _, err := n.FetchDAG(t.Context(), root, FetchOptions{Idle: 50 * time.Millisecond}); !errors.Is(err, ErrStalled) {
		t.Errorf("fetch without origins: %v, want ErrStalled", err)
	}
	if _, err := n.FetchDAG(t.Context(), root, FetchOptions{Origins: []string{n.Addrs()[0]}}); !errors.Is(err, ErrNoSource) {
		t.Errorf("fetch from oneself: %v, want ErrNoSource", err)
	}
	for _, bad := range []string{"", "/ip4/127.0.0.1/tcp/1", "http://x"} {
		if CheckPeerAddrs([]string{bad}) == nil {
			t.Errorf("%q is taken for a peer's address", bad)
		}
	}
	if got := n.host.p2p.Network().Peers(); len(got) != 0 {
		t.Errorf("connected to %v", got)
	}
}

// Who has the data and cannot be dialled has a while to connect himself.
func TestFetchWaitsForOrigin(t *testing.T) {
	root, all := shelves(t, 2, 2)
	h, _ := newOriginStore(t, all...).open(t, Config{})
	origin := "/ip4/127.0.0.1/tcp/1/p2p/" + h.p2p.ID().String()
	n := newFetcher(t, "")
	done := make(chan error, 1)
	go func() {
		_, err := n.FetchDAG(t.Context(), root, FetchOptions{Origins: []string{origin}, Grace: time.Minute})
		done <- err
	}()
	backoff := n.host.p2p.Network().(*libp2pswarm.Swarm).Backoff()
	for !backoff.Backoff(h.p2p.ID(), multiaddr.StringCast("/ip4/127.0.0.1/tcp/1")) { // until the dial has failed
		time.Sleep(time.Millisecond)
	}
	infos, err := parsePeers("node", n.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.p2p.Connect(t.Context(), infos[0]); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the fetch does not go on")
	}
	mustMeasure(t, n, root, len(all))
	// If nobody comes it is over then.
	other, _ := shelves(t, 1, 2)
	alone := newFetcher(t, "")
	if _, err := alone.FetchDAG(t.Context(), other, FetchOptions{Origins: []string{origin}, Grace: time.Millisecond}); !errors.Is(err, ErrNoSource) {
		t.Errorf("without anybody: %v, want ErrNoSource", err)
	}
}

// An origin that goes away in the middle, and comes back, is dialled again.
func TestFetchOriginComesBack(t *testing.T) {
	root, all := shelves(t, 20, 20)
	store := newOriginStore(t, all...)
	dir, gone := t.TempDir(), make(chan struct{})
	h, addr := store.open(t, Config{Dir: dir})
	var once sync.Once
	store.gate = func(total int) {
		if total > len(all)/2 {
			once.Do(func() { close(gone) })
		}
	}
	n := newFetcher(t, "")
	done := make(chan error, 1)
	go func() {
		_, err := n.FetchDAG(t.Context(), root, FetchOptions{Origins: []string{addr}})
		done <- err
	}()
	<-gone
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		t.Fatalf("the fetch ended: %v", err)
	default:
	}
	store.open(t, Config{Dir: dir, ListenAddrs: []string{addr[:len(addr)-len("/p2p/")-len(h.p2p.ID().String())]}})
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the fetch does not go on")
	}
	mustMeasure(t, n, root, len(all))
}

// What nobody sends is not taken: a peer that answers with other bytes stalls the fetch.
func TestFetchFromLiar(t *testing.T) {
	leaf := rawOf(t, "leaf")
	root := cborOf(t, leaf.Cid)
	store := newOriginStore(t, root)
	lie, err := blocks.NewBlockWithCid([]byte("lies"), leaf.Cid)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), lie); err != nil {
		t.Fatal(err)
	}
	_, addr := store.open(t, Config{})
	n := newFetcher(t, "")
	_, err = n.FetchDAG(t.Context(), root.Cid, FetchOptions{Origins: []string{addr}, Idle: 500 * time.Millisecond})
	if !errors.Is(err, ErrStalled) {
		t.Errorf("fetch from a liar: %v, want ErrStalled", err)
	}
	if _, ok := n.HasBlock(t.Context(), leaf.Cid); ok {
		t.Error("a block was stored that nobody has")
	}
	if _, _, err := n.Measure(t.Context(), root.Cid); !errors.Is(err, ErrNotFound) {
		t.Errorf("measure: %v", err)
	}
}
