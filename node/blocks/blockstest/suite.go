// Package blockstest is the contract of package blocks as tests. Every driver runs it.
package blockstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// An Open opens a driver's store in dir, which exists, with data files as small
// as the driver makes them. It does not close it.
type Open func(t testing.TB, dir string, opt Options) blocks.Store

// Options of a store under test.
type Options struct {
	// Space says how much of the disk is free, and its size; nil: as it is.
	Space func() (free, total int64, err error)
}

// Run tests a driver.
func Run(t *testing.T, open Open) {
	s := suite{open}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"RoundTrip", s.roundTrip},
		{"Identity", s.identity},
		{"TooLarge", s.tooLarge},
		{"Dedup", s.dedup},
		{"PrivateThenPublic", s.privateThenPublic},
		{"Visibility", s.visibility},
		{"VisibilityDuringSweep", s.visibilityDuringSweep},
		{"Kill", s.kill},
		{"ConcurrentBatches", s.concurrentBatches},
		{"Damage", s.damage},
		{"Verify", s.verify},
		{"Full", s.full},
		{"Close", s.close},
		{"Sweep", s.sweep},
		{"SweepWaitsForLeases", s.sweepWaitsForLeases},
		{"StoredDuringSweep", s.storedDuringSweep},
		{"FoundDuringSweep", s.foundDuringSweep},
		{"SweepKeepsDamaged", s.sweepKeepsDamaged},
		{"SweepFails", s.sweepFails},
		{"Model", s.model},
	} {
		t.Run(test.name, test.run)
	}
}

type suite struct{ open Open }

// new opens a store that is closed when the test ends.
func (s suite) new(t testing.TB, dir string, opt Options) blocks.Store {
	t.Helper()
	st := s.open(t, dir, opt)
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return st
}

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

// some are the numbered blocks from one to another, of different sizes.
func some(t testing.TB, from, to int) (all []block) {
	t.Helper()
	for i := from; i < to; i++ {
		all = append(all, numbered(t, i))
	}
	return all
}

func numbered(t testing.TB, i int) block {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(i), 7))
	data := make([]byte, r.IntN(300))
	for j := range data {
		data[j] = byte(r.Uint32())
	}
	return newBlock(t, fmt.Appendf(data, "number %d", i), multihash.SHA2_256)
}

func put(st blocks.Store, private bool, bs ...block) error {
	batch := st.Batch(private)
	for _, b := range bs {
		if err := batch.Put(context.Background(), b.cid, b.data); err != nil {
			return err
		}
	}
	return batch.Sync(context.Background())
}

func mustPut(t testing.TB, st blocks.Store, private bool, bs ...block) {
	t.Helper()
	if err := put(st, private, bs...); err != nil {
		t.Fatal(err)
	}
}

// check wants blocks to be there, by every way to ask.
func check(t testing.TB, st blocks.Store, public bool, bs ...block) {
	t.Helper()
	for _, b := range bs {
		got, err := st.Block(b.cid, public, nil)
		if err != nil || !bytes.Equal(got, b.data) {
			t.Fatalf("Block(%s, public %v) = %d bytes, %v; want %d bytes", b.cid, public, len(got), err, len(b.data))
		}
		if got, err := st.Stored(b.cid, public, make([]byte, 10)); err != nil || !bytes.Equal(got, b.data) {
			t.Fatalf("Stored(%s, public %v) = %d bytes, %v; want %d bytes", b.cid, public, len(got), err, len(b.data))
		}
		if got, done, ok := st.Lend(b.cid, public); ok {
			same := bytes.Equal(got, b.data)
			done()
			if !same {
				t.Fatalf("Lend(%s, public %v) = %d bytes, want %d others", b.cid, public, len(got), len(b.data))
			}
		}
		if size, ok := st.Has(b.cid, public); !ok || size != len(b.data) {
			t.Fatalf("Has(%s, public %v) = %d, %v; want %d", b.cid, public, size, ok, len(b.data))
		}
		if size, ok := st.Find(t.Context(), b.cid); !ok || size != len(b.data) {
			t.Fatalf("Find(%s) = %d, %v; want %d", b.cid, size, ok, len(b.data))
		}
		if !st.Batch(!public).Has(b.cid) {
			t.Fatalf("Batch.Has(%s) = false, want true", b.cid)
		}
	}
}

func checkAbsent(t testing.TB, st blocks.Store, public bool, bs ...block) {
	t.Helper()
	for _, b := range bs {
		if got, err := st.Block(b.cid, public, nil); !errors.Is(err, blocks.ErrNotFound) {
			t.Fatalf("Block(%s, public %v) = %d bytes, %v; want %v", b.cid, public, len(got), err, blocks.ErrNotFound)
		}
		if got, err := st.Stored(b.cid, public, nil); !errors.Is(err, blocks.ErrNotFound) {
			t.Fatalf("Stored(%s, public %v) = %d bytes, %v; want %v", b.cid, public, len(got), err, blocks.ErrNotFound)
		}
		if got, _, ok := st.Lend(b.cid, public); ok {
			t.Fatalf("Lend(%s, public %v) = %d bytes, want none", b.cid, public, len(got))
		}
		if size, ok := st.Has(b.cid, public); ok {
			t.Fatalf("Has(%s, public %v) = %d, want none", b.cid, public, size)
		}
	}
}

// killed is a copy of a store's directory as it is now: what a process that is
// killed here leaves behind. A driver may remove files in the background, so the
// copy is made anew until the directory has the same files before and after it.
func killed(t testing.TB, dir string) string {
	t.Helper()
	for {
		to, before := t.TempDir(), fileNames(t, dir)
		err := os.CopyFS(to, os.DirFS(dir))
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && !slices.Equal(before, fileNames(t, dir)):
		case err != nil:
			t.Fatal(err)
		default:
			return to
		}
	}
}

func fileNames(t testing.TB, dir string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
