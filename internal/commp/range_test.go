package commp_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/commp"
)

// committed is a piece with the chunks that its proofs are made of.
type committed struct {
	data []byte
	sum  commp.Sum
	tree *commp.Tree
	read int // bytes asked for
}

func commit(t testing.TB, data []byte) *committed {
	t.Helper()
	w := commp.Writer{Keep: true}
	for p := data; len(p) > 0; {
		n := min(len(p), 100_000)
		w.Write(p[:n])
		p = p[n:]
	}
	sum, err := w.Sum()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := commp.NewTree(w.Chunks(), sum.Padded)
	if err != nil {
		t.Fatal(err)
	}
	if root, err := tree.Root(); err != nil || root.Defined() && root != sum.CID {
		t.Fatalf("Root = %v, %v, want %v", root, err, sum.CID)
	}
	return &committed{data: data, sum: sum, tree: tree}
}

// at reads bytes, zeros behind the end.
func (c *committed) at(p []byte, off int64) error {
	c.read += len(p)
	clear(p)
	if off < int64(len(c.data)) {
		copy(p, c.data[off:])
	}
	return nil
}

// rebuild computes the commitment from a run of quads.
func (c *committed) rebuild(first, end uint64, left, right []commp.Node) (cid.Cid, error) {
	r, err := commp.NewRange(first, left)
	if err != nil {
		return cid.Undef, err
	}
	run := make([]byte, (end-first)*commp.Quad)
	c.at(run, int64(first)*commp.Quad)
	for len(run) > 0 {
		n := min(len(run), 1+rand.IntN(300_000))
		r.Write(run[:n])
		run = run[n:]
	}
	return r.Sum(c.sum.Padded, right)
}

func TestRange(t *testing.T) {
	const chunk = 2048
	for _, size := range []int{0, 1, 127, 128, 1000, 127*2048 - 1, 127 * 2048, 127*2048 + 1, 127*2048*5 + 3, 127 * 2048 * 8} {
		c := commit(t, random(size, 1))
		total := uint64(c.sum.Padded) / 128
		runs := [][2]uint64{{0, total}, {0, 1}, {total - 1, total}, {total / 2, total/2 + 1}, {total / 3, total - total/3}}
		for _, at := range []uint64{chunk - 1, chunk, chunk + 1, 2 * chunk} {
			runs = append(runs, [2]uint64{at, at + 1}, [2]uint64{at, at + chunk}, [2]uint64{at - 1, at + 1})
		}
		for range 20 {
			a := rand.Uint64N(total)
			runs = append(runs, [2]uint64{a, a + 1 + rand.Uint64N(total-a)})
		}
		for _, run := range runs {
			first, end := run[0], run[1]
			if first >= end || end > total {
				continue
			}
			c.read = 0
			left, right, err := c.tree.Siblings(first, end, c.at)
			if err != nil {
				t.Fatalf("%d bytes, quads %d to %d: %v", size, first, end, err)
			}
			if c.read > 2*chunk*commp.Quad {
				t.Errorf("%d bytes, quads %d to %d: %d bytes read, more than two chunks", size, first, end, c.read)
			}
			got, err := c.rebuild(first, end, left, right)
			if err != nil || got != c.sum.CID {
				t.Errorf("%d bytes, quads %d to %d: %v, %v, want %v", size, first, end, got, err, c.sum.CID)
			}
		}
	}
}

// Every node counts: a changed one, one more and one less give another commitment, or none.
func TestRangeForged(t *testing.T) {
	c := commit(t, random(127*2048*3+500, 1))
	const first, end = 2049 + 1024, 2049 + 1500
	left, right, err := c.tree.Siblings(first, end, c.at)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, first uint64, left, right []commp.Node) {
		t.Helper()
		if got, err := c.rebuild(first, first+end-3073, left, right); err == nil && got == c.sum.CID {
			t.Errorf("%s: accepted", what)
		}
	}
	for side, nodes := range map[string][]commp.Node{"left": left, "right": right} {
		for i := range nodes {
			nodes[i][i%32] ^= 1
			refused(fmt.Sprintf("%s node %d changed", side, i), first, left, right)
			nodes[i][i%32] ^= 1
		}
	}
	refused("left node less", first, left[1:], right)
	refused("left node more", first, append([]commp.Node{left[0]}, left...), right)
	refused("right node less", first, left, right[:len(right)-1])
	refused("right node more", first, left, append(right[:len(right):len(right)], right[0]))
	refused("moved by a quad", first+1, left, right)
	refused("moved far out", 1<<60, left[:1], right)
	r, _ := commp.NewRange(0, nil)
	r.Write(make([]byte, 126))
	if _, err := r.Sum(128, nil); err == nil {
		t.Error("a run that ends within a quad is accepted")
	}
	for _, padded := range []int64{0, -128, 64, 129, 384} {
		r, _ := commp.NewRange(0, nil)
		r.Write(make([]byte, 127))
		if _, err := r.Sum(padded, nil); err == nil {
			t.Errorf("a piece of %d bytes is accepted", padded)
		}
	}
}

// Chunks leaves the writer as it is, and is nothing without Keep.
func TestChunks(t *testing.T) {
	data := random(127*2048*2+17, 1)
	keep, plain := commp.Writer{Keep: true}, commp.Writer{}
	for _, b := range data[:1000] {
		keep.Write([]byte{b})
		keep.Chunks()
	}
	keep.Write(data[1000:])
	plain.Write(data)
	if n := len(keep.Chunks()); n != 3 {
		t.Errorf("%d chunks, want 3", n)
	}
	side := commp.NewParallel(2)
	side.Keep = true
	side.Write(data)
	if !slices.Equal(side.Chunks(), keep.Chunks()) {
		t.Error("chunks that were hashed in parallel differ")
	}
	a, _ := keep.Sum()
	b, _ := plain.Sum()
	if a != b {
		t.Errorf("Sum = %v with Keep, %v without", a, b)
	}
	if n := len(plain.Chunks()); n > 1 { // the unfinished one
		t.Errorf("%d chunks kept without being asked", n)
	}
}

func BenchmarkSiblings(b *testing.B) {
	// A shard of 1 GiB, of which only the chunks are there.
	chunks := make([]commp.Node, 4096)
	edge := random(127*2048, 1)
	read := func(p []byte, off int64) error { copy(p, edge); return nil }
	for b.Loop() {
		tree, err := commp.NewTree(chunks, 1<<30)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := tree.Siblings(1_234_567, 1_300_001, read); err != nil {
			b.Fatal(err)
		}
	}
}
