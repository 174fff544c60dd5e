package buckets_test

import (
	"bytes"
	"errors"
	"maps"
	"strings"

	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// TestCheckFinds: the check that ends every test can fail. Each case takes one
// row away, or makes one up.
func TestCheckFinds(t *testing.T) {
	tables := []string{"bkt", "bktid", "bktown", "glob", "obj", "con", "own", "cid", "ref", "new", "zon", "zin", "zopen", "upl", "prt"}
	for _, table := range tables {
		t.Run(table, func(t *testing.T) {
			f := newTest(t, buckets.Options{})
			b := f.bucket("one")
			if _, err := f.GlobalBucket(t.Context(), 7); err != nil {
				t.Fatal(err)
			}
			f.begin(b, "key", "part")
			f.put(b, "assigned", "1")
			f.assigned(b)
			f.put(b, "new", "2")
			wantErr(t, "Check", f.Check(t.Context()), nil)
			key, value := f.firstRow(table)
			f.write(func(tx kv.Tx) error { return tx.Delete(key) })
			wantErr(t, "Check", f.Check(t.Context()), buckets.ErrInconsistent)
			f.write(func(tx kv.Tx) error { return tx.Put(key, value) })
		})
	}
	t.Run("made up", func(t *testing.T) {
		f := newTest(t, buckets.Options{})
		wantErr(t, "FakeRefs", f.FakeRefs(t.Context(), 1), nil)
		wantErr(t, "Check", f.Check(t.Context()), buckets.ErrInconsistent)
		wantErr(t, "FakeRefs", f.FakeRefs(t.Context(), 0), nil)
	})
	for what, change := range map[string]struct {
		table string
		edit  func([]byte) []byte
	}{
		"a lock in a bucket without":   {"obj", buckets.EditObject(func(o *buckets.Object) { o.Hold = true })},
		"lock without versions":        {"bktid", buckets.EditBucket(func(b *buckets.Bucket) { b.Lock = &buckets.ObjectLock{} })},
		"a bucket of somebody else's":  {"bktown", bytes.Clone},
		"an object of another content": {"obj", buckets.EditObject(func(o *buckets.Object) { o.Content++ })},
	} {
		t.Run(what, func(t *testing.T) {
			f := newTest(t, buckets.Options{})
			f.put(f.bucket("one"), "key", "body")
			key, value := f.firstRow(change.table)
			wrong, bad := key, change.edit(value)
			if change.table == "bktown" {
				wrong = kv.Key("bktown", uint64(8), "one")
			}
			f.write(func(tx kv.Tx) error { return tx.Put(wrong, bad) })
			wantErr(t, "Check", f.Check(t.Context()), buckets.ErrInconsistent)
			f.write(func(tx kv.Tx) error { return errors.Join(tx.Delete(wrong), tx.Put(key, value)) })
		})
	}
}

func (f *fixture) firstRow(table string) (key, value []byte) {
	f.t.Helper()
	err := f.store.View(f.t.Context(), func(tx kv.Tx) error {
		for row, err := range tx.Scan(kv.Range(table)) {
			key, value = append(key, row.Key...), append(value, row.Value...)
			return err
		}
		return kv.ErrNotFound
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return key, value
}

func (f *fixture) write(fn func(kv.Tx) error) {
	f.t.Helper()
	if err := f.store.Update(f.t.Context(), fn); err != nil {
		f.t.Fatal(err)
	}
}

func TestFigures(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	f := newTest(t, buckets.Options{Dealer: &dealer{}, Metrics: reg})
	b := f.bucket("one")
	f.put(b, "a", "12345")
	f.put(b, "b", "678")
	f.completed(b)
	f.delete(b, "a")
	f.put(b, "c", "90")
	f.assigned(b)
	got, err := f.Totals(t.Context())
	if err != nil || got.Objects != 2 || got.Contents != 3 || got.Bytes != 10 || got.Live != 5 || got.Buckets != 1 ||
		got.Zones[buckets.ZoneComplete] != 1 || got.Zones[buckets.ZoneOpen] != 1 {
		t.Errorf("Totals = %+v, %v", got, err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "whypfs_pin") {
			continue // see TestPinFigures
		}
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	want := map[string]float64{
		"whypfs_buckets_objects_total delete": 1,
		"whypfs_buckets_objects_total put":    3,
		"whypfs_buckets_zones open":           1,
		"whypfs_buckets_zones sealed":         0,
		"whypfs_buckets_zones packed":         0,
		"whypfs_buckets_zones dealing":        0,
		"whypfs_buckets_zones complete":       1,

		"whypfs_buckets_offloaded_objects_total": 0,
		"whypfs_retrieval_bytes_total":           0, "whypfs_buckets_offloaded_bytes_total": 0,
	}
	if !maps.Equal(values, want) {
		t.Errorf("metrics are %v, want %v", values, want)
	}
}
