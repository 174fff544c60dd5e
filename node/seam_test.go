package node

// Tests of the host on a block store in memory, where faults can be injected.

import (
	"context"
	"sync"
	"testing"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	format "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

const loopback = "/ip4/127.0.0.1/tcp/0"

// memBlocks is a block store in memory whose reads may fail.
type memBlocks struct {
	blockstore.Blockstore
	mu  sync.Mutex
	bad map[cid.Cid]error // guarded by mu
}

func newMemBlocks(bs ...blocks.Block) *memBlocks {
	m := &memBlocks{
		Blockstore: blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore())),
		bad:        map[cid.Cid]error{},
	}
	if err := m.PutMany(context.Background(), bs); err != nil {
		panic(err)
	}
	return m
}

func (m *memBlocks) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	m.mu.Lock()
	err := m.bad[c]
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return m.Blockstore.Get(ctx, c)
}

func (m *memBlocks) fail(c cid.Cid, err error) {
	m.mu.Lock()
	m.bad[c] = err
	m.mu.Unlock()
}

// newTestHost opens a host on bs; cfg.Dir is made if it is empty.
func newTestHost(t *testing.T, cfg Config, bs *memBlocks) *host {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	h, err := newHost(t.Context(), cfg, bs, bs.local)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.close(); err != nil {
			t.Errorf("close host: %v", err)
		}
	})
	return h
}

func (m *memBlocks) local(ctx context.Context, c cid.Cid) bool {
	ok, err := m.Has(ctx, c)
	return err == nil && ok
}

func rawBlock(s string) blocks.Block {
	mh, err := multihash.Sum([]byte(s), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	b, err := blocks.NewBlockWithCid([]byte(s), cid.NewCidV1(cid.Raw, mh))
	if err != nil {
		panic(err)
	}
	return b
}

func mustLink(b blocks.Block) *format.Link {
	return &format.Link{Size: uint64(len(b.RawData())), Cid: b.Cid()}
}
