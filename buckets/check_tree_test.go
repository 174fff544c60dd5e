package buckets_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
)

// treeFaultsOf are the faults that CheckTrees names.
func (f *fixture) treeFaultsOf(rebuild bool) (faults []string) {
	f.t.Helper()
	err := f.CheckTrees(f.t.Context(), rebuild, func(where, what string) { faults = append(faults, where+": "+what) })
	if err != nil {
		f.t.Fatal(err)
	}
	return faults
}

// at is what a directory names.
func (f *fixture) at(dir cid.Cid, name string) cid.Cid {
	f.t.Helper()
	d, err := f.node.DirWriter(false).Open(f.t.Context(), dir)
	if err != nil {
		f.t.Fatal(err)
	}
	e, ok, err := d.Get(f.t.Context(), name)
	if err != nil || !ok {
		f.t.Fatalf("entry %q: %v, %v", name, ok, err)
	}
	return e.Root
}

// everyBlock are the blocks under all roots, as raw ones, below which there are no others.
func (f *fixture) everyBlock() (all []cid.Cid) {
	f.t.Helper()
	walk := func(root cid.Cid) error {
		return f.node.Walk(f.t.Context(), root, func(c cid.Cid, _ int) error {
			all = append(all, cid.NewCidV1(cid.Raw, c.Hash()))
			return nil
		})
	}
	if err := errors.Join(f.Roots(f.t.Context(), walk), f.Trees(f.t.Context(), walk)); err != nil {
		f.t.Fatal(err)
	}
	return all
}

// keepBut removes all blocks from the store but these, without those lost.
func (f *fixture) keepBut(all []cid.Cid, lost ...cid.Cid) {
	f.t.Helper()
	_, err := f.node.Sweep(f.t.Context(), func(yield func(cid.Cid) error) (err error) {
		for _, c := range all {
			isLost := func(l cid.Cid) bool { return string(l.Hash()) == string(c.Hash()) }
			if !slices.ContainsFunc(lost, isLost) {
				err = errors.Join(err, yield(c))
			}
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// A node of a tree that is lost is named, and made again; a file in the tree
// whose root is as much a node, and is not here either, is not named.
func TestCheckTreesLostNode(t *testing.T) {
	f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	b := f.bucket("one")
	big := f.put(b, "dir/big", strings.Repeat("a", 1<<20+1)).CID // its root is a node too
	f.put(b, "dir/sub/key", "body")
	f.put(b, "dir/%odd/key", "another body")
	f.put(b, "dir/sub", "a file beside a directory")
	root := f.tree(b)
	if got := f.treeFaultsOf(false); len(got) != 0 {
		t.Errorf("faults of a sound tree: %q", got)
	}
	dir := f.at(root, "dir")
	sub, odd := f.at(dir, "sub"), f.at(dir, buckets.TreeName("%odd"))
	all := f.everyBlock()
	f.keepBut(all, big)
	if got := f.treeFaultsOf(false); len(got) != 0 {
		t.Errorf("faults when a file is not here: %q", got)
	}
	f.keepBut(all, big, sub, odd)
	var want []string
	for _, c := range []struct {
		cid  cid.Cid
		path string
	}{{sub, "/dir/sub"}, {odd, "/dir/" + buckets.TreeName("%odd")}} {
		want = append(want, fmt.Sprintf("tree of bucket %q: node %s of directory %q is missing or damaged", "one", c.cid, c.path))
	}
	got := f.treeFaultsOf(false)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("faults %q, want %q", got, want)
	}
	// What a change not yet made in the tree has taken from under it tells nothing.
	f.delete(b, "dir/sub/key")
	if got := f.treeFaultsOf(true); len(got) != 1 {
		t.Errorf("faults %q, want that of the other directory", got)
	}
	if got := f.treeFaultsOf(false); len(got) != 0 {
		t.Errorf("faults %q of a tree that is to be made anew", got)
	}
	f.run()
	f.await("the tree is made anew", func() bool {
		tree, err := f.KnownTree(t.Context(), f.named("one"))
		return err == nil && !tree.Pending
	})
	if got := f.treeFaultsOf(false); len(got) != 0 {
		t.Errorf("faults %q after the repair", got)
	}
}

// Keys that wait for a tree, and no job that lets go of them, are named.
func TestCheckTreeRows(t *testing.T) {
	f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	f.HurryTrees(4, time.Hour)
	b := f.bucket("one")
	f.tree(b)
	f.put(f.named("one"), "key", "body")
	wantErr(t, "Check", f.Check(t.Context()), nil)
	wantErr(t, "Unjob", f.Unjob(t.Context(), b), nil)
	want := `key "key" of bucket ` + b.UUID + " waits for its tree, and there is no job"
	if err := f.Check(t.Context()); !errors.Is(err, buckets.ErrInconsistent) || !strings.Contains(err.Error(), want) {
		t.Errorf("Check = %v, want %q", err, want)
	}
	wantErr(t, "ForgetTree", f.ForgetTree(t.Context(), b), nil) // which adds the job
}
