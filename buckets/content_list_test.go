package buckets_test

import (
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// Pages that each go on where the one before ended show every content once,
// newest first, whatever comes and goes meanwhile.
func TestContentsBefore(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("box")
	var ids []uint64
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		ids = append(ids, f.put(b, key, "body of "+key).Content)
	}
	var got []uint64
	for before := uint64(0); ; {
		page, err := f.ContentsBefore(t.Context(), b.Owner, before, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			got = append(got, c.ID)
		}
		if before == 0 {
			f.put(b, "later", "comes after the first page")
			f.delete(b, "b")
		}
		before = page[len(page)-1].ID
	}
	want := []uint64{ids[4], ids[3], ids[2], ids[0]}
	if len(got) != len(want) {
		t.Fatalf("contents %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("contents %v, want %v", got, want)
		}
	}
	if other, err := f.ContentsBefore(t.Context(), b.Owner+1, 0, 10); err != nil || len(other) != 0 {
		t.Errorf("another's contents: %v, %v", other, err)
	}
	if list, err := f.ContentsBefore(t.Context(), b.Owner, ids[0], 10); err != nil || len(list) != 0 {
		t.Errorf("before the oldest: %v, %v", list, err)
	}
}
