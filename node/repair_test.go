package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A hurt store is a closed one whose file has a damaged leaf.
type hurt struct {
	dir  string
	file File
	data []byte
	leaf Block
}

func newHurt(t *testing.T, private bool) hurt {
	t.Helper()
	h := hurt{dir: t.TempDir(), data: mustRead(t, keystream(3<<20, t.Name()))}
	n, err := Open(t.Context(), Config{Dir: h.dir})
	if err != nil {
		t.Fatal(err)
	}
	h.file = mustImport(t, n, h.data, ImportOptions{Private: private})
	err = n.Walk(t.Context(), h.file.Root, func(c cid.Cid, _ int) (err error) {
		if h.leaf.Cid = c; c.Type() == cid.Raw {
			h.leaf.Data, err = n.Block(t.Context(), c)
		}
		return err
	})
	if err := errors.Join(err, n.Close()); err != nil {
		t.Fatal(err)
	}
	spoil(t, h.dir, h.leaf.Data[500_000:])
	return h
}

func (h hurt) read(t testing.TB, n *Node) ([]byte, error) {
	t.Helper()
	r, err := n.OpenFile(t.Context(), h.file.Root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// A logLines counts lines with a text.
type logLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func repairs(n *Node, result string) float64 {
	return testutil.ToFloat64(n.repairs.ended.WithLabelValues(result))
}

// Readers that meet a damaged block get the right bytes, of one repair.
func TestDamagedLeafIsRestored(t *testing.T) {
	h := newHurt(t, false)
	var n *Node
	var calls atomic.Int32
	lines := &logLines{}
	reg := prometheus.NewPedanticRegistry()
	n = newTestNode(t, Config{
		Dir: h.dir, Log: slog.New(slog.NewTextHandler(lines, nil)), Metrics: reg,
		Restore: func(ctx context.Context, root cid.Cid) error {
			calls.Add(1)
			if !root.Equals(h.file.Root) {
				t.Errorf("Restore of %s, want %s", root, h.file.Root)
			}
			return n.PutBlocks(ctx, []Block{h.leaf}, false)
		},
	})
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			if got, err := h.read(t, n); err != nil || !bytes.Equal(got, h.data) {
				t.Errorf("read %d bytes, %v; want the file", len(got), err)
			}
		})
	}
	readers.Wait()
	if got := calls.Load(); got != 1 {
		t.Errorf("Restore was called %d times, want once", got)
	}
	if got := repairs(n, repairRestored); got != 1 {
		t.Errorf("%v blocks restored, want 1", got)
	}
	if got := lines.count("block is damaged"); got != 1 {
		t.Errorf("%d lines tell of the damage, want 1", got)
	}
	if n.repairs.count() != 0 {
		t.Error("a repair that is done still waits")
	}
	if got, err := testutil.GatherAndCount(reg, "whypfs_blocks_damaged_total", "whypfs_repairs_waiting"); err != nil || got != 2 {
		t.Errorf("metrics: %d, %v; want 2", got, err)
	}
	checkReader(t, n, h.file.Root, h.data)
}

// Without anybody who has the block, the reader gets an error, before any wrong byte.
func TestDamagedLeafIsAnError(t *testing.T) {
	h := newHurt(t, false)
	n := newTestNode(t, Config{Dir: h.dir})
	for range 2 {
		got, err := h.read(t, n)
		if !errors.Is(err, ErrDamaged) || !bytes.HasPrefix(h.data, got) || len(got) >= len(h.data) {
			t.Errorf("read %d bytes, %v; want the right ones up to %v", len(got), err, ErrDamaged)
		}
	}
	if n.repairs.count() != 1 {
		t.Errorf("%d repairs wait, want 1", n.repairs.count())
	}
}

