package segment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// A store in use is inspected but for what is being written: what is damaged is
// named, and nothing else, while blocks come and sweeps run.
func TestInspectOpen(t *testing.T) {
	dir := newInspected(t)
	s, err := Open(t.Context(), dir, Options{SegmentSize: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	look := func() (all []blocks.Fault, unseen int) {
		t.Helper()
		unseen, err := s.Inspect(t.Context(), nil, func(f blocks.Fault) { all = append(all, f) })
		if err != nil {
			t.Fatal(err)
		}
		return all, unseen
	}
	if got, unseen := look(); len(got) > 0 || unseen != 0 {
		t.Errorf("a sound store: %v, %d left out; want none", got, unseen)
	}
	mustPut(t, s, false, testBlock(t, 100))
	if got, unseen := look(); len(got) > 0 || unseen != 1 {
		t.Errorf("while one is written: %v, %d left out; want 1", got, unseen)
	}
	done := make(chan struct{})
	go func() { // segments come and go
		defer close(done)
		for i := range 30 {
			if err := put(s, false, someBlocks(t, 101+20*i, 121+20*i)...); err != nil {
				t.Error(err)
			}
			if i%5 == 4 {
				if _, err := s.Sweep(t.Context(), liveFunc(func(multihash.Multihash) bool { return false })); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if got, _ := look(); len(got) > 0 {
			t.Fatalf("while it is in use: %v", got)
		}
	}
	mustPut(t, s, false, someBlocks(t, 0, 60)...)
	sealed(t, s)
	idx, err := filepath.Glob(filepath.Join(dir, "*.idx"))
	if err != nil || len(idx) == 0 {
		t.Fatalf("no index: %v", err)
	}
	flip(t, idx[0], 100)
	if err := os.WriteFile(filepath.Join(dir, "junk"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, _ := look()
	if len(got) != 2 || !strings.Contains(got[0].What, "no file of the block store") ||
		got[1].Where != idx[0] || !strings.Contains(got[1].What, "the index is damaged") {
		t.Errorf("faults %v, want the file and the index", got)
	}
}
