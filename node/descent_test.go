package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
)

// linkMap is a DAG by its links.
type linkMap map[cid.Cid][]cid.Cid

func (m linkMap) read(_ context.Context, c cid.Cid) ([]cid.Cid, error) { return m[c], nil }

// rest is what a descent still comes by, nodes that it has entered before too.
func (m linkMap) rest(t *testing.T, d *descent) (all []cid.Cid) {
	t.Helper()
	for {
		c, ok, err := d.peek(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			if d.held != 0 || d.pending != 0 {
				t.Fatalf("at the end %d links are held and %d pending", d.held, d.pending)
			}
			return all
		}
		all = append(all, c)
		if err := d.enter(c, m[c]); err != nil {
			t.Fatal(err)
		}
	}
}

// randomDAG has n nodes with up to width links each, and nodes with many parents.
func randomDAG(t *testing.T, r *rand.Rand, n, width int) (linkMap, cid.Cid) {
	m := linkMap{}
	nodes := []cid.Cid{rawOf(t, "leaf").Cid, rawOf(t, "other").Cid}
	for range n {
		var links []cid.Cid
		for range 1 + r.IntN(width) {
			// Near ones, so that it is deep and has few paths.
			links = append(links, nodes[max(0, len(nodes)-1-r.IntN(3))])
			if r.IntN(3) > 0 {
				links = append(links, nodes[r.IntN(2)])
			}
		}
		b := cborOf(t, links...)
		m[b.Cid] = links
		nodes = append(nodes, b.Cid)
	}
	return m, nodes[len(nodes)-1]
}

// A descent that was written down and taken up goes on as if it never ended.
func TestDescentResumes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		m, root := randomDAG(t, r, 8, 2)
		want := m.rest(t, newDescent(root, m.read))
		for at := range want {
			d := newDescent(root, m.read)
			for _, c := range want[:at] {
				if got, _, _ := d.peek(t.Context()); !got.Equals(c) {
					t.Fatalf("the walk differs from itself")
				}
				if err := d.enter(c, m[c]); err != nil {
					t.Fatal(err)
				}
			}
			fork := d.fork()
			again := newDescent(root, m.read)
			if cursor := d.cursor(); at > 0 {
				if err := again.resume(cursor); err != nil {
					t.Fatal(err)
				}
			}
			for _, d := range []*descent{fork, again, d} {
				if got := m.rest(t, d); !slices.Equal(got, want[at:]) {
					t.Fatalf("after %d of %d: %d others, want %d", at, len(want), len(got), len(want)-at)
				}
			}
		}
	}
}

// Of a very long path a cursor keeps the upper part, and nothing is left out.
func TestDescentLongPath(t *testing.T) {
	m, below := linkMap{}, rawOf(t, "end").Cid
	side := rawOf(t, "side").Cid
	const depth = maxCursor + 100
	for range depth {
		b := cborOf(t, below, side)
		m[b.Cid] = []cid.Cid{below, side}
		below = b.Cid
	}
	d := newDescent(below, m.read)
	for range depth {
		c, _, err := d.peek(t.Context())
		if err != nil || d.enter(c, m[c]) != nil {
			t.Fatal(err)
		}
	}
	again := newDescent(below, m.read)
	if err := again.resume(d.cursor()); err != nil {
		t.Fatal(err)
	}
	got, want := m.rest(t, again), m.rest(t, d)
	if len(got) < len(want) || !slices.Equal(got[len(got)-len(want):], want) {
		t.Errorf("%d links are left, want at least the %d", len(got), len(want))
	}
	if len(got) > len(want)+200 {
		t.Errorf("%d links are left, want not much over %d", len(got), len(want))
	}
}

// The links of the path are not all in memory.
func TestDescentHoldsFewLinks(t *testing.T) {
	many := make([]cid.Cid, 1<<14)
	for i := range many {
		many[i] = rawOf(t, "leaf").Cid
	}
	m, top := linkMap{}, rawOf(t, "end").Cid
	for i := range 40 {
		b := cborOf(t, top, rawOf(t, string(rune(i))).Cid)
		m[b.Cid] = append([]cid.Cid{top}, many...)
		top = b.Cid
	}
	d, most := newDescent(top, m.read), 0
	for c, ok, err := d.peek(t.Context()); ok; c, ok, err = d.peek(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := d.enter(c, m[c]); err != nil {
			t.Fatal(err)
		}
		most = max(most, d.held)
	}
	if most > maxHeld+2*len(many) {
		t.Errorf("%d links were held, want about %d", most, maxHeld)
	}
}

func TestDescentLimits(t *testing.T) {
	wide := make([]cid.Cid, maxPending)
	d := newDescent(rawOf(t, "root").Cid, nil)
	var bad *DAGError
	if err := d.enter(rawOf(t, "root").Cid, append(wide, cid.Undef)); !errors.As(err, &bad) {
		t.Errorf("too many links: %v", err)
	}
	d = newDescent(rawOf(t, "root").Cid, nil)
	two := []cid.Cid{rawOf(t, "a").Cid, rawOf(t, "b").Cid}
	var err error
	for i := 0; i <= maxPath && err == nil; i++ {
		err = d.enter(two[0], two)
	}
	if !errors.As(err, &bad) {
		t.Errorf("too deep: %v", err)
	}
}

func FuzzDescentCursor(f *testing.F) {
	m, root := linkMap{}, cid.Cid{}
	{
		leaf := rawOf(f, "leaf").Cid
		b := cborOf(f, leaf, leaf)
		m[b.Cid], root = []cid.Cid{leaf, leaf}, b.Cid
	}
	d := newDescent(root, m.read)
	if err := d.enter(root, m[root]); err != nil {
		f.Fatal(err)
	}
	f.Add(d.cursor())
	f.Add([]byte{0xff, 1})
	f.Fuzz(func(t *testing.T, cursor []byte) {
		d := newDescent(root, m.read)
		if d.resume(cursor) != nil {
			return
		}
		if again := d.cursor(); len(d.path) > 0 && len(again) == 0 {
			t.Errorf("cursor %x is taken and not given again", cursor)
		}
		for range 10 { // a wrong one is an error, never a panic
			c, ok, err := d.peek(t.Context())
			if !ok || err != nil {
				return
			}
			if d.enter(c, m[c]) != nil {
				return
			}
		}
	})
}
