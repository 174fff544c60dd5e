package deals_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

var errDead = errors.New("the process is dead")

// mortal is the store of a process that dies at a write: from then on nothing
// is read or written any more, as if it had been killed.
type mortal struct {
	kv.Store
	at      int64 // the write at which it dies, counted from 1; 0: never
	applied bool  // that write took effect
	writes  atomic.Int64
	dead    chan struct{}
}

func newMortal(store kv.Store, at int64, applied bool) *mortal {
	return &mortal{Store: store, at: at, applied: applied, dead: make(chan struct{})}
}

func (s *mortal) gone() bool {
	select {
	case <-s.dead:
		return true
	default:
		return false
	}
}

func (s *mortal) View(ctx context.Context, fn func(kv.Tx) error) error {
	if s.gone() {
		return errDead
	}
	return s.Store.View(ctx, fn)
}

func (s *mortal) Update(ctx context.Context, fn func(kv.Tx) error) error {
	n := s.writes.Add(1)
	switch {
	case s.gone() || s.at != 0 && n > s.at:
		return errDead
	case n == s.at:
		defer close(s.dead)
		if !s.applied {
			return errDead
		}
		if err := s.Store.Update(ctx, fn); err != nil {
			return err
		}
		return errDead
	}
	return s.Store.Update(ctx, fn)
}

// lifeWrites is more than a zone's life takes, from packing it until its deals
// are active. A death that comes too late to happen tests nothing, and passes.
const lifeWrites = 30

// TestKilledAtEveryWrite: a process that dies before or after any write of a
// deal's life leaves what its successor makes two active deals of, and no
// provider has taken more than one. Every third write is tried, another third
// with each engine; all of them with WHYPFS_KILL=all.
func TestKilledAtEveryWrite(t *testing.T) {
	every := int64(3)
	switch {
	case os.Getenv("WHYPFS_KILL") == "all":
		every = 1
	case raced:
		every = 9
	}
	for i, engine := range []string{"libp2p", "http", "offline"} {
		for at := int64(i) + 1; at <= lifeWrites; at += every {
			for _, applied := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/applied=%v", engine, at, applied), func(t *testing.T) { killed(t, engine, at, applied) })
			}
		}
	}
}

// killed has a deal's life end at a write and go on in another process.
func killed(t *testing.T, engine string, at int64, applied bool) {
	t.Parallel()
	const replicas = 2
	m := openMarket(t, 4, deals.Options{})
	m.fund()
	m.stop()
	m.opt.Providers = configs(t, m.engineList(engine)...)
	m.world.restart()
	m.stop()
	watcher := m.deals
	mortal := newMortal(m.store, at, applied)
	m.overAll(mortal)
	m.start()
	req := piece.PackRequest{Zone: 1, Replication: replicas, Members: []piece.Member{m.add(1, random(1<<20, 1))}}
	_, err := m.deals.Pack(t.Context(), req)
	if err == nil {
		err = m.deals.Start(t.Context(), 1)
	}
	if err != nil && !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	m.until("death, or all deals active", 30*time.Second, func() bool {
		wanted, active, _, err := watcher.Progress(t.Context(), 1)
		return mortal.gone() || err == nil && wanted > 0 && active == wanted
	})
	m.restart()
	m.pack(req)
	if err := m.deals.Start(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	m.until("all deals active", 60*time.Second, m.active(1))
	m.checkDistinct(1)
	taken := 0
	for _, p := range m.net.Snapshot().Providers {
		for _, d := range p.Deals {
			if d.Step != "failed" {
				taken++
			}
		}
	}
	if n := m.count(1, deals.DealActive); n != replicas || taken != replicas {
		t.Errorf("%d deals are active and providers took %d, want %d of each\n%s", n, taken, replicas, m.dump())
	}
}

// engineList is the operator's list for providers that are reached in one way.
func (m *market) engineList(engine string) (list []string) {
	for _, p := range m.net.Snapshot().Providers {
		switch engine {
		case "libp2p":
			list = append(list, p.Address)
		case "http":
			if p.Dialect == "curio" {
				list = append(list, p.Address, "http="+p.HTTP)
			}
		case "offline":
			if err := m.net.SetAutoImport(p.Address, true); err != nil {
				m.t.Fatal(err)
			}
			list = append(list, p.Address, "engine=offline")
		}
	}
	return list
}

// overAll makes new deals and a new queue over store.
func (w *world) overAll(store kv.Store) {
	w.queue = queue.New(store, queue.Options{Log: w.opt.Log})
	w.deals = deals.New(store, w.node, w.queue, w.box, w.opt)
}
