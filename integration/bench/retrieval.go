package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
	"golang.org/x/sync/errgroup"
)

const (
	recallSize    = 1 << 30 // bytes brought back in a round, if the zone has as many
	recallReplica = 6
	recallZone    = 1
)

// retrieval measures how fast contents come back whose blocks are all gone,
// from six providers of the sandbox on the same processors.
func (d *dealRun) retrieval(ctx context.Context) error {
	members := d.large[:min(len(d.large), recallSize/(64<<20))]
	m := &recallMarket{dir: filepath.Join(d.dir, "retrieval")}
	defer m.close()
	if err := m.open(ctx, d.node); err != nil {
		return err
	}
	if err := m.deal(ctx, members); err != nil {
		return err
	}
	var size int64
	for _, c := range members {
		size += c.Size
	}
	return d.measure(fmt.Sprintf("retrieval of %d objects of 64 MiB, gone here, from %d providers", len(members), recallReplica), size, func(round int) error {
		empty, err := node.Open(ctx, node.Config{Dir: filepath.Join(m.dir, fmt.Sprint("empty", round)),
			DHT: "off", ListenAddrs: []string{"/ip4/127.0.0.1/tcp/0"}})
		if err != nil {
			return err
		}
		lost := m.over(empty)
		for _, c := range members {
			if err = lost.Restore(ctx, recallZone, c.Content, c.Root); err != nil {
				break
			}
		}
		return errors.Join(err, empty.Close())
	})
}

// recallMarket is a sandbox, and deals with it.
type recallMarket struct {
	dir   string
	net   *sandbox.Network
	store kv.Store
	box   *seal.Box
	full  *node.Node // that has the blocks
	opt   deals.Options
	web   *httptest.Server
}

func (m *recallMarket) open(ctx context.Context, full *node.Node) (err error) {
	m.full = full
	if m.net, err = sandbox.Open(ctx, sandbox.Options{Dir: filepath.Join(m.dir, "net"), Providers: recallReplica, Epoch: 100 * time.Millisecond,
		ShareVerified: true}); err != nil {
		return err
	}
	if m.store, err = kv.OpenPebble(ctx, filepath.Join(m.dir, "meta"), kv.PebbleOptions{}); err != nil {
		return err
	}
	if m.box, err = seal.Open(filepath.Join(m.dir, "key")); err != nil {
		return err
	}
	providers, err := deals.ParseProviders(m.net.Providers())
	if err != nil {
		return err
	}
	m.web = httptest.NewUnstartedServer(nil)
	m.opt = deals.Options{RPC: []chain.Endpoint{chain.NewEndpoint(m.net.RPC(), "")}, Poll: 100 * time.Millisecond,
		Providers: providers, PieceURL: "http://" + m.web.Listener.Addr().String()}
	return nil
}

// over is deals whose blocks are in a node.
func (m *recallMarket) over(n *node.Node) *deals.Deals {
	return deals.New(m.store, n, queue.New(m.store, queue.Options{}), m.box, m.opt)
}

// deal has the contents stored with all providers.
func (m *recallMarket) deal(ctx context.Context, members []piece.Member) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := queue.New(m.store, queue.Options{})
	d := deals.New(m.store, m.full, q, m.box, m.opt)
	m.web.Config.Handler = http.Handler(d.PieceHandler())
	m.web.Start()
	address, err := d.Address(ctx)
	if err != nil {
		return err
	}
	if err := m.net.Fund(address); err != nil {
		return err
	}
	if _, err := d.Pack(ctx, piece.PackRequest{Zone: recallZone, Replication: recallReplica, Members: members}); err != nil {
		return err
	}
	if err := d.Start(ctx, recallZone); err != nil {
		return err
	}
	g, run := errgroup.WithContext(ctx)
	for _, work := range []func(context.Context) error{m.net.Run, q.Run, d.Run} {
		g.Go(func() error { return work(run) })
	}
	err = untilActive(run, d)
	cancel()
	return errors.Join(err, g.Wait())
}

// untilActive waits for all deals of the zone.
func untilActive(ctx context.Context, d *deals.Deals) error {
	deadline := time.After(5 * time.Minute)
	for {
		wanted, active, reason, err := d.Progress(ctx, recallZone)
		if err != nil || active == wanted {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-deadline:
			return fmt.Errorf("%d of %d deals are active: %s", active, wanted, reason)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *recallMarket) close() {
	if m.web != nil {
		m.web.Close()
	}
	if m.store != nil {
		m.store.Close()
	}
	if m.net != nil {
		m.net.Close()
	}
}
