package buckets_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

const loopback = "/ip4/127.0.0.1/tcp/0"

// newPinTest is a fixture whose node has a host, and that tries again soon.
func newPinTest(t *testing.T, opt buckets.Options) *fixture {
	t.Helper()
	set := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	set(&opt.Pins.Idle, 200*time.Millisecond)
	set(&opt.Pins.MinBack, 10*time.Millisecond)
	set(&opt.Pins.MaxBack, 100*time.Millisecond)
	f := &fixture{t: t, dir: t.TempDir(), opt: opt, cfg: node.Config{ListenAddrs: []string{loopback}}, metrics: prometheus.NewRegistry()}
	f.open()
	t.Cleanup(func() {
		f.store.heal()
		if err := f.Check(context.Background()); err != nil {
			t.Error(err)
		}
		f.close()
	})
	return f
}

// start runs the jobs until stop is called.
func (f *fixture) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.queue.Run(ctx) }()
	return func() {
		f.t.Helper()
		cancel()
		if err := <-done; err != nil {
			f.t.Error(err)
		}
	}
}

// origin is another node, which may lack part of a DAG.
type origin struct {
	*node.Node
	t   *testing.T
	dir string
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{t: t, dir: t.TempDir()}
	o.open(loopback)
	t.Cleanup(func() { o.Close() })
	return o
}

func (o *origin) open(addr string) {
	o.t.Helper()
	var err error
	if o.Node, err = node.Open(context.Background(), node.Config{Dir: o.dir, ListenAddrs: []string{addr}}); err != nil {
		o.t.Fatal(err)
	}
}

// addr is the address with /p2p/.
func (o *origin) addr() string { return o.Addrs()[0] }

// listens is the address without it.
func (o *origin) listens() string {
	a := o.addr()
	return a[:len(a)-len("/p2p/")-len(o.ID())]
}

func (o *origin) put(blocks ...node.Block) {
	o.t.Helper()
	lease := o.Lease()
	defer lease.Release()
	if err := o.PutBlocks(o.t.Context(), blocks, false); err != nil {
		o.t.Fatal(err)
	}
}

func blockOf(codec uint64, data []byte) node.Block {
	mh, err := multihash.Sum(data, multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return node.Block{Cid: cid.NewCidV1(codec, mh), Data: data}
}

// cborList is a DAG-CBOR list of links.
func cborList(links ...node.Block) node.Block {
	head := func(major byte, n int) []byte {
		if n < 24 {
			return []byte{major<<5 | byte(n)}
		}
		return []byte{major<<5 | 25, byte(n >> 8), byte(n)}
	}
	data := head(4, len(links))
	for _, l := range links {
		raw := append([]byte{0}, l.Cid.Bytes()...)
		data = append(data, 0xd8, 42)
		data = append(data, 0x58, byte(len(raw)))
		data = append(data, raw...)
	}
	return blockOf(cid.DagCBOR, data)
}

// shelves is a DAG that no other test has; its root is the last block.
func shelves(nodes, leaves int) (all []node.Block) {
	var shelf []node.Block
	for range nodes {
		var row []node.Block
		for range leaves {
			row = append(row, blockOf(cid.Raw, []byte(fresh(1000))))
		}
		shelf = append(shelf, cborList(row...))
		all = append(all, row...)
	}
	return append(append(all, shelf...), cborList(shelf...))
}

func rootOf(dag []node.Block) cid.Cid { return dag[len(dag)-1].Cid }

func (f *fixture) pin(owner uint64, r buckets.PinRequest) buckets.Pin {
	f.t.Helper()
	p, err := f.Pin(f.t.Context(), owner, r)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *fixture) pinNow(p buckets.Pin) buckets.Pin {
	f.t.Helper()
	p, err := f.PinByID(f.t.Context(), p.Owner, p.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// awaitPin returns when a pin is in that state.
func (f *fixture) awaitPin(p buckets.Pin, state buckets.PinState) buckets.Pin {
	f.t.Helper()
	f.await(fmt.Sprintf("pin %d %s", p.ID, state), func() bool {
		now := f.pinNow(p)
		if now.State != state && now.State == buckets.PinFailed {
			f.t.Fatalf("pin failed: %+v", now)
		}
		return now.State == state
	})
	return f.pinNow(p)
}

// fetched is how many blocks were fetched for pins.
func (f *fixture) fetched() int {
	f.t.Helper()
	families, err := f.metrics.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "whypfs_pin_fetched_blocks_total" {
			return int(family.GetMetric()[0].GetCounter().GetValue())
		}
	}
	f.t.Fatal("no such metric")
	return 0
}
