package deals_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/node"
)

const recallSize = 24 << 20

// TestRecall reads a content that is at two providers, and each time gone here.
func TestRecall(t *testing.T) {
	m := newMarket(t, 2, deals.Options{})
	req, _ := m.zone(1, 2, recallSize)
	mem := req.Members[0]
	m.until("active deals", 60*time.Second, m.active(1))
	m.refill = func(ctx context.Context, root cid.Cid) (node.Refill, error) {
		if !root.Equals(mem.Root) {
			return nil, node.ErrNotFound
		}
		return m.deals.Recall(ctx, 1, mem.Content, mem.Root, nil)
	}
	data := random(recallSize, mem.Content)
	for _, mode := range []string{"corrupt", "reset", "vanish", "short", "trickle", "no-retrieval"} {
		t.Run(mode, func(t *testing.T) { recallFault(t, m, mem, data, mode) })
		m.fail(m.net.Providers()[0], "none")
	}
	t.Run("range", func(t *testing.T) { recallRange(t, m, mem, data) })
	t.Run("reader leaves", func(t *testing.T) { recallLeft(t, m, mem, data) })
	t.Run("liars", func(t *testing.T) { recallLiars(t, m, mem, data) })
}

// away empties the node; what is counted from now on is in reg.
func (m *market) away() (reg *prometheus.Registry) {
	reg = prometheus.NewRegistry()
	m.opt.Metrics = reg
	m.loseBlocks()
	return reg
}

// read reads part of a content through the node.
func (m *market) read(mem piece.Member, off, n int64) ([]byte, error) {
	f, err := m.node.OpenFile(context.Background(), mem.Root)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return nil, err
	}
	data := make([]byte, n)
	_, err = io.ReadFull(f, data)
	return data, err
}

// A read brings what it needs and a little more, and then the rest if it goes on.
func recallRange(t *testing.T, m *market, mem piece.Member, data []byte) {
	const size, off, n = recallSize, 15<<20 + 17, 1 << 20
	reg := m.away()
	got, err := m.read(mem, off, n)
	if err != nil || !bytes.Equal(got, data[off:off+n]) {
		t.Fatalf("a range of what is gone: %d bytes, %v", len(got), err)
	}
	if used := m.node.Usage().Bytes; used == 0 || used > size/2 {
		t.Errorf("a range of 1 MiB brought %d bytes of %d back", used, size)
	}
	var wg sync.WaitGroup
	for range 4 { // together
		wg.Go(func() {
			if got, err := m.read(mem, 0, size); err != nil || !bytes.Equal(got, data) {
				t.Errorf("the whole: %d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if got := sum(t, reg, "whypfs_deals_restored_bytes_total"); got < size || got > size+size/50 {
		t.Errorf("%.0f bytes were fetched for five readers of %d", got, size)
	}
	if err := m.deals.Restore(t.Context(), 1, mem.Content, mem.Root); err != nil {
		t.Errorf("nothing is left to restore: %v", err)
	}
}

func sum(t *testing.T, reg *prometheus.Registry, name string) (total float64) {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		for _, m := range f.Metric {
			if f.GetName() == name {
				total += m.GetCounter().GetValue()
			}
		}
	}
	return total
}

// Whatever a provider does, the reader gets the right bytes while another one
// is well, and nothing wrong is stored.
func recallFault(t *testing.T, m *market, mem piece.Member, data []byte, mode string) {
	m.away()
	f, err := m.node.OpenFile(t.Context(), mem.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make([]byte, recallSize)
	if _, err := io.ReadFull(f, got[:3<<20]); err != nil {
		t.Fatal(err)
	}
	m.fail(m.net.Providers()[0], mode) // in the middle of it
	if _, err := io.ReadFull(f, got[3<<20:]); err != nil || !bytes.Equal(got, data) {
		t.Errorf("with one of two in mode %s: %v, right bytes: %v", mode, err, bytes.Equal(got, data))
	}
	if s, err := m.node.Scrub(t.Context(), node.ScrubOptions{}); err != nil || s.Blocks == 0 || s.Damaged > 0 {
		t.Errorf("what was stored: %+v, %v", s, err)
	}
}

// If all of them lie the read breaks off, and what came before is right.
func recallLiars(t *testing.T, m *market, mem piece.Member, data []byte) {
	m.away()
	f, err := m.node.OpenFile(t.Context(), mem.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make([]byte, 1<<20)
	if _, err := io.ReadFull(f, got); err != nil {
		t.Fatal(err)
	}
	for _, p := range m.net.Providers() {
		m.fail(p, "corrupt")
	}
	rest, err := io.ReadAll(f)
	if err == nil || errors.Is(err, io.EOF) {
		t.Error("a read from liars ends well")
	}
	if got = append(got, rest...); !bytes.Equal(got, data[:len(got)]) {
		t.Error("wrong bytes were read")
	}
}

// A reader that leaves ends its own fetch, and not a restore of the same content.
func recallLeft(t *testing.T, m *market, mem piece.Member, data []byte) {
	reg := m.away()
	f, err := m.node.OpenFile(t.Context(), mem.Root)
	if err != nil {
		t.Fatal(err)
	}
	if list := m.deals.Retrieving(); len(list) != 1 || list[0].Root != mem.Root || list[0].Users != 1 ||
		list[0].Bytes == 0 || list[0].Total < recallSize || list[0].Total > recallSize+recallSize/50 {
		t.Errorf("what is being brought back is %+v", list)
	}
	restored := make(chan error)
	go func() { restored <- m.deals.Restore(context.Background(), 1, mem.Content, mem.Root) }()
	if _, err := io.CopyN(io.Discard, f, 2<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-restored; err != nil {
		t.Fatalf("a restore beside a reader that left: %v", err)
	}
	if n := sum(t, reg, "whypfs_deals_restored_bytes_total"); n < recallSize {
		t.Errorf("%.0f bytes came back of %d", n, recallSize)
	}
	if list := m.deals.Retrieving(); len(list) > 0 {
		t.Errorf("still being brought back: %+v", list)
	}
	m.checkContent(mem, data)
}
