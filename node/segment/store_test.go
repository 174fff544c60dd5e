package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
	"github.com/multiformats/go-multihash"
	"github.com/prometheus/client_golang/prometheus"
)

// A block of test data.
type block struct {
	cid  cid.Cid
	data []byte
}

func newBlock(t testing.TB, data []byte, code uint64) block {
	t.Helper()
	mh, err := multihash.Sum(data, code, -1)
	if err != nil {
		t.Fatal(err)
	}
	return block{cid.NewCidV1(cid.Raw, mh), data}
}

var testBlocks sync.Map // by number

// testBlock is the i-th of many blocks, of different sizes.
func testBlock(t testing.TB, i int) block {
	if x, ok := testBlocks.Load(i); ok {
		return x.(block)
	}
	r := rand.New(rand.NewPCG(uint64(i), 7))
	data := make([]byte, r.IntN(300))
	for j := range data {
		data[j] = byte(r.Uint32())
	}
	x := newBlock(t, fmt.Append(data, i), multihash.SHA2_256)
	testBlocks.Store(i, x)
	return x
}

func openTest(t testing.TB, d *memFiles, opt Options) *Store {
	t.Helper()
	opt.files, opt.space = d, d.space
	s, err := Open(t.Context(), "", opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(s *Store, private bool, blocks ...block) error {
	b := s.Batch(private)
	for _, x := range blocks {
		if err := b.Put(context.Background(), x.cid, x.data); err != nil {
			return err
		}
	}
	return b.Sync(context.Background())
}

func mustPut(t testing.TB, s *Store, private bool, blocks ...block) {
	t.Helper()
	if err := put(s, private, blocks...); err != nil {
		t.Fatal(err)
	}
}

func check(t testing.TB, s *Store, public bool, blocks ...block) {
	t.Helper()
	for _, x := range blocks {
		got, err := s.Block(x.cid, public, nil)
		if err != nil || !bytes.Equal(got, x.data) {
			t.Fatalf("Block(%s, public %v) = %d bytes, %v; want %d bytes", x.cid, public, len(got), err, len(x.data))
		}
		if size, ok := s.Has(x.cid, public); !ok || size != len(x.data) {
			t.Fatalf("Has(%s) = %d, %v; want %d", x.cid, size, ok, len(x.data))
		}
	}
}

func checkAbsent(t testing.TB, s *Store, public bool, blocks ...block) {
	t.Helper()
	for _, x := range blocks {
		if got, err := s.Block(x.cid, public, nil); !errors.Is(err, ErrNotFound) {
			t.Fatalf("Block(%s, public %v) = %d bytes, %v; want %v", x.cid, public, len(got), err, ErrNotFound)
		}
	}
}

func someBlocks(t testing.TB, from, to int) (all []block) {
	for i := from; i < to; i++ {
		all = append(all, testBlock(t, i))
	}
	return all
}

func TestStoreOnDisk(t *testing.T) {
	dir := t.TempDir()
	blocks := someBlocks(t, 0, 100)
	blocks = append(blocks,
		newBlock(t, nil, multihash.SHA2_256),
		newBlock(t, []byte("another hash"), multihash.SHA2_512),
		newBlock(t, bytes.Repeat([]byte("large"), 1<<18), multihash.SHA2_256),
	)
	v0 := newBlock(t, []byte("CIDv0"), multihash.SHA2_256)
	v0.cid = cid.NewCidV0(v0.cid.Hash())
	blocks = append(blocks, v0)
	reg := prometheus.NewPedanticRegistry()
	for round := range 3 {
		s, err := Open(t.Context(), dir, Options{SegmentSize: 4 << 10, Metrics: reg})
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			mustPut(t, s, false, blocks...)
		}
		mustPut(t, s, false, blocks[:10]...) // found, not written
		check(t, s, true, blocks...)
		check(t, s, true, block{cid.NewCidV1(cid.DagProtobuf, blocks[0].cid.Hash()), blocks[0].data})
		u := s.Usage()
		if u.Blocks != int64(len(blocks)) || u.Segments < 3 || u.Free <= 0 || u.Disk <= u.Bytes {
			t.Errorf("Usage() = %+v", u)
		}
		if got, err := reg.Gather(); err != nil || len(got) != 11 {
			t.Errorf("metrics: %v, %v", got, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := put(s, false, testBlock(t, 1000)); !errors.Is(err, ErrClosed) {
			t.Errorf("Put after Close = %v, want %v", err, ErrClosed)
		}
	}
}

// Other software must be able to read a segment, and to check every block in it.
func TestSegmentIsCAR(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	blocks := someBlocks(t, 0, 20)
	mustPut(t, s, false, blocks...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, dataName(0)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := car.NewBlockReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != 1 || len(r.Roots) != 1 {
		t.Errorf("version %d, roots %v", r.Version, r.Roots)
	}
	for _, want := range blocks {
		if b, err := r.Next(); err != nil || b.Cid().Prefix().MhType != multihash.IDENTITY {
			t.Fatalf("mark: %v, %v", b, err)
		}
		if b, err := r.Next(); err != nil || b.Cid() != want.cid || !bytes.Equal(b.RawData(), want.data) {
			t.Fatalf("block: %v, %v; want %s", b, err, want.cid)
		}
	}
}

// publicOf lists the public blocks.
func publicOf(t testing.TB, s *Store) (all []string) {
	t.Helper()
	for mh, err := range s.Multihashes() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(mh))
	}
	return all
}

func TestPrivateThenPublic(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	a, b := testBlock(t, 1), testBlock(t, 2)
	mustPut(t, s, true, a, b)
	checkAbsent(t, s, true, a, b)
	check(t, s, false, a, b)
	mustPut(t, s, false, a)
	mustPut(t, s, true, a) // public wins
	check(t, s, true, a)
	checkAbsent(t, s, true, b)
	if got := publicOf(t, s); len(got) != 1 || got[0] != multihashOf(a.cid) {
		t.Errorf("Multihashes() = %x, want that of the public block", got)
	}
	s = openTest(t, d.killed(), Options{})
	check(t, s, true, a)
	checkAbsent(t, s, true, b)
	check(t, s, false, b)
	if u := s.Usage(); u.Blocks != 2 || u.Bytes != int64(len(a.data)+len(b.data)) {
		t.Errorf("Usage() = %+v, want 2 blocks", u)
	}
}

// One sync serves all who wait: while one runs, the writers that come share the next.
func TestGroupSync(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, false, testBlock(t, 0)) // creates the segment
	syncing, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d.mu.Lock()
	d.hook = func(op, _ string) fault {
		if op == "sync" {
			once.Do(func() {
				close(syncing)
				d.mu.Unlock() // others write meanwhile
				<-goOn
				d.mu.Lock()
			})
		}
		return noFault
	}
	before := d.syncs
	d.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := put(s, false, testBlock(t, 1)); err != nil {
			t.Error(err)
		}
	})
	<-syncing
	const writers = 20
	waiting := make(chan struct{}, writers)
	for i := range writers {
		wg.Go(func() {
			b := s.Batch(false)
			x := testBlock(t, 2+i%10) // pairs store the same block
			err := b.Put(context.Background(), x.cid, x.data)
			waiting <- struct{}{}
			if err := errors.Join(err, b.Sync(context.Background())); err != nil {
				t.Error(err)
			}
		})
	}
	for range writers {
		<-waiting
	}
	close(goOn)
	wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := d.syncs - before; got != 2 {
		t.Errorf("%d syncs for 21 batches, want 2", got)
	}
}