func TestDamagedLeafComesFromAPeer(t *testing.T) {
	h := newHurt(t, false)
	peer := newTestNode(t, Config{ListenAddrs: []string{loopback}})
	mustImport(t, peer, h.data, ImportOptions{})
	n := newTestNode(t, Config{Dir: h.dir, ListenAddrs: []string{loopback}})
	if err := n.Connect(t.Context(), peer.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	if got, err := h.read(t, n); err != nil || !bytes.Equal(got, h.data) {
		t.Errorf("read %d bytes, %v; want the file", len(got), err)
	}
	if got := repairs(n, repairFetched); got != 1 {
		t.Errorf("%v blocks fetched, want 1", got)
	}
}

// To ask peers for a private block would tell them of it.
func TestPrivateDamageIsNotToldToPeers(t *testing.T) {
	h := newHurt(t, true)
	peer := newTestNode(t, Config{ListenAddrs: []string{loopback}})
	mustImport(t, peer, h.data, ImportOptions{})
	n := newTestNode(t, Config{Dir: h.dir, ListenAddrs: []string{loopback},
		Published: func(context.Context, cid.Cid) bool { return false }})
	if err := n.Connect(t.Context(), peer.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := h.read(t, n); !errors.Is(err, ErrDamaged) {
		t.Errorf("reading = %v, want %v", err, ErrDamaged)
	}
	if got := repairs(n, repairFetched); got != 0 {
		t.Errorf("%v blocks fetched, want none", got)
	}
}

// A repair that failed is tried again by itself; who knows no root finds it.
func TestRepairIsTriedAgain(t *testing.T) {
	h := newHurt(t, false)
	var n *Node
	var down atomic.Bool
	down.Store(true)
	tried, mended := make(chan struct{}, 100), make(chan struct{}, 1)
	n = newTestNode(t, Config{
		Dir: h.dir,
		Roots: func(_ context.Context, yield func(cid.Cid) error) error {
			return yield(h.file.Root)
		},
		Restore: func(ctx context.Context, root cid.Cid) error {
			if down.Load() {
				tried <- struct{}{}
				return errors.New("no provider answers")
			}
			defer func() { mended <- struct{}{} }()
			return n.PutBlocks(ctx, []Block{h.leaf}, false)
		},
	})
	n.repairs.rest = time.Millisecond
	if _, err := n.Block(t.Context(), h.leaf.Cid); !errors.Is(err, ErrDamaged) {
		t.Fatalf("Block = %v, want %v", err, ErrDamaged)
	}
	<-tried
	<-tried
	down.Store(false)
	<-mended
	checkReader(t, n, h.file.Root, h.data)
}

// What nobody wants any more is not repaired.
func TestRepairEndsWithItsRoot(t *testing.T) {
	h := newHurt(t, false)
	asked := make(chan struct{}, 1)
	n := newTestNode(t, Config{
		Dir: h.dir,
		Roots: func(context.Context, func(cid.Cid) error) error {
			asked <- struct{}{}
			return nil
		},
		Restore: func(context.Context, cid.Cid) error {
			t.Error("Restore was called for garbage")
			return nil
		},
	})
	if _, err := n.Block(t.Context(), h.leaf.Cid); !errors.Is(err, ErrDamaged) {
		t.Fatalf("Block = %v, want %v", err, ErrDamaged)
	}
	<-asked
	n.repairs.wg.Wait()
	if n.repairs.count() != 0 || repairs(n, repairNeedless) != 1 {
		t.Errorf("%d repairs wait, %v were needless; want 0 and 1", n.repairs.count(), repairs(n, repairNeedless))
	}
}

// The gateway never sends wrong bytes: it asks to come back later, or cuts the response.
func TestGatewayMeetsDamage(t *testing.T) {
	h := newHurt(t, false)
	n := newTestNode(t, Config{Dir: h.dir})
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	get := func(path string) (status int, body []byte, err error) {
		res, err := http.Get(srv.URL + "/ipfs/" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err = io.ReadAll(res.Body)
		return res.StatusCode, body, err
	}
	if status, body, err := get(h.file.Root.String()); err == nil && status == http.StatusOK || !bytes.HasPrefix(h.data, body) && status == http.StatusOK {
		t.Errorf("GET = %d, %d bytes, %v; want it cut", status, len(body), err)
	}
	if status, _, _ := get(h.leaf.Cid.String() + "?format=raw"); status != http.StatusServiceUnavailable {
		t.Errorf("GET of the damaged block = %d, want %d", status, http.StatusServiceUnavailable)
	}
	if err := n.PutBlocks(t.Context(), []Block{h.leaf}, false); err != nil {
		t.Fatal(err)
	}
	if status, body, err := get(h.file.Root.String()); status != http.StatusOK || err != nil || !bytes.Equal(body, h.data) {
		t.Errorf("GET after the repair = %d, %d bytes, %v", status, len(body), err)
	}
}
