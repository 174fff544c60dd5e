package segment

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/multiformats/go-multihash"
)

// checked is a directory that a killed process leaves: a segment of n blocks of
// 300 KB, some hidden, with a checkpoint each second block.
func checked(t testing.TB, n int) (*memFiles, []block) {
	t.Helper()
	d := newMemFiles()
	s := openTest(t, d, Options{checkpoint: 500_000})
	var blocks []block
	for i := range n {
		blocks = append(blocks, newBlock(t, fmt.Appendf(bytes.Repeat([]byte{byte(i)}, 300_000), "%d", i), multihash.SHA2_256))
		mustPut(t, s, false, blocks[i])
		if i%3 == 0 {
			hide(t, s, blocks[i])
		}
	}
	return d.killed(), blocks
}

func hide(t testing.TB, s *Store, blocks ...block) {
	t.Helper()
	b := s.Batch(false)
	for _, x := range blocks {
		if err := b.Hide(t.Context(), x.cid); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func checkChecked(t testing.TB, s *Store, blocks []block) {
	t.Helper()
	for i, x := range blocks {
		check(t, s, i%3 != 0, x)
		if i%3 == 0 {
			checkAbsent(t, s, true, x)
		}
	}
}

// readBytes counts what an open reads of segment 0.
func readBytes(t testing.TB, d *memFiles) (n int, s *Store) {
	t.Helper()
	d.reads = map[string]int{}
	s = openTest(t, d, Options{})
	return d.reads[dataName(0)], s
}

// After a crash only what came behind the last checkpoint is read.
func TestCheckpoint(t *testing.T) {
	for _, crash := range []bool{false, true} {
		d, blocks := checked(t, 20)
		if crash { // the checkpoint may be lost with the power, or a part of it
			d = d.crash(rand.New(rand.NewPCG(4, 4)))
		}
		size := len(d.files[dataName(0)].data)
		n, s := readBytes(t, d)
		checkChecked(t, s, blocks)
		if most := 1_300_000; !crash && n > most {
			t.Errorf("%d bytes read of %d, want at most %d", n, size, most)
		}
		if _, ok := d.files[checkName(0)]; ok {
			t.Error("the checkpoint is there after the index was written")
		}
		checkChecked(t, openTest(t, d.killed(), Options{}), blocks)
	}
}

// A checkpoint that is cut, changed, of another segment, or lies costs a longer
// scan and nothing else.
func TestBadCheckpoint(t *testing.T) {
	d, blocks := checked(t, 8)
	good := d.files[checkName(0)].data
	first, ok := frameSize(good)
	if !ok || first >= int64(len(good)) {
		t.Fatalf("%d bytes of checkpoint, the first frame has %d", len(good), first)
	}
	bad := map[string][]byte{"missing": nil, "zeros": make([]byte, len(good))}
	for cut := range good {
		if cut%7 == 0 || cut < 40 {
			bad[fmt.Sprintf("cut at %d", cut)] = good[:cut]
			flipped := slices.Clone(good)
			flipped[cut] ^= 0x20
			bad[fmt.Sprintf("changed at %d", cut)] = flipped
		}
	}
	c := readCheckpoint(d, 0, bytes.NewReader(d.files[dataName(0)].data), 1<<30)
	bad["of another segment"] = encodeFrame(1, int64(len(header)), c.end, c.entries, c.verdicts)
	bad["beyond the end"] = encodeFrame(0, int64(len(header)), 1<<30, c.entries, c.verdicts)
	moved := slices.Clone(c.entries)
	for i := range moved {
		moved[i].off++
	}
	bad["moved"] = encodeFrame(0, int64(len(header)), c.end+1, moved, nil)
	other := slices.Clone(c.entries)
	for i := range other {
		other[i].flags ^= flagPrivate
	}
	bad["with other flags"] = encodeFrame(0, int64(len(header)), c.end, other, c.verdicts)
	for name, data := range bad {
		t.Run(name, func(t *testing.T) {
			d := withFile(d, checkName(0), data)
			if data == nil {
				delete(d.files, checkName(0))
			}
			checkChecked(t, openTest(t, d, Options{}), blocks)
		})
	}
}

// A checkpoint file that could not be written is not written again, and is
// missed by nobody.
func TestCheckpointFails(t *testing.T) {
	for _, op := range []string{"create", "write"} {
		for _, f := range []fault{notApplied, applied, torn} {
			d := newMemFiles()
			failed := false
			d.hook = func(o, name string) fault {
				if name != checkName(0) || o != op {
					return noFault
				}
				if failed {
					t.Errorf("%s of a checkpoint that failed", o)
				}
				failed = true
				return f
			}
			s := openTest(t, d, Options{checkpoint: 300})
			blocks := someBlocks(t, 0, 30)
			for _, x := range blocks {
				mustPut(t, s, false, x)
			}
			if !failed {
				t.Fatal("no checkpoint was written")
			}
			check(t, openTest(t, d.killed(), Options{}), true, blocks...)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			check(t, openTest(t, d, Options{}), true, blocks...)
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	entries := someEntries(30, rand.New(rand.NewPCG(1, 1)))
	end := entries[29].loc.end()
	frame := encodeFrame(0, int64(len(header)), end+verdictSize, entries, []opinion{{entries[0].key, verdict{off: uint32(end), private: true}}})
	f.Add(frame, true)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		b = slices.Clone(b)
		if n, ok := frameSize(b); sum && ok && n <= int64(len(b)) {
			encodeSum(b[:n-frameSum], b[n-frameSum:n])
		}
		from := contents{end: int64(len(header))}
		n, ok := frameSize(b)
		if !ok || n > int64(len(b)) {
			return
		}
		c, ok := decodeFrame(b[:n], 0, from)
		if !ok {
			return
		}
		for _, e := range c.entries {
			if int64(e.off) < from.end || e.loc.end() > c.end {
				t.Errorf("entry %+v outside %d to %d", e, from.end, c.end)
			}
		}
		if again := encodeFrame(0, from.end, c.end, c.entries, c.verdicts); len(again) != int(n) {
			t.Errorf("encodes to %d bytes, was %d", len(again), n)
		}
	})
}
