package buckets_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

func TestPins(t *testing.T) {
	f := newTest(t, buckets.Options{})
	root := rootOf(shelves(1, 1))
	v0 := cid.NewCidV0(blockOf(cid.DagProtobuf, []byte(fresh(100))).Cid.Hash())
	here := f.put(f.bucket("here"), "a", fresh(1000))
	requests := []buckets.PinRequest{
		{CID: root, Name: "Report.pdf", Meta: map[string]string{"app": "x", "year": "2026"}},
		{CID: root, Name: "report.pdf", Meta: map[string]string{"app": "x"}},
		{CID: v0, Name: "my report.pdf.bak"},
		{CID: here.CID, Name: "here"},
		{CID: rootOf(shelves(1, 1))},
	}
	var all []buckets.Pin
	for _, r := range requests {
		p := f.pin(7, r)
		for time.Now().UnixMilli() == p.Created.UnixMilli() { // within one, ids may cross
		}
		all = append(all, p)
	}
	other := f.pin(8, requests[0])
	one, two, three, local, five := all[0].ID, all[1].ID, all[2].ID, all[3].ID, all[4].ID
	queued, pinned := buckets.PinQueued, buckets.PinPinned
	v1 := cid.NewCidV1(cid.DagProtobuf, v0.Hash())
	for name, tt := range map[string]struct {
		q     buckets.PinQuery
		want  []uint64
		count int // of all; 0: as many as there are on the page
	}{
		"all of one":      {buckets.PinQuery{Owner: 7}, []uint64{one, two, three, local, five}, 0},
		"everybody's":     {buckets.PinQuery{}, []uint64{one, two, three, local, five, other.ID}, 0},
		"nobody's":        {buckets.PinQuery{Owner: 9}, nil, 0},
		"a page":          {buckets.PinQuery{Owner: 7, Limit: 2}, []uint64{local, five}, 5},
		"a page by name":  {buckets.PinQuery{Owner: 7, Limit: 1, Name: "report", Match: buckets.MatchPartial}, []uint64{three}, 2},
		"state":           {buckets.PinQuery{Owner: 7, States: []buckets.PinState{pinned}}, []uint64{local}, 0},
		"states":          {buckets.PinQuery{Owner: 7, States: []buckets.PinState{queued, pinned}, Limit: 1}, []uint64{five}, 5},
		"state, all":      {buckets.PinQuery{States: []buckets.PinState{pinned}}, []uint64{local}, 0},
		"root":            {buckets.PinQuery{Owner: 7, CIDs: []cid.Cid{root}}, []uint64{one, two}, 0},
		"root, all":       {buckets.PinQuery{CIDs: []cid.Cid{root}}, []uint64{one, two, other.ID}, 0},
		"version of root": {buckets.PinQuery{Owner: 7, CIDs: []cid.Cid{v1, here.CID}}, []uint64{three, local}, 0},
		"ids":             {buckets.PinQuery{Owner: 7, IDs: []uint64{five, one, one, other.ID, 12}}, []uint64{one, five}, 0},
		"exact":           {buckets.PinQuery{Owner: 7, Name: "report.pdf"}, []uint64{two}, 0},
		"iexact":          {buckets.PinQuery{Owner: 7, Name: "REPORT.pdf", Match: buckets.MatchIExact}, []uint64{one, two}, 0},
		"partial":         {buckets.PinQuery{Owner: 7, Name: "report.pdf", Match: buckets.MatchPartial}, []uint64{two, three}, 0},
		"ipartial":        {buckets.PinQuery{Owner: 7, Name: "REPORT", Match: buckets.MatchIPartial}, []uint64{one, two, three}, 0},
		"meta":            {buckets.PinQuery{Owner: 7, Meta: map[string]string{"app": "x"}}, []uint64{one, two}, 0},
		"more meta":       {buckets.PinQuery{Owner: 7, Meta: map[string]string{"app": "x", "year": "2026"}}, []uint64{one}, 0},
		"after":           {buckets.PinQuery{Owner: 7, After: f.pinNow(all[2]).Created}, []uint64{local, five}, 0},
		"before":          {buckets.PinQuery{Owner: 7, Before: f.pinNow(all[2]).Created}, []uint64{one, two}, 0},
		"before, a page":  {buckets.PinQuery{Owner: 7, Before: f.pinNow(all[3]).Created, Limit: 1}, []uint64{three}, 3},
	} {
		page, err := f.Pins(t.Context(), tt.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []uint64
		for _, p := range page.Pins {
			got = append(got, p.ID)
		}
		slices.Sort(tt.want)
		slices.Reverse(tt.want)
		if tt.count == 0 {
			tt.count = len(tt.want)
		}
		if !slices.Equal(got, tt.want) || page.Count != tt.count {
			t.Errorf("%s: %v of %d, want %v of %d", name, got, page.Count, tt.want, tt.count)
		}
	}
}

// No two pins are made at the same time, so that who pages by time misses none.
func TestPinTimes(t *testing.T) {
	f := newTest(t, buckets.Options{})
	var many []buckets.PinRequest
	for range 1000 {
		many = append(many, buckets.PinRequest{CID: rootOf(shelves(1, 1))})
	}
	before := time.Now().Add(-time.Millisecond)
	list, err := f.PinAll(t.Context(), 7, many)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[time.Time]bool{}
	for _, p := range list {
		if seen[p.Created] || p.Created.Before(before.Truncate(time.Millisecond)) || p.Created.After(time.Now().Add(time.Millisecond)) {
			t.Fatalf("pin made at %v", p.Created)
		}
		seen[p.Created] = true
	}
	if _, err := f.PinAll(t.Context(), 7, append(many, many[0])); !errors.Is(err, buckets.ErrInvalidPin) {
		t.Errorf("too many at once: %v", err)
	}
}

func TestPinFigures(t *testing.T) {
	f := newPinTest(t, buckets.Options{})
	o := newOrigin(t)
	dag := shelves(1, 3)
	o.put(dag...)
	stop := f.start()
	f.awaitPin(f.pin(7, buckets.PinRequest{CID: rootOf(dag), Origins: []string{o.addr()}}), buckets.PinPinned)
	stop()
	f.pin(7, buckets.PinRequest{CID: rootOf(shelves(1, 1))})
	f.pin(8, buckets.PinRequest{CID: rootOf(shelves(1, 1))})
	got := gauges(t, f.metrics)
	for name, want := range map[string]float64{
		"whypfs_pins queued": 2, "whypfs_pins pinning": 0, "whypfs_pins pinned": 1, "whypfs_pins failed": 0,
		"whypfs_pins_running": 0, "whypfs_pin_fetched_blocks_total": 5, "whypfs_pin_tries_total pinned": 1,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if got["whypfs_pin_fetched_bytes_total"] < 3000 {
		t.Errorf("bytes are %v", got["whypfs_pin_fetched_bytes_total"])
	}
}

func gauges(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}

// The check of pins, too, can fail: each case takes one row away, or makes one up.
func TestPinCheckFinds(t *testing.T) {
	tables := []string{"pin", "pinst", "pincid", "pindue", "pinrun", "pinof", "ref"}
	for _, table := range tables {
		for _, extra := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, extra %v", table, extra), func(t *testing.T) {
				f := newTest(t, buckets.Options{})
				f.pin(7, buckets.PinRequest{CID: rootOf(shelves(1, 1))})
				p := f.pin(7, buckets.PinRequest{CID: rootOf(shelves(1, 1))})
				if err := f.KeepPin(t.Context(), p.ID); err != nil {
					t.Fatal(err)
				}
				o := f.put(f.bucket("here"), "a", fresh(1000))
				f.pin(7, buckets.PinRequest{CID: o.CID})
				if err := f.Check(t.Context()); err != nil {
					t.Fatal(err)
				}
				key, value := f.pinnedRow(table)
				undo := func(tx kv.Tx) error { return tx.Put(key, value) }
				f.write(func(tx kv.Tx) error {
					if !extra {
						return tx.Delete(key)
					}
					// The last part of all these keys is an id, but in ref the text of one.
					made := bytes.Clone(key)
					at := len(made) - 1
					if table == "ref" {
						at -= 2
					}
					if made[at]++; table == "ref" && made[at] > '9' {
						made[at] = '0'
					}
					undo = func(tx kv.Tx) error { return tx.Delete(made) }
					return tx.Put(made, value)
				})
				wantErr(t, "Check", f.Check(t.Context()), buckets.ErrInconsistent)
				f.write(undo)
			})
		}
	}
}

