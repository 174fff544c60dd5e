package blockstest

import (
	"context"
	"errors"
	"testing"

	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

func publish(t testing.TB, st blocks.Store, bs ...block) {
	t.Helper()
	batch := st.Batch(true)
	for _, b := range bs {
		if err := batch.Publish(t.Context(), b.cid); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func hide(t testing.TB, st blocks.Store, bs ...block) {
	t.Helper()
	batch := st.Batch(false)
	for _, b := range bs {
		if err := batch.Hide(t.Context(), b.cid); err != nil {
			t.Fatal(err)
		}
		checkAbsent(t, st, true, b) // at once
	}
	if err := batch.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// checkSeen wants some of the blocks, all of which are here, to be public.
func checkSeen(t testing.TB, st blocks.Store, all []block, public ...int) {
	t.Helper()
	seen := map[int]bool{}
	for _, i := range public {
		seen[i] = true
	}
	var want []block
	for i, b := range all {
		check(t, st, false, b)
		if seen[i] {
			check(t, st, true, b)
			want = append(want, b)
		} else {
			checkAbsent(t, st, true, b)
		}
	}
	if t, ok := t.(*testing.T); ok {
		checkMultihashes(t, st, want)
	}
}

// Of publishing, hiding and storing as public the last one decides, now, after
// a kill, and after a sweep.
func (s suite) visibility(t *testing.T) {
	dir := t.TempDir()
	st := s.new(t, dir, Options{})
	all := append(some(t, 0, 9), newBlock(t, []byte("another hash"), multihash.SHA2_512))
	mustPut(t, st, true, all[:5]...)
	mustPut(t, st, false, all[5:]...)
	disk := st.Usage().Disk
	publish(t, st, all[0], all[1], all[5])
	checkSeen(t, st, all, 0, 1, 5, 6, 7, 8, 9)
	hide(t, st, all[1], all[2], all[6], all[7], all[8], all[9])
	checkSeen(t, st, all, 0, 5)
	mustPut(t, st, true, all[6], all[0]) // changes nothing
	mustPut(t, st, false, all[7])
	publish(t, st, all[8])
	hide(t, st, all[8])
	publish(t, st, all[8])
	checkSeen(t, st, all, 0, 5, 7, 8)
	if u := st.Usage(); u.Blocks != 10 || u.Disk > disk+5000 {
		t.Errorf("Usage() = %+v, want 10 blocks and little more than %d bytes", u, disk)
	}
	if err := st.Batch(false).Publish(t.Context(), numbered(t, 100).cid); !errors.Is(err, blocks.ErrNotFound) {
		t.Errorf("Publish of a block that is not here = %v, want %v", err, blocks.ErrNotFound)
	}
	later := numbered(t, 101)
	hide(t, st, later)
	checkSeen(t, s.new(t, killed(t, dir), Options{}), all, 0, 5, 7, 8)
	mustSweep(t, st, all...)
	checkSeen(t, st, all, 0, 5, 7, 8)
	mustSweep(t, st, append(some(t, 0, 3), all[5], all[6], all[9])...)
	kept := []block{all[0], all[1], all[2], all[5], all[6], all[9]}
	checkSeen(t, st, kept, 0, 3)
	st = s.new(t, killed(t, dir), Options{})
	checkSeen(t, st, kept, 0, 3)
	mustPut(t, st, true, later, all[8])
	mustPut(t, st, false, all[7])
	checkSeen(t, st, append(kept, later, all[8], all[7]), 0, 3, 8)
}

// A block that is hidden or published while a sweep runs is so afterwards.
func (s suite) visibilityDuringSweep(t *testing.T) {
	dir := t.TempDir()
	st := s.new(t, dir, Options{})
	all := some(t, 0, 40)
	mustPut(t, st, true, all[:20]...)
	mustPut(t, st, false, all[20:]...)
	_, err := st.Sweep(t.Context(), func(context.Context) (blocks.Live, error) {
		publish(t, st, all[0], all[1])
		hide(t, st, all[20], all[21])
		mustPut(t, st, false, all[2])
		return liveOnly(append(some(t, 0, 4), some(t, 20, 24)...)...), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	kept := append(some(t, 0, 4), some(t, 20, 24)...)
	for _, st := range []blocks.Store{st, s.new(t, killed(t, dir), Options{})} {
		checkSeen(t, st, kept, 0, 1, 2, 6, 7)
		mustSweep(t, st, kept[:7]...)
		checkSeen(t, st, kept[:7], 0, 1, 2, 6)
	}
}
