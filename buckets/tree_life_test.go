package buckets_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
)

var treeFaults = []faultCase{
	{
		name:   "first tree",
		before: func(f *fixture, b buckets.Bucket) string { f.put(b, "dir/key", "body"); return "" },
		op:     askTree, heals: true, after: treeIsRight,
	},
	{
		name: "tree after changes",
		before: func(f *fixture, b buckets.Bucket) string {
			f.putAll(b, numbered(12), "body")
			f.tree(b)
			f.putAll(b, numbered(9), "other")
			f.delete(b, "dir 1/key 0")
			return ""
		},
		op: askTree, heals: true, after: treeIsRight,
	},
	{
		name:   "put with a tree",
		before: func(f *fixture, b buckets.Bucket) string { f.tree(b); return "" },
		op:     func(f *fixture, b buckets.Bucket, _ string) error { return putErr(f, b, "key", "new") },
		after: func(f *fixture, b buckets.Bucket) error {
			return errors.Join(objectIs("key", "new")(f, b), treeIsRight(f, b))
		},
	},
	{
		name:   "forget a tree",
		before: func(f *fixture, b buckets.Bucket) string { f.tree(b); f.put(b, "key", "new"); return "" },
		op:     func(f *fixture, b buckets.Bucket, _ string) error { return f.ForgetTree(f.t.Context(), b) },
		after:  treeIsRight,
	},
}

// numbered are n keys in three directories.
func numbered(n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprintf("dir %d/key %d", i%3, i/3))
	}
	return keys
}

// No two segments have one name, and every name can be a directory's entry.
func FuzzTreeName(f *testing.F) {
	for _, s := range []string{"", ".", "..", "a", "a%file", "%", "%a", "%file", "%2F", "\x00", "a\n", "%00", "é\u0085", "100%"} {
		f.Add(s, "a")
		f.Add(s, "%"+s)
		f.Add(s, s+"%file")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == b || strings.Contains(a+b, "/") || !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		names := []string{buckets.TreeName(a), buckets.TreeName(b), buckets.DisplacedName(a), buckets.DisplacedName(b)}
		for i, name := range names {
			if slices.Contains(names[:i], name) {
				t.Errorf("%q and %q: names %q", a, b, names)
			}
			if name == "" || name == "." || name == ".." || strings.ContainsFunc(name, unicode.IsControl) || strings.Contains(name, "/") {
				t.Errorf("%q and %q: names %q", a, b, names)
			}
		}
	})
}

func askTree(f *fixture, b buckets.Bucket, _ string) error {
	f.HurryTrees(4, time.Millisecond)
	_, err := f.Tree(f.t.Context(), b, time.Minute)
	return err
}

func treeIsRight(f *fixture, b buckets.Bucket) error {
	f.checkTree(b)
	if n, err := f.Touched(f.t.Context()); n != 0 || err != nil {
		return fmt.Errorf("%d touched keys, %w", n, err)
	}
	return nil
}

