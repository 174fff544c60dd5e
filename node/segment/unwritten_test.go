package segment

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// longBlocks are blocks that fill a segment's writes.
func longBlocks(t *testing.T, n int) (all []block) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		data := make([]byte, 300<<10)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		all = append(all, newBlock(t, data, 0x12))
	}
	return all
}

// killed makes a directory as a process leaves it that died while it wrote
// blocks: of the write at off nothing is in the file, but of what follows. Where
// zeroed, a disk has lost the write, so it is there as zeros.
func killed(t *testing.T, off int64, zeroed bool, all []block) string {
	t.Helper()
	from, to := t.TempDir(), t.TempDir()
	s, err := Open(t.Context(), from, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, false, all...)
	data, err := os.ReadFile(filepath.Join(from, dataName(0)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, _, err := osFiles{dir: to, root: root}.open(dataName(0), true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// As a store does: bytes that were never written lie in room that the disk gave.
	if err := f.Allocate(0, int64(len(data))); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	behind := off + tailSize
	if zeroed {
		clear(data[off:behind])
		behind = off
	}
	for at, part := range map[int64][]byte{0: data[:off], behind: data[behind:]} {
		if _, err := f.WriteAt(part, at); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// What was written behind a write that never happened was never durable, so it
// goes with it, and nothing is called damaged.
func TestKilledBetweenWrites(t *testing.T) {
	all := longBlocks(t, 20)
	dir := killed(t, 2*tailSize, false, all)
	if got := inspect(t, dir, InspectOptions{Hash: true}); len(got) > 0 {
		t.Errorf("before the start: %v, want no faults", got)
	}
	for range 2 { // the second open finds the index of the first
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, s, true, all[:6]...)
		checkAbsent(t, s, true, all[6:]...)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := inspect(t, dir, InspectOptions{Hash: true}); len(got) > 0 {
			t.Errorf("after a start: %v, want no faults", got)
		}
	}
}

// Zeros that were written are damage: what follows them is kept.
func TestZerosAreDamage(t *testing.T) {
	all := longBlocks(t, 20)
	dir := killed(t, 2*tailSize, true, all)
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, true, all[:6]...)
	check(t, s, true, all[11:]...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := inspect(t, dir, InspectOptions{}); len(got) != 1 || !got[0].Risk {
		t.Errorf("faults %v, want one that puts data at risk", got)
	}
}

// A segment that was cut once has been served since: whatever becomes of its
// index, nothing more is cut from it.
func TestServedIsNotCut(t *testing.T) {
	all := longBlocks(t, 20)
	dir := killed(t, 2*tailSize, false, all)
	name := filepath.Join(dir, dataName(0))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := scan(bytes.NewReader(data), int64(len(data)), 0)
	if err != nil || c.skipped == 0 {
		t.Fatalf("scan skips %d bytes, %v", c.skipped, err)
	}
	if err := os.Truncate(name, c.end); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check(t, s, true, all[:6]...)
	check(t, s, true, all[11:]...)
}
