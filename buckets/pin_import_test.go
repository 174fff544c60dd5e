package buckets_test

import (
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// A pin of another node keeps its id and time, and becomes a content; one that
// is here already, and an id that names something else, change nothing.
func TestImportPins(t *testing.T) {
	f := newPinTest(t, buckets.Options{})
	o := newOrigin(t)
	first, second := shelves(3, 4), shelves(3, 5)
	o.put(first...)
	o.put(second...)
	made := time.Date(2022, 3, 4, 5, 6, 7, 0, time.UTC)
	old := func(id uint64, dag buckets.PinRequest) buckets.ImportedPin {
		return buckets.ImportedPin{PinRequest: dag, ID: id, Owner: 7, Created: made}
	}
	request := buckets.PinRequest{CID: rootOf(first), Name: "photos", Origins: []string{o.addr()}}
	if n, err := f.ImportPins(t.Context(), []buckets.ImportedPin{old(41, request)}); n != 1 || err != nil {
		t.Fatalf("ImportPins = %d, %v", n, err)
	}
	other := request
	other.CID = rootOf(second)
	for _, c := range []struct {
		about string
		list  []buckets.ImportedPin
		added int
		want  error
	}{
		{"again, and a new one", []buckets.ImportedPin{old(41, request), old(42, other)}, 1, nil},
		{"another root under its id", []buckets.ImportedPin{old(43, request), old(41, other)}, 0, buckets.ErrPinTaken},
		{"no id", []buckets.ImportedPin{old(0, request)}, 0, buckets.ErrInvalidPin},
		{"an id of this node's own", []buckets.ImportedPin{old(buckets.MaxImportedID+1, request)}, 0, buckets.ErrInvalidPin},
	} {
		n, err := f.ImportPins(t.Context(), c.list)
		if n != c.added {
			t.Errorf("%s: %d were added, want %d", c.about, n, c.added)
		}
		wantErr(t, c.about, err, c.want)
	}
	if page, err := f.Pins(t.Context(), buckets.PinQuery{Owner: 7}); err != nil || page.Count != 2 || page.Pins[0].ID != 42 || !page.Pins[1].Created.Equal(made) {
		t.Errorf("pins %+v, %v, want 42 and 41, made at %v", page, err, made)
	}
	for about, q := range map[string]buckets.PinQuery{
		"after":  {Owner: 7, After: made.Add(time.Second), Limit: 1},
		"before": {Owner: 7, Before: made.Add(-time.Second), Limit: 1},
	} {
		if page, err := f.Pins(t.Context(), q); err != nil || page.Count != 0 {
			t.Errorf("%s their time there are %+v, %v", about, page, err)
		}
	}
	defer f.start()()
	p, err := f.PinByID(t.Context(), 7, 41)
	if err != nil {
		t.Fatal(err)
	}
	if p = f.awaitPin(p, buckets.PinPinned); p.ID != 41 || p.Content <= buckets.MaxImportedID {
		t.Errorf("pinned %+v", p)
	}
}
