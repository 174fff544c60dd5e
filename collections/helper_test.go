package collections_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

const me, other = 7, 8

// fixture is Collections on real parts in a temporary directory.
type fixture struct {
	*collections.Collections
	t       *testing.T
	dir     string
	opt     buckets.Options
	store   *kvtest.Faulty
	node    *node.Node
	queue   *queue.Queue
	buckets *buckets.Buckets
	choose  func(int) kvtest.Fault
}

// newTest opens a fixture whose buckets publish, and whose rows are checked when
// the test ends.
func newTest(t *testing.T) *fixture { return newTestWith(t, buckets.Policy{Publish: true}) }

func newTestWith(t *testing.T, p buckets.Policy) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), opt: buckets.Options{Policy: p}}
	f.open()
	t.Cleanup(func() {
		f.store.Choose(nil)
		f.check("at the end")
		f.close()
	})
	return f
}

func (f *fixture) check(when string) {
	f.t.Helper()
	ctx := context.Background()
	if err := errors.Join(f.Check(ctx), f.buckets.Check(ctx)); err != nil {
		f.t.Errorf("%s: %v", when, err)
	}
}

func (f *fixture) open() {
	f.t.Helper()
	store, err := kv.OpenBolt(context.Background(), filepath.Join(f.dir, "meta.db"), kv.BoltOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	f.store = &kvtest.Faulty{Store: kvtest.Rerun(store)}
	if f.node, err = node.Open(context.Background(), node.Config{Dir: filepath.Join(f.dir, "blocks")}); err != nil {
		f.t.Fatal(err)
	}
	f.queue = queue.New(f.store, queue.Options{MinBack: time.Millisecond, MaxBack: 20 * time.Millisecond})
	f.buckets = buckets.New(f.store, f.node, f.queue, f.opt)
	f.Collections = collections.New(f.store, f.buckets, f.queue)
}

func (f *fixture) close() {
	f.t.Helper()
	if err := errors.Join(f.node.Close(), f.store.Close()); err != nil {
		f.t.Error(err)
	}
}

// reopen is a restart of the process.
func (f *fixture) reopen() {
	f.t.Helper()
	f.store.Choose(nil)
	f.close()
	f.open()
}

// settle runs the jobs that are due.
func (f *fixture) settle() {
	f.t.Helper()
	if _, err := f.queue.Settle(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) create(name string) collections.Collection {
	f.t.Helper()
	col, err := f.Create(f.t.Context(), me, name, "for tests")
	if err != nil {
		f.t.Fatal(err)
	}
	return col
}

// bucket makes a bucket of mine and returns it as the collection it is.
func (f *fixture) bucket(name string, opt buckets.BucketOptions) (buckets.Bucket, collections.Collection) {
	f.t.Helper()
	b, err := f.buckets.CreateBucket(f.t.Context(), me, name, opt)
	if err != nil {
		f.t.Fatal(err)
	}
	col, err := f.Collection(f.t.Context(), me, b.UUID)
	if err != nil {
		f.t.Fatal(err)
	}
	return b, col
}

// content adds a body to a user's global bucket.
func (f *fixture) content(owner uint64, name, body string) uint64 {
	f.t.Helper()
	b, err := f.buckets.GlobalBucket(f.t.Context(), owner)
	if err != nil {
		f.t.Fatal(err)
	}
	o, err := f.buckets.Add(f.t.Context(), b, name, owner, buckets.Upload{Body: strings.NewReader(body)}, buckets.Attributes{})
	if err != nil {
		f.t.Fatal(err)
	}
	return o.Content
}

// remove deletes a content's object.
func (f *fixture) remove(content uint64) {
	f.t.Helper()
	c, err := f.buckets.Content(f.t.Context(), content)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := f.buckets.BucketByUUID(f.t.Context(), c.Bucket)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.buckets.Delete(f.t.Context(), b, c.Key, buckets.DeleteOptions{}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) add(col collections.Collection, path string, content uint64) {
	f.t.Helper()
	if err := f.Add(f.t.Context(), me, col.UUID, []collections.Named{{Path: path, ID: content}}, false); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) upload(p collections.Place, name, body string) (buckets.Object, error) {
	f.t.Helper()
	return f.uploadAs(p, name, buckets.Upload{Body: strings.NewReader(body)})
}

func (f *fixture) uploadAs(p collections.Place, name string, up buckets.Upload) (buckets.Object, error) {
	f.t.Helper()
	target, err := f.Find(f.t.Context(), me, p)
	if err != nil {
		return buckets.Object{}, err
	}
	return f.Upload(f.t.Context(), me, target, func(cid.Cid) string { return name }, up, buckets.Attributes{})
}

// entries are the paths of a collection with their contents' ids, read in pages of max.
func (f *fixture) entries(col collections.Collection, max int) string {
	f.t.Helper()
	var out []string
	for after := ""; ; {
		page, err := f.Entries(f.t.Context(), col, after, max)
		if err != nil {
			f.t.Fatal(err)
		}
		if len(page.Entries) > max {
			f.t.Fatalf("a page of %d has %d entries", max, len(page.Entries))
		}
		for _, e := range page.Entries {
			out = append(out, fmt.Sprintf("%s=%d", e.Path, e.ID()))
		}
		if !page.More {
			return strings.Join(out, " ")
		}
		after = page.Next
	}
}

// paths are entries without ids.
func (f *fixture) paths(col collections.Collection) string {
	f.t.Helper()
	var out []string
	for _, e := range strings.Fields(f.entries(col, 100)) {
		path, _, _ := strings.Cut(e, "=")
		out = append(out, path)
	}
	return strings.Join(out, " ")
}

// children are the names in a directory, read in pages of max; directories end with a slash.
func (f *fixture) children(col collections.Collection, dir string, max int) string {
	f.t.Helper()
	var out []string
	for after := ""; ; {
		page, err := f.Children(f.t.Context(), col, dir, after, max)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, c := range page.Children {
			if c.Dir {
				c.Name += "/"
			}
			out = append(out, c.Name)
		}
		if !page.More {
			return strings.Join(out, " ")
		}
		after = page.Next
	}
}

// contents counts a user's contents.
func (f *fixture) contents(owner uint64) int {
	f.t.Helper()
	list, err := f.buckets.Contents(f.t.Context(), owner, 10_000, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	return len(list)
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil && err != nil) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func names(list []collections.Collection) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Name)
	}
	return strings.Join(slices.Clip(out), " ")
}
