package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

func testBlock(t testing.TB, i int) (cid.Cid, []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(i), 3))
	data := make([]byte, r.IntN(80_000))
	for j := range data {
		data[j] = byte(r.Uint32())
	}
	data = fmt.Append(data, i)
	mh, err := multihash.Sum(data, multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, mh), data
}

func openMem(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open(t.Context(), "store", Options{
		fs:    fs,
		space: func() (int64, int64, error) { return 1 << 40, 1 << 40, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// After a power cut, at which any part of what was not synced may be lost, what
// Sync promised is there, what a sweep removed before a later Sync is not, and
// nothing is there in part.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { powerCut(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func powerCut(t *testing.T, r *rand.Rand) {
	const n = 40
	fs := vfs.NewCrashableMem()
	synced, swept := map[int]bool{}, map[int]bool{}
	for range 3 {
		s := openMem(t, fs)
		for range 4 {
			private := r.IntN(2) == 0
			batch := s.Batch(private)
			var mine []int
			for range r.IntN(6) {
				i := r.IntN(n)
				c, data := testBlock(t, i)
				if err := batch.Put(t.Context(), c, data); err != nil {
					t.Fatal(err)
				}
				mine = append(mine, i)
				delete(swept, i)
			}
			if r.IntN(4) > 0 {
				if err := batch.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, i := range mine {
					synced[i] = true
				}
			}
		}
		if r.IntN(2) == 0 {
			sweepSome(t, s, r, n, synced, swept)
		}
		fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		after := openMem(t, fs)
		checkAfter(t, after, n, synced, swept)
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func sweepSome(t *testing.T, s *Store, r *rand.Rand, n int, synced, swept map[int]bool) {
	t.Helper()
	live := map[string]bool{}
	for i := range n {
		c, _ := testBlock(t, i)
		if r.IntN(2) == 0 {
			live[string(c.Hash())] = true
			continue
		}
		delete(synced, i)
		swept[i] = true
	}
	_, err := s.Sweep(t.Context(), func(context.Context) (blocks.Live, error) {
		return func(mh multihash.Multihash) bool { return live[string(mh)] }, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkAfter(t *testing.T, s *Store, n int, synced, swept map[int]bool) {
	t.Helper()
	var count int64
	for i := range n {
		c, want := testBlock(t, i)
		got, err := s.Block(c, false, nil)
		switch {
		case err == nil && bytes.Equal(got, want):
			count++
			if swept[i] {
				t.Errorf("block %d came back after it was swept", i)
			}
		case !errors.Is(err, blocks.ErrNotFound):
			t.Errorf("block %d: %d bytes, %v", i, len(got), err)
		case synced[i]:
			t.Errorf("block %d was synced and is gone", i)
		}
	}
	if u := s.Usage(); u.Blocks != count {
		t.Errorf("Usage() = %d blocks, there are %d", u.Blocks, count)
	}
}
