package blockstest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// spoil flips a bit in every copy of data under dir, whose store is closed. It
// goes by a few bytes in the middle: a driver may keep a block in pieces.
func spoil(t testing.TB, dir string, data []byte) {
	t.Helper()
	found, data := 0, data[len(data)/2:][:min(64, len(data)/2)]
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		all, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for off := 0; ; found++ {
			i := bytes.Index(all[off:], data)
			if i < 0 {
				break
			}
			all[off+i+len(data)/2] ^= 1
			off += i + len(data)
		}
		return os.WriteFile(name, all, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Fatal("the block's bytes are in no file")
	}
}

// large is a block of its own kind: nothing else shares a checksum with it.
func large(t testing.TB, i int) block {
	t.Helper()
	r, data := rand.New(rand.NewPCG(uint64(i), 11)), make([]byte, 200_000)
	for j := range data {
		data[j] = byte(r.Uint32())
	}
	return newBlock(t, data, multihash.SHA2_256)
}

func (s suite) damage(t *testing.T) {
	dir := t.TempDir()
	st := s.open(t, dir, Options{})
	bad, good := large(t, 1), large(t, 2)
	mustPut(t, st, false, bad, good)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, dir, bad.data)
	st = s.open(t, dir, Options{})
	for range 2 {
		if got, err := st.Stored(bad.cid, true, nil); !errors.Is(err, blocks.ErrDamaged) {
			t.Errorf("Stored of a damaged block = %d bytes, %v; want %v", len(got), err, blocks.ErrDamaged)
		}
		if got, err := st.Block(bad.cid, true, nil); !errors.Is(err, blocks.ErrDamaged) {
			t.Errorf("Block of a damaged block = %d bytes, %v; want %v", len(got), err, blocks.ErrDamaged)
		}
	}
	if _, ok := st.Has(bad.cid, false); ok {
		t.Error("Has a block that is known to be damaged")
	}
	if _, ok := st.Find(t.Context(), bad.cid); ok {
		t.Error("Find finds a block that is known to be damaged")
	}
	check(t, st, true, good)
	mustPut(t, st, false, bad)
	for range 2 {
		check(t, st, true, bad, good)
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		st = s.open(t, dir, Options{})
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}

// What cannot be read is not removed, and does not keep the rest from being swept.
func (s suite) sweepKeepsDamaged(t *testing.T) {
	dir := t.TempDir()
	st := s.open(t, dir, Options{})
	bad, good, dead := large(t, 1), large(t, 2), large(t, 3)
	mustPut(t, st, false, bad, good, dead)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, dir, bad.data)
	st = s.new(t, dir, Options{})
	live := func(context.Context) (blocks.Live, error) { return liveOnly(bad, good), nil }
	if _, err := st.Sweep(t.Context(), live); err != nil && !errors.Is(err, blocks.ErrDamaged) {
		t.Errorf("Sweep = %v, want nil or %v", err, blocks.ErrDamaged)
	}
	check(t, st, true, good)
	if _, err := st.Block(bad.cid, true, nil); !errors.Is(err, blocks.ErrDamaged) {
		t.Errorf("Block = %v, want %v", err, blocks.ErrDamaged)
	}
	mustPut(t, st, false, bad)
	if _, err := st.Sweep(t.Context(), live); err != nil {
		t.Error(err)
	}
	check(t, st, true, bad, good)
	checkAbsent(t, st, false, dead)
}
