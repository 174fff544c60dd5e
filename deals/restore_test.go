package deals_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/retrieve"
)

// loseBlocks empties the node, as a new machine with old metadata would find it.
func (m *market) loseBlocks() {
	m.t.Helper()
	m.stop()
	m.close()
	if err := os.RemoveAll(filepath.Join(m.dir, "node")); err != nil {
		m.t.Fatal(err)
	}
	m.open()
}

// checkContent reads a content from the node and compares it.
func (m *market) checkContent(mem piece.Member, want []byte) {
	m.t.Helper()
	f, err := m.node.OpenFile(context.Background(), mem.Root)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(got, want) {
		m.t.Errorf("content %d: %d bytes, %v; want %d", mem.Content, len(got), err, len(want))
	}
}

func TestRestore(t *testing.T) {
	m := newMarket(t, 4, deals.Options{})
	ctx := t.Context()
	sizes := []int{2<<20 + 1, 100, 0, 1<<20 + 9}
	req, pieces := m.zone(1, 3, sizes...)
	// A content that shares blocks with others has them in several places.
	shared := append(random(2<<20+1, 1000)[:1<<20], random(1<<20+9, 1003)...)
	req2 := piece.PackRequest{Zone: 2, Bucket: "b", Replication: 3, MaxPiece: 64 << 20, Members: []piece.Member{
		m.add(2000, random(1<<20, 9)), m.add(2001, shared), m.add(2002, append(random(1<<20, 9), shared...))}}
	m.pack(req2)
	if err := m.deals.Start(ctx, 2); err != nil {
		t.Fatal(err)
	}
	m.until("active deals", 40*time.Second, func() bool { return m.active(1)() && m.active(2)() })
	before := m.bytes(pieces[0].CID)
	m.loseBlocks()

	// Two of three replicas are no good: one is gone, one lies about the bytes.
	list := m.list(1)
	m.fail(list[0].Provider, "vanish")
	m.fail(list[1].Provider, "corrupt")
	for i, mem := range req.Members {
		if err := m.deals.Restore(ctx, 1, mem.Content, mem.Root); err != nil {
			t.Fatal(err)
		}
		m.checkContent(mem, random(sizes[i], 1000+uint64(i)))
	}
	for i, want := range [][]byte{random(1<<20, 9), shared, append(random(1<<20, 9), shared...)} {
		mem := req2.Members[i]
		if err := m.deals.Restore(ctx, 2, mem.Content, mem.Root); err != nil {
			t.Fatal(err)
		}
		m.checkContent(mem, want)
	}
	if after := m.bytes(pieces[0].CID); !bytes.Equal(after, before) {
		t.Error("piece bytes changed")
	}
}

// A piece whose blocks are gone is served out of its replicas.
func TestPieceOfLostBlocks(t *testing.T) {
	m := newMarket(t, 2, deals.Options{})
	_, pieces := m.zone(1, 2, 2<<20, 500)
	m.until("active deals", 40*time.Second, m.active(1))
	before := m.bytes(pieces[0].CID)
	m.loseBlocks()
	m.fail(m.list(1)[0].Provider, "corrupt")
	if after := m.bytes(pieces[0].CID); !bytes.Equal(after, before) {
		t.Error("piece bytes changed")
	}
}

func TestRestoreFails(t *testing.T) {
	m := newMarket(t, 3, deals.Options{})
	ctx := t.Context()
	req, pieces := m.zone(1, 3, 2<<20)
	m.until("active deals", 40*time.Second, m.active(1))
	m.loseBlocks()
	for i, mode := range []string{"vanish", "corrupt", "corrupt"} {
		m.fail(m.list(1)[i].Provider, mode)
	}
	mem := req.Members[0]
	err := m.deals.Restore(ctx, 1, mem.Content, mem.Root)
	if !errors.Is(err, retrieve.ErrNoReplica) {
		t.Fatalf("restore from bad replicas: %v, want %v", err, retrieve.ErrNoReplica)
	}
	for _, d := range m.list(1) {
		if d.State == deals.DealActive && !strings.Contains(err.Error(), d.Provider+": ") {
			t.Errorf("no reason of %s in %q", d.Provider, err)
		}
	}
	if _, ok := m.node.HasBlock(ctx, mem.Root); ok {
		t.Error("a block was taken from a liar")
	}
	r, _, err := m.deals.OpenPiece(ctx, pieces[0].CID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, retrieve.ErrNoReplica) {
		t.Errorf("reading the piece: %v, want %v", err, retrieve.ErrNoReplica)
	}
	if err := m.deals.Restore(ctx, 1, 77, cid.MustParse("bafkqaaa")); !errors.Is(err, piece.ErrNoPiece) {
		t.Errorf("restore of a stranger: %v, want %v", err, piece.ErrNoPiece)
	}
}