// A block that another upload has written but not synced is not durable yet.
func TestDedupWaitsForSync(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	x := testBlock(t, 1)
	first := s.Batch(false)
	if err := first.Put(t.Context(), x.cid, x.data); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, false, x)
	s = openTest(t, d.crash(rand.New(rand.NewPCG(1, 1))), Options{})
	check(t, s, false, x)
}

func TestSyncIsBoundByContext(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, false, testBlock(t, 0))
	syncing, goOn := make(chan struct{}), make(chan struct{})
	d.mu.Lock()
	d.hook = func(op, _ string) fault {
		if op == "sync" {
			d.hook = nil
			close(syncing)
			d.mu.Unlock()
			<-goOn
			d.mu.Lock()
		}
		return noFault
	}
	d.mu.Unlock()
	lead := make(chan error)
	go func() { lead <- put(s, false, testBlock(t, 1)) }()
	<-syncing
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	b := s.Batch(false)
	x := testBlock(t, 2)
	if err := b.Put(ctx, x.cid, x.data); err != nil {
		t.Fatal(err)
	}
	if err := b.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Sync = %v, want %v", err, context.DeadlineExceeded)
	}
	close(goOn)
	if err := <-lead; err != nil {
		t.Error(err)
	}
	if err := b.Sync(t.Context()); err != nil {
		t.Errorf("Sync again = %v", err)
	}
}
