package blockstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

func (s suite) roundTrip(t *testing.T) {
	dir := t.TempDir()
	all := some(t, 0, 100)
	all = append(all,
		newBlock(t, nil, multihash.SHA2_256),
		newBlock(t, []byte{7}, multihash.SHA2_256),
		newBlock(t, []byte("a longer hash"), multihash.SHA2_512),
		newBlock(t, []byte("another hash"), multihash.BLAKE2B_MIN+31),
		newBlock(t, bytes.Repeat([]byte("large"), blocks.MaxBlock/5), multihash.SHA2_256),
		newBlock(t, make([]byte, blocks.MaxBlock), multihash.SHA2_256),
	)
	v0 := newBlock(t, []byte("CIDv0"), multihash.SHA2_256)
	v0.cid = cid.NewCidV0(v0.cid.Hash())
	all = append(all, v0)
	var size int64
	for _, b := range all {
		size += int64(len(b.data))
	}
	for round := range 3 {
		st := s.open(t, dir, Options{})
		if round == 0 {
			mustPut(t, st, false, all...)
		}
		check(t, st, true, all...)
		check(t, st, true, block{cid.NewCidV1(cid.DagProtobuf, all[0].cid.Hash()), all[0].data})
		if u := st.Usage(); u.Blocks != int64(len(all)) || u.Bytes != size || u.Free <= 0 || u.Segments < 1 {
			t.Errorf("Usage() = %+v, want %d blocks of %d bytes", u, len(all), size)
		}
		buf := make([]byte, 0, 4096)
		got, err := st.Block(all[0].cid, true, buf)
		if err != nil || !bytes.Equal(got, all[0].data) || &got[0] != &buf[:1][0] {
			t.Errorf("Block into a buffer = %d bytes, %v; want them in the buffer", len(got), err)
		}
		checkMultihashes(t, st, all)
		checkAbsent(t, st, false, numbered(t, 1000))
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func checkMultihashes(t *testing.T, st blocks.Store, want []block) {
	t.Helper()
	var names []string
	for _, b := range want {
		names = append(names, string(b.cid.Hash()))
	}
	var got []string
	for mh, err := range st.Multihashes() {
		if err != nil {
			t.Fatalf("Multihashes: %v", err)
		}
		got = append(got, string(mh))
	}
	slices.Sort(got)
	got = slices.Compact(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("Multihashes() = %d, want the %d of the public blocks", len(got), len(names))
	}
}

func (s suite) identity(t *testing.T) {
	st := s.new(t, t.TempDir(), Options{})
	b := newBlock(t, []byte("inline"), multihash.IDENTITY)
	check(t, st, true, b)
	mustPut(t, st, true, b)
	check(t, st, true, b)
	if u := st.Usage(); u.Blocks != 0 {
		t.Errorf("Usage() = %+v, want no blocks", u)
	}
}

func (s suite) tooLarge(t *testing.T) {
	st := s.new(t, t.TempDir(), Options{})
	b := newBlock(t, make([]byte, blocks.MaxBlock+1), multihash.SHA2_256)
	if err := put(st, false, b); err == nil {
		t.Error("a block beyond MaxBlock was stored")
	}
	checkAbsent(t, st, false, b)
}

func (s suite) dedup(t *testing.T) {
	st := s.new(t, t.TempDir(), Options{})
	b := newBlock(t, bytes.Repeat([]byte("twice"), 100_000), multihash.SHA2_256)
	mustPut(t, st, false, b)
	before := st.Usage()
	mustPut(t, st, false, b, b)
	mustPut(t, st, true, b) // is public already
	again := b
	again.cid = cid.NewCidV1(cid.DagCBOR, b.cid.Hash())
	mustPut(t, st, false, again)
	after := st.Usage()
	if after.Blocks != 1 || after.Bytes != before.Bytes || after.Disk-before.Disk > int64(len(b.data))/2 {
		t.Errorf("Usage() = %+v after storing again, was %+v", after, before)
	}
}

func (s suite) privateThenPublic(t *testing.T) {
	dir := t.TempDir()
	st := s.open(t, dir, Options{})
	a, b := numbered(t, 1), numbered(t, 2)
	mustPut(t, st, true, a, b)
	checkAbsent(t, st, true, a, b)
	check(t, st, false, a, b)
	if st.Batch(false).Has(a.cid) {
		t.Error("a public batch has a private block")
	}
	mustPut(t, st, false, a)
	mustPut(t, st, true, a) // public wins
	for range 2 {
		check(t, st, true, a)
		checkAbsent(t, st, true, b)
		check(t, st, false, b)
		checkMultihashes(t, st, []block{a})
		if u := st.Usage(); u.Blocks != 2 || u.Bytes != int64(len(a.data)+len(b.data)) {
			t.Errorf("Usage() = %+v, want 2 blocks", u)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		st = s.open(t, dir, Options{})
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}

// What Sync promised is there after a kill; what it did not is there or not, but whole.
func (s suite) kill(t *testing.T) {
	dir := t.TempDir()
	st := s.new(t, dir, Options{})
	synced, loose := some(t, 0, 60), some(t, 60, 90)
	for i := 0; i < len(synced); i += 6 {
		mustPut(t, st, i%12 == 0, synced[i:i+6]...)
	}
	batch := st.Batch(false)
	for _, b := range loose {
		if err := batch.Put(t.Context(), b.cid, b.data); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, st, false, loose[3]) // found, or not: durable it is
	after := s.new(t, killed(t, dir), Options{})
	for i, b := range synced {
		check(t, after, i%12 >= 6, b)
		if i%12 < 6 {
			checkAbsent(t, after, true, b)
		}
	}
	check(t, after, true, loose[3])
	for _, b := range loose {
		got, err := after.Block(b.cid, true, nil)
		if err == nil && !bytes.Equal(got, b.data) || err != nil && !errors.Is(err, blocks.ErrNotFound) {
			t.Errorf("a block that was not synced: %d bytes, %v", len(got), err)
		}
	}
	mustPut(t, after, false, loose...)
	check(t, after, true, loose...)
}

func (s suite) concurrentBatches(t *testing.T) {
	dir := t.TempDir()
	st := s.new(t, dir, Options{})
	var wg sync.WaitGroup
	for w := range 12 {
		wg.Go(func() {
			for i := range 15 {
				// Each block is stored by three of the writers.
				if err := put(st, w%2 == 0, numbered(t, (w%4)*15+i), numbered(t, 100+i)); err != nil {
					t.Error(err)
				}
				if got, err := st.Block(numbered(t, 100+i).cid, false, nil); err != nil {
					t.Errorf("Block = %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
	for _, st := range []blocks.Store{st, s.new(t, killed(t, dir), Options{})} {
		check(t, st, false, some(t, 0, 60)...)
		check(t, st, true, some(t, 100, 115)...)
		if u := st.Usage(); u.Blocks != 75 {
			t.Errorf("Usage() = %+v, want 75 blocks", u)
		}
	}
}

func (s suite) full(t *testing.T) {
	var mu sync.Mutex
	free := int64(1 << 30)
	setFree := func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		free = n
	}
	st := s.new(t, t.TempDir(), Options{Space: func() (int64, int64, error) {
		mu.Lock()
		defer mu.Unlock()
		return free, 1 << 30, nil
	}})
	kept := some(t, 0, 20)
	mustPut(t, st, false, kept...)
	setFree(0)
	// What the driver took for granted about the room runs out at some point.
	var err error
	for i := 0; err == nil && i < 40; i++ {
		err = put(st, false, newBlock(t, fmt.Append(make([]byte, 1<<20), i), multihash.SHA2_256))
	}
	if !errors.Is(err, blocks.ErrFull) {
		t.Fatalf("Put on a full disk = %v, want %v", err, blocks.ErrFull)
	}
	check(t, st, true, kept...)
	mustPut(t, st, false, kept...) // needs no room
	got, err := st.Sweep(t.Context(), func(context.Context) (blocks.Live, error) { return liveOnly(kept[:10]...), nil })
	if err != nil || got.Kept != 10 {
		t.Errorf("Sweep of a full disk = %+v, %v; want 10 kept", got, err)
	}
	check(t, st, true, kept[:10]...)
	setFree(1 << 30)
	mustPut(t, st, false, kept...)
	check(t, st, true, kept...)
}

func (s suite) close(t *testing.T) {
	st := s.open(t, t.TempDir(), Options{})
	b := numbered(t, 1)
	mustPut(t, st, false, b)
	batch := st.Batch(false)
	for range 2 {
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.Block(b.cid, false, nil); !errors.Is(err, blocks.ErrClosed) {
		t.Errorf("Block after Close = %v, want %v", err, blocks.ErrClosed)
	}
	if err := put(st, false, numbered(t, 2)); !errors.Is(err, blocks.ErrClosed) {
		t.Errorf("Put after Close = %v, want %v", err, blocks.ErrClosed)
	}
	if err := batch.Put(t.Context(), numbered(t, 3).cid, numbered(t, 3).data); !errors.Is(err, blocks.ErrClosed) {
		t.Errorf("Put in a batch after Close = %v, want %v", err, blocks.ErrClosed)
	}
	if _, ok := st.Has(b.cid, false); ok {
		t.Error("a closed store has a block")
	}
}
