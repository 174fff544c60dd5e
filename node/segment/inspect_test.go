package segment

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/node/blocks"
)

// newInspected is a directory of some sealed segments, the first of which holds many blocks.
func newInspected(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{SegmentSize: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, false, someBlocks(t, 0, 60)...)
	b := s.Batch(true)
	if err := b.Hide(t.Context(), testBlock(t, 3).cid); err != nil {
		t.Fatal(err)
	}
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func inspect(t *testing.T, dir string, opt InspectOptions) (all []blocks.Fault) {
	t.Helper()
	if err := Inspect(t.Context(), dir, opt, func(f blocks.Fault) { all = append(all, f) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// flip changes a bit of a file; a negative offset counts from its end.
func flip(t *testing.T, name string, off int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if off < 0 {
		off += len(b)
	}
	b[off] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// reindexed gives segment 0 an index of other records than it has.
func reindexed(t *testing.T, dir string, change func(*contents)) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	d := osFiles{dir: dir, root: root}
	f, size, err := d.open(dataName(0), false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := scan(f, size, 0)
	if err != nil || len(c.entries) < 5 {
		t.Fatalf("scan: %d records, %v", len(c.entries), err)
	}
	change(&c)
	x, err := writeIndex(d, 0, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.release(); err != nil {
		t.Fatal(err)
	}
}

// Whatever is damaged, Inspect names that and nothing else.
func TestInspect(t *testing.T) {
	for name, tt := range map[string]struct {
		hurt  func(t *testing.T, car, idx string)
		hash  bool
		where string
		what  string // of the only fault; empty: there is none
		risk  bool
	}{
		"nothing":            {hurt: func(*testing.T, string, string) {}},
		"nothing, with hash": {hash: true, hurt: func(*testing.T, string, string) {}},
		"data": {hash: true, where: dataName(0), what: "block " + testBlock(t, 0).cid.String(), risk: true,
			hurt: func(t *testing.T, car, _ string) { flip(t, car, len(header)+markSize+50) }},
		"mark": {where: dataName(0), what: "its mark cannot be read", risk: true,
			hurt: func(t *testing.T, car, _ string) { flip(t, car, len(header)+8) }},
		"header": {where: dataName(0), what: "the header is damaged",
			hurt: func(t *testing.T, car, _ string) { flip(t, car, 10) }},
		"trailer": {where: dataName(0), what: "the trailer is damaged",
			hurt: func(t *testing.T, car, _ string) { flip(t, car, -20) }},
		"no index": {where: indexName(0), what: "index of a sealed segment is missing",
			hurt: func(t *testing.T, _, idx string) { remove(t, idx) }},
		"page of the index": {where: indexName(0), what: "the index is damaged",
			hurt: func(t *testing.T, _, idx string) { flip(t, idx, 100) }},
		"footer of the index": {where: indexName(0), what: "the index is damaged",
			hurt: func(t *testing.T, _, idx string) { flip(t, idx, -10) }},
		"index without segment": {where: indexName(0), what: "belongs to no segment",
			hurt: func(t *testing.T, car, _ string) { remove(t, car) }},
		"foreign file": {where: "junk", what: "is no file of the block store",
			hurt: func(t *testing.T, car, _ string) { write(t, filepath.Join(filepath.Dir(car), "junk"), nil) }},
		"segment set aside": {where: dataName(9) + ".bad", what: "set aside", risk: true,
			hurt: func(t *testing.T, car, _ string) {
				write(t, filepath.Join(filepath.Dir(car), dataName(9)+".bad"), nil)
			}},
		"bytes after the end": {where: dataName(0), what: "7 bytes follow",
			hurt: func(t *testing.T, car, _ string) {
				b, err := os.ReadFile(car)
				if err != nil {
					t.Fatal(err)
				}
				write(t, car, append(b, "garbage"...))
			}},
		"record that is not in the index": {where: indexName(0), what: "does not have the record at", risk: true,
			hurt: func(t *testing.T, car, _ string) {
				reindexed(t, filepath.Dir(car), func(c *contents) { c.entries = slices.Delete(c.entries, 2, 3) })
			}},
		"index of a record that is not there": {where: indexName(0), what: "where there is another", risk: true,
			hurt: func(t *testing.T, car, _ string) {
				reindexed(t, filepath.Dir(car), func(c *contents) { c.entries[2].size-- })
			}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newInspected(t)
			tt.hurt(t, filepath.Join(dir, dataName(0)), filepath.Join(dir, indexName(0)))
			got := inspect(t, dir, InspectOptions{Hash: tt.hash})
			if tt.what == "" {
				if len(got) > 0 {
					t.Errorf("faults %v, want none", got)
				}
				return
			}
			if len(got) != 1 || got[0].Where != filepath.Join(dir, tt.where) || !strings.Contains(got[0].What, tt.what) || got[0].Risk != tt.risk || got[0].Do == "" {
				t.Errorf("faults %v, want one: %s: %s, risk %v", got, tt.where, tt.what, tt.risk)
			}
		})
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What a kill leaves is put in order by the next open: it is no fault.
func TestInspectAfterKill(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	s, err := Open(t.Context(), dir, Options{SegmentSize: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, false, someBlocks(t, 0, 60)...)
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := inspect(t, copied, InspectOptions{Hash: true}); len(got) > 0 {
		t.Errorf("faults %v, want none", got)
	}
}

// A bad index that fsck removed is made again, and then there is no fault.
func TestInspectRepairs(t *testing.T) {
	dir := newInspected(t)
	reindexed(t, dir, func(c *contents) { c.entries = slices.Delete(c.entries, 2, 3) })
	if got := inspect(t, dir, InspectOptions{Repair: true}); len(got) != 1 {
		t.Errorf("faults %v, want one", got)
	}
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, false, someBlocks(t, 0, 60)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := inspect(t, dir, InspectOptions{Hash: true}); len(got) > 0 {
		t.Errorf("faults %v after the repair, want none", got)
	}
}
