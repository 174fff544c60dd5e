package deals_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// A world is a node with its stores and deals, as cmd would wire them.
type world struct {
	t    testing.TB
	dir  string
	opt  deals.Options
	host bool // the node has a libp2p host

	routers   []string                            // that the node asks
	published func(context.Context, cid.Cid) bool // nil: everything is

	// refill is the node's; nil: it has none.
	refill func(ctx context.Context, root cid.Cid) (node.Refill, error)

	store kv.Store
	node  *node.Node
	box   *seal.Box
	queue *queue.Queue
	deals *deals.Deals
	ready func() // called after open, before jobs can run
}

func newWorld(t testing.TB, opt deals.Options) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), opt: opt}
	w.open()
	t.Cleanup(w.close)
	return w
}

func (w *world) open() {
	w.t.Helper()
	ctx := context.Background()
	var err error
	if w.store, err = kv.OpenBolt(ctx, filepath.Join(w.dir, "meta.db"), kv.BoltOptions{}); err != nil {
		w.t.Fatal(err)
	}
	cfg := node.Config{Dir: filepath.Join(w.dir, "node"), Refill: w.refill, Routers: w.routers, Published: w.published}
	if w.host {
		cfg.ListenAddrs = []string{"/ip4/127.0.0.1/tcp/0"}
	}
	if w.node, err = node.Open(ctx, cfg); err != nil {
		w.t.Fatal(err)
	}
	box, err := seal.Open(filepath.Join(w.dir, "key"))
	if err != nil {
		w.t.Fatal(err)
	}
	if w.opt.Log == nil && testing.Verbose() {
		w.opt.Log = slog.New(slog.NewTextHandler(w.t.Output(), nil))
	}
	w.box = box
	w.over(w.store)
	if w.ready != nil {
		w.ready()
	}
}

// over makes new deals over store, a view of the world's own.
func (w *world) over(store kv.Store) {
	w.queue = queue.New(w.store, queue.Options{Log: w.opt.Log})
	w.deals = deals.New(store, w.node, w.queue, w.box, w.opt)
}

func (w *world) close() {
	if err := w.node.Close(); err != nil {
		w.t.Error(err)
	}
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

// restart closes everything and opens it again.
func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

func random(n int, seed uint64) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	out := make([]byte, n)
	rand.NewChaCha8(key).Read(out)
	return out
}

// add stores data as a content.
func (w *world) add(id uint64, data []byte) piece.Member {
	w.t.Helper()
	lease := w.node.Lease()
	defer lease.Release()
	f, err := w.node.Import(context.Background(), bytes.NewReader(data), node.ImportOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return piece.Member{Content: id, Root: f.Root, Size: f.Size}
}

// endpoints are the chain's, without tokens.
func endpoints(urls ...string) (list []chain.Endpoint) {
	for _, u := range urls {
		list = append(list, chain.NewEndpoint(u, ""))
	}
	return list
}

// configs is the operator's list of providers.
func configs(t testing.TB, words ...string) []deals.ProviderConfig {
	t.Helper()
	list, err := deals.ParseProviders(words)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (w *world) pack(req piece.PackRequest) []piece.Piece {
	w.t.Helper()
	pieces, err := w.deals.Pack(context.Background(), req)
	if err != nil {
		w.t.Fatal(err)
	}
	return pieces
}

// bytes reads a whole piece.
func (w *world) bytes(piece string) []byte {
	w.t.Helper()
	r, size, err := w.deals.OpenPiece(context.Background(), piece)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	if int64(len(data)) != size {
		w.t.Fatalf("piece %s has %d bytes, announced %d", piece, len(data), size)
	}
	return data
}