// A pin has one row that says when it is due, and in which slot: Check finds
// another one, though it is of a pin that is there.
func TestPinCheckFindsSecondDue(t *testing.T) {
	for name, other := range map[string]func(slot, due uint64) (uint64, uint64){
		"slot": func(slot, due uint64) (uint64, uint64) { return slot + 1, due },
		"time": func(slot, due uint64) (uint64, uint64) { return slot, due + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			f := newTest(t, buckets.Options{})
			f.pin(7, buckets.PinRequest{CID: rootOf(shelves(1, 1))})
			key, value := f.pinnedRow("pindue")
			var owner, slot, due, id uint64
			if err := kv.Unkey(key, nil, &owner, &slot, &due, &id); err != nil {
				t.Fatal(err)
			}
			slot, due = other(slot, due)
			second := kv.Key("pindue", owner, slot, due, id)
			f.write(func(tx kv.Tx) error { return tx.Put(second, value) })
			wantErr(t, "Check", f.Check(t.Context()), buckets.ErrInconsistent)
			f.write(func(tx kv.Tx) error { return tx.Delete(second) })
		})
	}
}

// pinnedRow is the last row of a table, of ref that of a pin.
func (f *fixture) pinnedRow(table string) (key, value []byte) {
	f.t.Helper()
	err := f.store.View(f.t.Context(), func(tx kv.Tx) error {
		for row, err := range tx.Scan(kv.Range(table)) {
			if err != nil {
				return err
			}
			if table == "ref" {
				var kind string
				if err := kv.Unkey(row.Key, nil, nil, &kind, nil); err != nil || kind != "q" {
					continue
				}
			}
			key, value = bytes.Clone(row.Key), bytes.Clone(row.Value)
		}
		return nil
	})
	if err != nil || key == nil {
		f.t.Fatalf("no row in %s: %v", table, err)
	}
	return key, value
}
