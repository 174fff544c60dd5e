package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
)

func yieldAll(roots ...cid.Cid) func(func(cid.Cid) error) error {
	return func(yield func(cid.Cid) error) error {
		for _, c := range roots {
			if err := yield(c); err != nil {
				return err
			}
		}
		return nil
	}
}

func mustSweep(t testing.TB, n *Node, roots ...cid.Cid) SweepResult {
	t.Helper()
	r, err := n.Sweep(t.Context(), yieldAll(roots...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	n, err := Open(t.Context(), Config{Dir: dir, SegmentSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	n.shape = shape{chunk: 1 << 10, width: 8}
	data := func(i int) []byte { return mustRead(t, keystream(20<<10, fmt.Sprint(i))) }
	var files []File
	for i := range 12 {
		files = append(files, mustImport(t, n, data(i), ImportOptions{Private: i%4 == 0}))
	}
	absent, err := rawLeaf([]byte("a root that is not here"))
	if err != nil {
		t.Fatal(err)
	}
	var live []cid.Cid
	for i, f := range files {
		if i%2 == 0 {
			live = append(live, f.Root)
		}
	}
	before := n.Usage()
	got := mustSweep(t, n, append(live, absent)...)
	// Pebble's files are larger than what little is in them here.
	tight := newDriver == Segment
	if got.Blocks == 0 || got.Blocks != got.Kept || tight && got.Bytes < 100<<10 {
		t.Errorf("Sweep = %+v, want half of %d blocks removed", got, before.Blocks)
	}
	if u := n.Usage(); u.Blocks != before.Blocks/2 || tight && u.Disk >= before.Disk {
		t.Errorf("Usage = %+v, was %+v", u, before)
	}
	for range 2 {
		for i, f := range files {
			if i%2 != 0 {
				if _, ok := n.HasBlock(t.Context(), f.Root); ok {
					t.Errorf("file %d is still here", i)
				}
				continue
			}
			checkReader(t, n, f.Root, data(i))
			if ok, err := n.publicBlocks().Has(t.Context(), f.Root); err != nil || ok != (i%4 != 0) {
				t.Errorf("file %d public: %v, %v", i, ok, err)
			}
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err = Open(t.Context(), Config{Dir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// One block may be named as raw bytes by one DAG and as a node by another.
func TestSweepFollowsNodesNamedAsLeaves(t *testing.T) {
	n := newTestNode(t, Config{})
	n.shape = shape{chunk: 4, width: 3}
	f := mustImport(t, n, []byte("a file of some leaves"), ImportOptions{})
	mustImport(t, n, []byte("garbage"), ImportOptions{})
	mustSweep(t, n, cid.NewCidV1(cid.Raw, f.Root.Hash()), f.Root)
	checkReader(t, n, f.Root, []byte("a file of some leaves"))
}

func TestSweepFollowsOtherCodecs(t *testing.T) {
	n := newTestNode(t, Config{})
	leaf := mustImport(t, n, []byte("leaf"), ImportOptions{})
	json := []byte(fmt.Sprintf(`{"to":{"/":%q}}`, leaf.Root))
	c, err := cid.V1Builder{Codec: cid.DagJSON, MhType: 0x12}.Sum(json)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.PutBlocks(t.Context(), []Block{{c, json}}, false); err != nil {
		t.Fatal(err)
	}
	mustImport(t, n, []byte("garbage"), ImportOptions{})
	if got := mustSweep(t, n, c); got.Kept != 2 {
		t.Errorf("Sweep = %+v, want 2 kept", got)
	}
}

// What hangs under a node that cannot be read must not be taken for garbage.
func TestSweepStopsAtDamage(t *testing.T) {
	dir := t.TempDir()
	n, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	f := mustImport(t, n, mustRead(t, keystream(3<<20, "damage")), ImportOptions{})
	root, err := n.Block(t.Context(), f.Root)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, dir, root)
	n = newTestNode(t, Config{Dir: dir})
	before := n.Usage().Blocks
	if _, err := n.Sweep(t.Context(), yieldAll(f.Root)); !errors.Is(err, ErrDamaged) {
		t.Errorf("Sweep = %v, want %v", err, ErrDamaged)
	}
	if got := n.Usage().Blocks; got != before {
		t.Errorf("%d blocks after the sweep, want %d", got, before)
	}
	if _, err := n.OpenFile(t.Context(), f.Root); !errors.Is(err, ErrDamaged) {
		t.Errorf("OpenFile = %v, want %v", err, ErrDamaged)
	}
	if err := n.PutBlocks(t.Context(), []Block{{f.Root, root}}, false); err != nil {
		t.Fatal(err)
	}
	// A driver may have lost a leaf beside it: once that is noticed it is stored again.
	err = n.Walk(t.Context(), f.Root, func(c cid.Cid, _ int) error {
		if _, err := n.Block(t.Context(), c); err != nil && !errors.Is(err, ErrDamaged) {
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustImport(t, n, mustRead(t, keystream(3<<20, "damage")), ImportOptions{})
	mustSweep(t, n, f.Root)
	checkReader(t, n, f.Root, mustRead(t, keystream(3<<20, "damage")))
}

func TestSweepRootsFail(t *testing.T) {
	n := newTestNode(t, Config{})
	f := mustImport(t, n, []byte("kept"), ImportOptions{})
	down := errors.New("metadata is down")
	if _, err := n.Sweep(t.Context(), func(func(cid.Cid) error) error { return down }); !errors.Is(err, down) {
		t.Errorf("Sweep = %v, want %v", err, down)
	}
	checkReader(t, n, f.Root, []byte("kept"))
}

// A rootSet stands for the metadata.
type rootSet struct {
	mu    sync.Mutex
	roots map[cid.Cid]int
}

func (m *rootSet) add(c cid.Cid, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roots[c] += n
}

func (m *rootSet) yield(yield func(cid.Cid) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for c, k := range m.roots {
		if k > 0 {
			if err := yield(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// upload stores a file in parts. There are few different ones, so uploads share blocks.
func (m *rootSet) upload(t testing.TB, n *Node, r *rand.Rand) (f File, data []byte) {
	lease := n.Lease()
	defer lease.Release()
	var parts []File
	for range 1 + r.IntN(3) {
		d, err := io.ReadAll(keystream(int64(256*(1+r.IntN(12))), fmt.Sprint(r.IntN(6))))
		if err != nil {
			t.Error(err)
		}
		p, err := n.Import(t.Context(), bytes.NewReader(d), ImportOptions{Private: r.IntN(2) == 0})
		if err != nil {
			t.Error(err)
		}
		parts, data = append(parts, p), append(data, d...)
	}
	f, joined, err := n.Concat(t.Context(), parts, false)
	if err != nil || joined {
		t.Errorf("Concat = %v, joined %v", err, joined)
	}
	m.add(f.Root, 1)
	return f, data
}

// use uploads, reads and deletes files.
func (m *rootSet) use(t testing.TB, n *Node, r *rand.Rand) {
	var files []File
	var datas [][]byte
	for range 40 {
		f, data := m.upload(t, n, r)
		files, datas = append(files, f), append(datas, data)
		for i, f := range files {
			rd, err := n.OpenFile(t.Context(), f.Root)
			if err != nil {
				t.Errorf("OpenFile = %v", err)
				continue
			}
			if got, err := io.ReadAll(rd); err != nil || !bytes.Equal(got, datas[i]) {
				t.Errorf("reading a file: %d bytes, %v; want %d", len(got), err, len(datas[i]))
			}
			rd.Close()
		}
		if len(files) > 3 {
			m.add(files[0].Root, -1)
			files, datas = files[1:], datas[1:]
		}
	}
}

// Uploads in parts, reads and deletions beside sweeps, against what the metadata holds.
func TestSweepBesideUploads(t *testing.T) {
	n := newTestNode(t, Config{SegmentSize: 32 << 10})
	n.shape = shape{chunk: 256, width: 4}
	m := &rootSet{roots: map[cid.Cid]int{}}
	var users sync.WaitGroup
	for w := range 4 {
		users.Go(func() { m.use(t, n, rand.New(rand.NewPCG(uint64(w), 8))) })
	}
	done := make(chan struct{})
	go func() {
		users.Wait()
		close(done)
	}()
	var removed int64
	for busy := true; busy; {
		select {
		case <-done:
			busy = false // and one last sweep
		default:
		}
		got, err := n.Sweep(t.Context(), m.yield)
		if err != nil {
			t.Errorf("Sweep = %v", err)
		}
		removed += got.Blocks
	}
	if removed == 0 {
		t.Error("the sweeps removed nothing")
	}
}

// A process that was killed left an unsealed segment; the next one reads it.
func TestReopenWithoutClose(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	data := mustRead(t, keystream(5<<20+1, "killed"))
	f := mustImport(t, first, data, ImportOptions{})
	copied := t.TempDir() // as the files are while the process lives
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	n := newTestNode(t, Config{Dir: copied})
	checkReader(t, n, f.Root, data)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMalformedNodeUnderLiveRoot(t *testing.T) {
	n := newTestNode(t, Config{})
	b := []byte("no protobuf")
	c, err := merkledag.V1CidPrefix().Sum(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.PutBlocks(t.Context(), []Block{{c, b}}, false); err != nil {
		t.Fatal(err)
	}
	if got := mustSweep(t, n, c); got.Kept != 1 {
		t.Errorf("Sweep = %+v, want 1 kept", got)
	}
	if _, err := n.OpenFile(t.Context(), c); !errors.Is(err, ErrNotFile) {
		t.Errorf("OpenFile = %v, want %v", err, ErrNotFile)
	}
}
