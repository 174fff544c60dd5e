package buckets_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// naiveList is List over a sorted slice of keys.
func naiveList(keys []string, q buckets.Query) (objects, prefixes []string, more bool) {
	for _, key := range keys {
		if !strings.HasPrefix(key, q.Prefix) {
			continue
		}
		item, common := key, false
		if q.Delimiter != "" {
			if i := strings.Index(key[len(q.Prefix):], q.Delimiter); i >= 0 {
				item, common = key[:len(q.Prefix)+i+len(q.Delimiter)], true
			}
		}
		if key <= q.After || (common && item == q.After) || slices.Contains(prefixes, item) {
			continue
		}
		if len(objects)+len(prefixes) >= q.Max {
			return objects, prefixes, q.Max > 0
		}
		if common {
			prefixes = append(prefixes, item)
		} else {
			objects = append(objects, item)
		}
	}
	return objects, prefixes, false
}

// letters are few, so that prefixes and delimiters meet keys; the last sort after all others.
var letters = []string{"a", "b", "/", "/", "//", "-", "ü", "\x00", "\u07ff", "\U0010ffff"}

func randomKey(r *rand.Rand, max int) string {
	var sb strings.Builder
	for range r.IntN(max + 1) {
		sb.WriteString(letters[r.IntN(len(letters))])
	}
	return sb.String()
}

func TestListAgainstModel(t *testing.T) {
	f := newTest(t, buckets.Options{})
	r := rand.New(rand.NewPCG(1, 2))
	b := f.bucket("one")
	f.put(f.bucket("onf"), "a/b", "x") // must never show
	set := map[string]bool{}
	for range 150 {
		if key := randomKey(r, 6); key != "" && !set[key] {
			set[key] = true
			f.put(b, key, "x")
		}
	}
	var keys []string
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for range 1500 {
		q := buckets.Query{Prefix: randomKey(r, 2), After: randomKey(r, 4), Max: r.IntN(12)}
		if r.IntN(3) > 0 {
			q.Delimiter = randomKey(r, 2)
		}
		page, err := f.List(t.Context(), b, q)
		if err != nil {
			t.Fatalf("List(%+v): %v", q, err)
		}
		objects, prefixes, more := naiveList(keys, q)
		if got := objectKeys(page); !slices.Equal(got, objects) || !slices.Equal(page.Prefixes, prefixes) || page.More != more {
			t.Fatalf("List(%+v) = %q %q %v, want %q %q %v", q, got, page.Prefixes, page.More, objects, prefixes, more)
		}
	}
}

// TestListPages: pages of any size, one after another, are the whole list.
func TestListPages(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	for _, dir := range []string{"", "d/", "d/e/", "f/", "g"} {
		for i := range 4 {
			f.put(b, fmt.Sprint(dir, i), "x")
		}
	}
	for _, q := range []buckets.Query{{}, {Delimiter: "/"}, {Prefix: "d", Delimiter: "/"}, {Prefix: "d/", Delimiter: "/"}, {Prefix: "d/"}} {
		q.Max = 1000
		whole, err := f.List(t.Context(), b, q)
		if err != nil || whole.More {
			t.Fatalf("List(%+v) = %+v, %v", q, whole, err)
		}
		for q.Max = 1; q.Max < 8; q.Max++ {
			var objects, prefixes []string
			for q.After = ""; ; {
				page, err := f.List(t.Context(), b, q)
				if err != nil {
					t.Fatal(err)
				}
				objects = append(objects, objectKeys(page)...)
				prefixes = append(prefixes, page.Prefixes...)
				if !page.More {
					break
				}
				q.After = page.Next
			}
			if !slices.Equal(objects, objectKeys(whole)) || !slices.Equal(prefixes, whole.Prefixes) {
				t.Errorf("pages of %+v are %q %q, want %q %q", q, objects, prefixes, objectKeys(whole), whole.Prefixes)
			}
		}
	}
}

func objectKeys(p buckets.Page) (keys []string) {
	for _, o := range p.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}
