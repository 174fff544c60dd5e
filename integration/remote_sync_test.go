//go:build integration

package integration

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	remote "github.com/whypfs/whypfs/client"
)

// mirrored is what `whypfs sync --json` prints.
type mirrored struct {
	remote.Report
	CID remote.CID `json:"cid"`
}

// sums is a report in short: uploaded, linked, unchanged, deleted, failed.
func (m mirrored) sums() [5]int {
	return [5]int{m.Uploaded, m.Linked, m.Unchanged, m.Deleted, m.Failed}
}

func (u *person) syncs(want [5]int, args ...string) mirrored {
	u.t.Helper()
	m := asks[mirrored](u, append([]string{"sync"}, args...)...)
	if m.sums() != want {
		u.t.Errorf("sync %v: uploaded, linked, unchanged, deleted, failed = %v, want %v\n%+v", args, m.sums(), want, m.Changes)
	}
	return m
}

func (u *person) contents() []remote.Content {
	u.t.Helper()
	return asks[[]remote.Content](u, "ls", "--contents", "--limit", "10000")
}

// A directory is mirrored: what is new or changed goes up, what the collection
// has is not sent, what is gone goes with --delete, and nothing is kept twice.
func TestRemoteSync(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	u := s.login()
	src := filepath.Join(t.TempDir(), "photos")
	fill(t, src, map[string]int{"a": 1000, "b/c": 2<<20 + 1, "b/d": 3000, "b/empty": 0, "ü ? #%": 5})
	move := func(from, to string) {
		t.Helper()
		to = filepath.Join(src, to)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(filepath.Join(src, from), to)); err != nil {
			t.Fatal(err)
		}
	}
	if u.syncs([5]int{5, 0, 0, 0, 0}, src, "--dry-run"); len(u.contents()) != 0 {
		t.Errorf("--dry-run uploads")
	}
	u.syncs([5]int{5, 0, 0, 0, 0}, src)
	u.syncs([5]int{0, 0, 5, 0, 0}, src)
	later := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(src, "b", "c"), later, later); err != nil {
		t.Fatal(err)
	}
	u.syncs([5]int{0, 0, 5, 0, 0}, src)

	move("b/d", "e/f/renamed")
	u.syncs([5]int{0, 1, 4, 0, 0}, src)
	if n := len(u.contents()); n != 6 {
		t.Errorf("%d contents before --delete, want 6", n)
	}
	u.syncs([5]int{0, 0, 5, 1, 0}, src, "--delete")

	fill(t, src, map[string]int{"b/c": 2<<20 + 2})
	m := u.syncs([5]int{1, 0, 4, 0, 0}, src, "--delete", "--commit")
	if _, err := s.gateway(http.DefaultClient, "/ipfs/"+m.CID.String()+"/e/f/renamed"); err != nil {
		t.Error(err)
	}
	files := 0
	for _, c := range u.contents() {
		if c.Name != "photos" && c.CID != m.CID {
			files++
		}
	}
	if files != 5 {
		t.Errorf("%d contents of 5 files: %+v", files, u.contents())
	}
	dst := filepath.Join(t.TempDir(), "copy")
	u.run("get", "photos", "-o", dst)
	equalDirs(t, src, dst)

	// Another machine, which has no journal, finds everything there.
	other := s.login()
	other.syncs([5]int{0, 0, 5, 0, 0}, dst, "--collection", "photos")

	list := asks[[]remote.Entry](u, "ls", "photos/b")
	if len(list) != 2 || list[0].Name != "c" || list[0].Size != 2<<20+2 || list[1].Path != "/b/empty" {
		t.Errorf("ls photos/b = %+v", list)
	}
	if links := strings.Fields(u.run("share", "photos/e")); len(links) != 1 || !strings.HasSuffix(links[0], "?filename=renamed") {
		t.Errorf("share photos/e = %v", links)
	}
	u.fails(2, "rm", "photos/b")
	u.run("rm", "photos/a")
	u.fails(3, "get", "photos/a")
	u.syncs([5]int{1, 0, 4, 0, 0}, src)
	u.run("rm", "photos/", "-r")
	u.fails(3, "ls", "photos")
	for _, c := range u.contents() {
		if c.CID != m.CID {
			t.Errorf("after rm -r there is %+v", c)
		}
	}
}

// A sync that is killed at any moment goes on, and so does one whose host is:
// in the end each file is there once.
func TestRemoteSyncKill(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	u := s.login()
	src := filepath.Join(t.TempDir(), "many")
	sizes := map[string]int{"large": 6 << 20}
	for i := range 200 {
		sizes[fmt.Sprintf("%d/%d", i%7, i)] = 1000 + 10*i
	}
	fill(t, src, sizes)
	u.untilDone(70*time.Millisecond, "sync", src)
	exact := func(n int) {
		t.Helper()
		dst := filepath.Join(t.TempDir(), "copy")
		u.run("get", "many", "-o", dst)
		equalDirs(t, src, dst)
		if list := u.contents(); len(list) != n {
			t.Errorf("%d contents of %d files", len(list), n)
		}
	}
	exact(len(sizes))

	// Every file changes, and with the contents that they replace the kills go on.
	for name := range sizes {
		sizes[name]++
	}
	fill(t, src, sizes)
	u.untilDone(90*time.Millisecond, "sync", src, "--delete")
	exact(len(sizes))

	for name := range sizes {
		sizes[name]++
	}
	fill(t, src, sizes)
	cmd := u.command("sync", src)
	var out syncBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	journal := filepath.Join(u.config, "whypfs", "state", "*", "journal")
	before := size(t, journal)
	await(t, time.Minute, "the first acknowledged files", func() bool { return size(t, journal) > before+10_000 })
	s.kill()
	s.up()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("sync over a restart of its host: %v\n%s", err, out.tail(20))
	}
	exact(len(sizes))
}

// size is the size of the file that a pattern names.
func size(t *testing.T, pattern string) int64 {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	info, err := os.Stat(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