// A bucket without a tree has no touched keys; one with a tree is brought up to
// date by the job, whoever looks.
func TestTreeJob(t *testing.T) {
	f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	f.HurryTrees(3, time.Millisecond)
	b, ctx := f.bucket("one"), t.Context()
	f.putAll(b, numbered(10), "body")
	if n, err := f.Touched(ctx); n != 0 || err != nil {
		t.Errorf("%d touched keys without a tree, %v", n, err)
	}
	if _, err := f.KnownTree(ctx, b); !errors.Is(err, buckets.ErrNoTree) {
		t.Errorf("KnownTree before anyone asked: %v", err)
	}
	first, err := f.Tree(ctx, b, 0)
	if err != nil || !first.Pending || first.Root.Defined() {
		t.Errorf("Tree without waiting = %+v, %v", first, err)
	}
	f.run()
	known := func() buckets.Tree {
		known, err := f.KnownTree(ctx, f.named("one"))
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	f.await("the first tree", func() bool { return !known().Pending })
	f.putAll(b, numbered(20), "other")
	f.await("a tree of later objects", func() bool { return !known().Pending })
	if got, want := known().Root, f.naiveTree(b); !got.Equals(want) {
		t.Errorf("tree = %s, want %s", got, want)
	}
}

// Old roots stay for a while; what nobody asks for goes, and what is gone comes back.
func TestTreeRoots(t *testing.T) {
	f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	b, ctx := f.bucket("one"), t.Context()
	f.put(b, "dir/a", "a")
	old := f.tree(b)
	f.put(b, "dir/b", "b")
	now := f.tree(b)
	sweep := func() {
		t.Helper()
		if _, err := f.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	for _, root := range []cid.Cid{old, now} {
		if w := f.browse(root, "/dir/"); w.Code != http.StatusOK {
			t.Errorf("listing of %s: %d", root, w.Code)
		}
	}
	wantErr(t, "AgeTrees", f.AgeTrees(ctx, b, 2*time.Hour), nil)
	sweep()
	if w := f.browse(old, "/"); w.Code != http.StatusNotFound {
		t.Errorf("listing of an old root after an hour: %d", w.Code)
	}
	if w := f.browse(now, "/dir/b"); w.Code != http.StatusOK {
		t.Errorf("the present root: %d", w.Code)
	}
	// Nobody has asked for long, and then there is a change.
	wantErr(t, "ForgetAsked", f.ForgetAsked(ctx, b), nil)
	f.HurryTrees(10, time.Millisecond)
	f.put(b, "dir/c", "c")
	f.run()
	f.await("the tree to be forgotten", func() bool { return !f.named("one").Tree })
	f.await("its touched keys to go", func() bool { n, err := f.Touched(ctx); return n == 0 && err == nil })
	sweep()
	if n := f.node.Usage().Blocks; n != 3 {
		t.Errorf("%d blocks, want those of 3 objects", n)
	}
	f.checkTree(b)
	for _, key := range []string{"dir/a", "dir/b", "dir/c"} {
		f.delete(b, key)
	}
	wantErr(t, "DeleteBucket", f.DeleteBucket(ctx, b), nil)
	f.await("touched keys of a bucket that is gone to go", func() bool { n, err := f.Touched(ctx); return n == 0 && err == nil })
	sweep()
	if n := f.node.Usage().Blocks; n != 0 {
		t.Errorf("%d blocks are left of a deleted bucket", n)
	}
}

// The blocks of a private bucket's tree are as private as its objects, and
// follow when that changes. Nodes that are lost are made again.
func TestTreePrivate(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b, ctx := f.bucket("one"), t.Context()
	f.put(b, "dir/key", "private")
	root := f.tree(b)
	for _, path := range []string{"", "/dir/", "/dir/key"} {
		if w := f.browse(root, path); w.Code != http.StatusNotFound {
			t.Errorf("%q of a private tree: %d", path, w.Code)
		}
	}
	f.delete(b, "dir/key")
	b, err := f.SetPolicy(ctx, "one", func(p *buckets.Policy) { p.Publish = true })
	wantErr(t, "SetPolicy", err, nil)
	f.put(b, "dir/key", "public")
	root = f.tree(b)
	if w := f.browse(root, "/dir/key"); w.Code != http.StatusOK || w.Body.String() != "public" {
		t.Errorf("public key: %d, %q", w.Code, w.Body)
	}
	// The node sweeps what it is not told of.
	if _, err := f.node.Sweep(ctx, func(yield func(cid.Cid) error) error { return f.Roots(ctx, yield) }); err != nil {
		t.Fatal(err)
	}
	f.put(b, "dir/other", "x")
	f.checkTree(b)
	if w := f.browse(f.tree(b), "/dir/"); w.Code != http.StatusOK {
		t.Errorf("listing: %d", w.Code)
	}
}

// A public tree that becomes private is hidden with the roots before it, but for
// what another public tree has too.
func TestTreeHidden(t *testing.T) {
	f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	one, two, ctx := f.bucket("one"), f.bucket("two"), t.Context()
	for _, b := range []buckets.Bucket{one, two} {
		f.put(b, "shared/deep/key", "same")
	}
	f.put(one, "secret/key", "other")
	before, other := f.tree(one), f.tree(two)
	f.delete(one, "shared/deep/key")
	f.delete(one, "secret/key")
	empty := f.tree(one)
	one, err := f.SetPolicy(ctx, "one", func(p *buckets.Policy) { p.Publish = false })
	wantErr(t, "SetPolicy", err, nil)
	if known, err := f.KnownTree(ctx, one); err != nil || !known.Pending {
		t.Errorf("KnownTree = %+v, %v, want it pending", known, err)
	}
	f.run()
	f.await("the job", func() bool { known, err := f.KnownTree(ctx, one); return err == nil && !known.Pending })
	for _, path := range []string{"/", "/secret/", "/shared/", "/shared/deep/"} {
		if w := f.browse(before, path); w.Code != http.StatusNotFound {
			t.Errorf("%s under the root from before: %d", path, w.Code)
		}
	}
	if w := f.browse(empty, "/"); w.Code != http.StatusNotFound {
		t.Errorf("private root: %d", w.Code)
	}
	for _, path := range []string{"/", "/shared/", "/shared/deep/", "/shared/deep/key"} {
		if w := f.browse(other, path); w.Code != http.StatusOK {
			t.Errorf("%s of the bucket that stays public: %d", path, w.Code)
		}
	}
	f.put(one, "secret/key", "other")
	f.checkTree(one)
	if w := f.browse(f.tree(one), "/secret/"); w.Code != http.StatusNotFound {
		t.Errorf("listing of a private directory: %d", w.Code)
	}
}

// Writers, sweeps and those who ask for the tree do not wait for each other, and
// every root that anyone gets can be listed.
func TestTreeRace(t *testing.T) {
	f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	f.HurryTrees(5, time.Millisecond)
	f.run()
	b, ctx := f.bucket("one"), t.Context()
	var writers, others sync.WaitGroup
	done := make(chan struct{})
	for seed := range uint64(6) {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(seed, 3))
			for range 80 {
				key := treeKeys[r.IntN(len(treeKeys))]
				var err error
				if r.IntN(3) > 0 {
					err = putErr(f, b, key, fmt.Sprint(r.IntN(3)))
				} else {
					err = f.deleteErr(b, key, buckets.DeleteOptions{})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	loop := func(fn func() error) {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := fn(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	loop(func() error { _, err := f.Sweep(ctx); return err })
	for _, wait := range []time.Duration{time.Millisecond, time.Minute} {
		loop(func() error {
			tree, err := f.Tree(ctx, b, wait)
			if err != nil || !tree.Root.Defined() {
				return err
			}
			if w := f.browse(tree.Root, "/"); w.Code != http.StatusOK {
				return fmt.Errorf("root %s: %d %s", tree.Root, w.Code, w.Body)
			}
			return nil
		})
	}
	writers.Wait()
	close(done)
	others.Wait()
	f.checkTree(b)
}

// A tree shows one moment: of two objects that are put by turns neither is ever
// more than one ahead.
func TestTreeMoment(t *testing.T) {
	f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: true}})
	f.HurryTrees(3, time.Millisecond)
	f.run()
	b, ctx := f.bucket("one"), t.Context()
	body := func(i int) string { return strings.Repeat("x", i+1) }
	f.put(b, "a/first", body(0))
	f.put(b, "b/second", body(0))
	f.tree(b)
	var writer sync.WaitGroup
	done := make(chan struct{})
	writer.Go(func() {
		defer close(done)
		for i := 1; i < 150; i++ {
			if err := errors.Join(putErr(f, b, "a/first", body(i)), putErr(f, b, "b/second", body(i))); err != nil {
				t.Error(err)
			}
		}
	})
	seen := map[string]bool{}
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		tree, err := f.Tree(ctx, b, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		one, two := f.browse(tree.Root, "/a/first").Body.String(), f.browse(tree.Root, "/b/second").Body.String()
		if len(one) != len(two) && len(one) != len(two)+1 {
			t.Errorf("a root shows the objects %d and %d", len(one)-1, len(two)-1)
		}
		seen[one] = true
	}
	writer.Wait()
	f.checkTree(b)
	t.Logf("saw %d states", len(seen))
}

// A bucket of many keys: its tree is built, and grows by as many, as boxo would
// make it.
func TestTreeOfMany(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	many := func(from, to int) (keys []string) {
		for i := from; i < to; i++ {
			keys = append(keys, fmt.Sprintf("%02d/%0800d", i%10/9*i%50, i)) // nine of ten in one directory: a HAMT
		}
		return keys
	}
	f.putAll(b, many(0, 500), "body")
	f.checkTree(b)
	f.putAll(b, many(500, 1000), "body")
	f.checkTree(b)
	f.put(b, "00/one more", "body")
	before := f.node.Usage().Blocks
	f.checkTree(b)
	if made := f.node.Usage().Blocks - before; made > 6 {
		t.Errorf("one more key wrote %d nodes", made)
	}
}
