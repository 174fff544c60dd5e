package node

import (
	"fmt"
	"testing"
)

// Of a tree the nodes of its directories stay, and nothing that their entries
// name, unless that is live for another reason.
func TestSweepTrees(t *testing.T) {
	n := newTestNode(t, Config{})
	n.shape = shape{chunk: 100, width: 4}
	live := mustImport(t, n, mustRead(t, keystream(1000, "live")), ImportOptions{})
	dead := mustImport(t, n, mustRead(t, keystream(1000, "dead")), ImportOptions{})
	small := mustImport(t, n, []byte("small"), ImportOptions{})

	w := n.DirWriter(false)
	b := w.Build()
	defer b.Close()
	for i := range 6000 { // a HAMT
		if err := b.Add(DirEntry{Name: fmt.Sprintf("file %d", i), Root: small.Root, Tsize: 5}); err != nil {
			t.Fatal(err)
		}
	}
	inner := storeDir(t, b)
	inner.Name = "inner"
	d := w.New()
	for _, e := range []DirEntry{inner, {Name: "live", Root: live.Root, Tsize: 1}, {Name: "dead", Root: dead.Root, Tsize: 1}} {
		if err := d.Set(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	root := storeDir(t, d)
	if err := w.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := n.Usage().Blocks
	r, err := n.SweepTrees(t.Context(), yieldAll(live.Root), yieldAll(root.Root))
	if err != nil {
		t.Fatal(err)
	}
	// Of the dead file its 10 leaves and the nodes over them, 3 and 1; of the small one its block.
	if want := int64(10 + 3 + 1 + 1); r.Blocks != want || r.Kept != before-want {
		t.Errorf("SweepTrees = %+v of %d blocks, want %d removed", r, before, want)
	}
	read, err := n.DirWriter(false).Open(t.Context(), inner.Root)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6000 {
		if _, ok, err := read.Get(t.Context(), fmt.Sprintf("file %d", i)); !ok || err != nil {
			t.Fatalf("entry %d of the tree after the sweep: %v, %v", i, ok, err)
		}
	}
	mustRead(t, mustOpen(t, n, live.Root))
	if r, err = n.SweepTrees(t.Context(), yieldAll(), yieldAll()); err != nil || n.Usage().Blocks != 0 {
		t.Errorf("without roots SweepTrees = %+v, %v, and %d blocks are left", r, err, n.Usage().Blocks)
	}
}
