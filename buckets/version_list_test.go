package buckets_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// TestVersionPages compares pages of every size and start with the whole listing.
func TestVersionPages(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	r := rand.New(rand.NewPCG(1, 2))
	keys := []string{"a", "a/1", "a/2", "a/2/x", "b/", "b/\x00", "c", "é/1"}
	for i := range 90 {
		switch key := keys[r.IntN(len(keys))]; {
		case i == 10:
			wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("one"), buckets.Enabled), nil)
		case i == 60:
			wantErr(t, "SetVersioning", f.SetVersioning(ctx, f.named("one"), buckets.Suspended), nil)
		case r.IntN(3) == 0:
			f.delete(b, key)
		default:
			f.put(b, key, fmt.Sprint(i))
		}
	}
	whole, err := f.Versions(ctx, b, buckets.VersionQuery{Max: 1000})
	if err != nil || whole.More || len(whole.Versions) < 40 {
		t.Fatalf("Versions = %d of them, more %v, %v", len(whole.Versions), whole.More, err)
	}
	for _, prefix := range []string{"", "a", "a/", "a/2", "b/", "x", "é"} {
		for _, delimiter := range []string{"", "/", "2"} {
			want := rolled(whole.Versions, prefix, delimiter)
			for _, max := range []int{1, 2, 3, 7, 100} {
				q := buckets.VersionQuery{Prefix: prefix, Delimiter: delimiter, Max: max}
				if got := f.allVersions(b, q); !slices.Equal(got, want) {
					t.Errorf("%+v: pages have\n%s\nwant\n%s", q, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
	f.resumeVersions(b, whole.Versions)
}

// rolled is what a listing holds, told the naive way.
func rolled(all []buckets.Object, prefix, delimiter string) (lines []string) {
	for _, o := range all {
		rest, ok := strings.CutPrefix(o.Key, prefix)
		if !ok {
			continue
		}
		item := line(o)
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			item = prefix + rest[:i+len(delimiter)]
		}
		if len(lines) == 0 || lines[len(lines)-1] != item {
			lines = append(lines, item)
		}
	}
	return lines
}

// allVersions follows pages to the end.
func (f *fixture) allVersions(b buckets.Bucket, q buckets.VersionQuery) (lines []string) {
	for {
		page, err := f.Versions(f.t.Context(), b, q)
		if err != nil {
			f.t.Fatal(err)
		}
		if n := len(page.Versions) + len(page.Prefixes); n > q.Max || page.More && n < q.Max {
			f.t.Errorf("%+v: a page of %d, more %v", q, n, page.More)
		}
		var items [][2]string // a key or prefix, and its line
		for _, o := range page.Versions {
			items = append(items, [2]string{o.Key, line(o)})
		}
		for _, p := range page.Prefixes {
			items = append(items, [2]string{p, p})
		}
		slices.SortStableFunc(items, func(x, y [2]string) int { return strings.Compare(x[0], y[0]) })
		for _, item := range items {
			lines = append(lines, item[1])
		}
		if !page.More {
			return lines
		}
		q.AfterKey, q.AfterVersion = page.NextKey, page.NextVersion
	}
}

// resumeVersions begins a listing behind each version, named in every way there is.
func (f *fixture) resumeVersions(b buckets.Bucket, all []buckets.Object) {
	f.t.Helper()
	ctx := f.t.Context()
	for i, o := range all {
		page, err := f.Versions(ctx, b, buckets.VersionQuery{AfterKey: o.Key, AfterVersion: o.VersionID(), Max: 1000})
		if err != nil || !slices.EqualFunc(page.Versions, all[i+1:], func(x, y buckets.Object) bool { return line(x) == line(y) }) {
			f.t.Errorf("after %q %s are %d versions, %v, want %d", o.Key, o.VersionID(), len(page.Versions), err, len(all)-i-1)
		}
		next := slices.IndexFunc(all, func(x buckets.Object) bool { return x.Key > o.Key })
		if next < 0 {
			next = len(all)
		}
		page, err = f.Versions(ctx, b, buckets.VersionQuery{AfterKey: o.Key, Max: 1000})
		if err != nil || len(page.Versions) != len(all)-next {
			f.t.Errorf("after key %q are %d versions, %v, want %d", o.Key, len(page.Versions), err, len(all)-next)
		}
	}
	first := all[0]
	for version, n := range map[string]int{
		"ffffffffffffffff": len(all),                                                                                   // newer than all of the key
		"0000000000000000": len(all) - slices.IndexFunc(all, func(x buckets.Object) bool { return x.Key > first.Key }), // older
	} {
		page, err := f.Versions(ctx, b, buckets.VersionQuery{AfterKey: first.Key, AfterVersion: version, Max: 1000})
		if err != nil || len(page.Versions) != n {
			f.t.Errorf("after %q %s are %d versions, %v, want %d", first.Key, version, len(page.Versions), err, n)
		}
	}
	_, err := f.Versions(ctx, b, buckets.VersionQuery{AfterKey: "a", AfterVersion: "zz", Max: 1})
	wantErr(f.t, "Versions after a malformed version", err, buckets.ErrVersionID)
}
