package crashsim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// story is a process that makes a file, renames it and makes all of it durable,
// and goes on writing. Its times are 2 and 3 for the first line, and so on.
var story = []string{
	`1 mkdirat(AT_FDCWD, ` + hex("/d/blocks") + `, 0700) = 0`,
	`1 openat(AT_FDCWD, ` + hex("/d/blocks") + `, O_RDONLY|O_CLOEXEC) = 5`,
	`1 openat(5, ` + hex("a.tmp") + `, O_RDWR|O_CREAT|O_EXCL, 0600) = 6`,
	`1 pwrite64(6, ` + hex("first") + `, 5, 0) = 5`,
	`1 fdatasync(6) = 0`,
	`1 renameat(5, ` + hex("a.tmp") + `, 5, ` + hex("a") + `) = 0`,
	`1 fsync(5) = 0`,
	`1 openat(AT_FDCWD, ` + hex("/d") + `, O_RDONLY|O_CLOEXEC) = 7`,
	`1 fsync(7) = 0`,
	`1 write(1, ` + hex("ack\n") + `, 4) = 4`,
	`1 pwrite64(6, ` + hex(strings.Repeat("x", 5000)) + `, 5000, 0) = 5000`,
	`1 pwrite64(6, ` + hex("zz") + `, 2, 5998) = 2`,
}

func mustLog(t testing.TB, lines ...string) *Log {
	t.Helper()
	log := EmptyLog("/d")
	if err := log.Add("/", mustParse(t, lines...)); err != nil {
		t.Fatal(err)
	}
	return log
}

// show names what is in an image: its directories, and its files with a digest of their bytes.
func show(m Image) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		f := m[name]
		if f == nil {
			all = append(all, name+"/")
			continue
		}
		b := string(f.Bytes())
		for len(b) > 12 {
			b = fmt.Sprintf("%s..%d", b[:2], len(b))
		}
		all = append(all, fmt.Sprintf("%s=%q", name, b))
	}
	return strings.Join(all, " ")
}

func TestCertain(t *testing.T) {
	log := mustLog(t, story...)
	for _, tt := range []struct {
		at   int
		want string
	}{
		{0, ""},
		{15, ""}, // the file and its names are synced, but not the directory's own
		{18, ""}, // nor while that sync runs
		{19, `blocks/ blocks/a="first"`},
		{100, `blocks/ blocks/a="first"`},
	} {
		if got := show(log.Certain(tt.at)); got != tt.want {
			t.Errorf("Certain(%d) = %s, want %s", tt.at, got, tt.want)
		}
	}
	if got := show(log.Killed(8)); got != `blocks/ blocks/a.tmp="first"` {
		t.Errorf("Killed(8) = %s", got)
	}
	if got := show(log.Killed(100)); got != `blocks/ blocks/a="xx..6000"` {
		t.Errorf("Killed(100) = %s", got)
	}
	if m := log.Marks(); len(m) != 1 || m[0].FD != 1 || string(m[0].Data) != "ack\n" || m[0].Begin != 20 {
		t.Errorf("Marks = %+v", m)
	}
}

// Every state that is not forbidden comes up, and no other.
func TestStates(t *testing.T) {
	log := mustLog(t, story...)
	seen := map[string]bool{}
	for seed := range uint64(3000) {
		m := log.Crash(100, rand.New(rand.NewPCG(seed, 1)))
		f := m["blocks/a"]
		if f == nil || len(m) != 2 {
			t.Fatalf("seed %d: %s, want the synced file", seed, show(m))
		}
		b := f.Bytes()
		switch {
		case len(b) != 5 && len(b) != 5000 && len(b) != 6000:
			t.Fatalf("seed %d: %d bytes", seed, len(b))
		case string(b[:5]) != "first" && string(b[:5]) != "xxxxx":
			t.Fatalf("seed %d: begins with %q", seed, b[:5])
		}
		for _, at := range []int{5, 512, 4095, 4096, 4999} {
			if at < len(b) && b[at] != 'x' && b[at] != 0 {
				t.Fatalf("seed %d: %q at %d", seed, b[at], at)
			}
		}
		seen[fmt.Sprint(len(b))] = true
		seen[string(b[:5])] = true
		if len(b) > 5 {
			seen["zeros behind"] = seen["zeros behind"] || b[5] == 0
			seen["torn"] = seen["torn"] || b[0] == 'x' && b[4096] == 0
			seen["torn in a page"] = seen["torn in a page"] || b[0] == 'x' && b[512] == 0 && b[4096] == 'x'
			seen["reordered"] = seen["reordered"] || len(b) == 6000 && b[5998] == 'z' && b[0] == 'f'
		}
	}
	want := []string{"5", "5000", "6000", "first", "reordered", "torn", "torn in a page", "xxxxx", "zeros behind"}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("states %q, want %q", got, want)
	}
}

// What is renamed always has one of its names.
func TestRename(t *testing.T) {
	log := mustLog(t,
		`1 openat(AT_FDCWD, `+hex("/d/old")+`, O_RDWR|O_CREAT, 0600) = 6`,
		`1 openat(AT_FDCWD, `+hex("/d/new")+`, O_RDWR|O_CREAT, 0600) = 8`,
		`1 openat(AT_FDCWD, `+hex("/d")+`, O_RDONLY) = 7`,
		`1 pwrite64(6, `+hex("data")+`, 4, 0) = 4`,
		`1 fsync(6) = 0`,
		`1 fsync(7) = 0`,
		`1 rename(`+hex("/d/old")+`, `+hex("/d/new")+`) = 0`,
		`1 unlink(`+hex("/d/gone")+`) = -1 ENOENT (No such file or directory)`,
	)
	seen := map[string]bool{}
	for seed := range uint64(500) {
		seen[show(log.Crash(100, rand.New(rand.NewPCG(seed, 1))))] = true
	}
	want := []string{`new="" old="data"`, `new="data"`, `new="data" old="data"`}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("states %q, want %q", got, want)
	}
}

// With a journal a name is not there without those given before it.
func TestInOrder(t *testing.T) {
	lines := []string{`1 openat(AT_FDCWD, ` + hex("/d") + `, O_RDONLY) = 7`}
	for _, name := range []string{"a", "b", "c"} {
		lines = append(lines, `1 openat(AT_FDCWD, `+hex("/d/"+name)+`, O_RDWR|O_CREAT, 0600) = 6`)
	}
	log := mustLog(t, lines...)
	log.InOrder(".")
	seen := map[string]bool{}
	for seed := range uint64(300) {
		seen[show(log.Crash(100, rand.New(rand.NewPCG(seed, 1))))] = true
	}
	want := []string{"", `a=""`, `a="" b=""`, `a="" b="" c=""`}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("states %q, want %q", got, want)
	}
}

// A sync counts for what had ended when it began, and not if it failed.
func TestSyncs(t *testing.T) {
	head := []string{
		`1 openat(AT_FDCWD, ` + hex("/d") + `, O_RDONLY) = 7`,
		`1 openat(AT_FDCWD, ` + hex("/d/f") + `, O_RDWR|O_CREAT, 0600) = 6`,
		`1 fsync(7) = 0`,
	}
	for _, tt := range []struct {
		name, want string
		lines      []string
	}{
		{"after", "a", []string{`1 pwrite64(6, "\x61", 1, 0) = 1`, `1 fdatasync(6) = 0`}},
		{"before", "", []string{`1 fdatasync(6) = 0`, `1 pwrite64(6, "\x61", 1, 0) = 1`}},
		{"begun during the write", "", []string{`1 pwrite64(6, "\x61", 1, 0 <unfinished ...>`, `2 fdatasync(6) = 0`, `1 <... pwrite64 resumed>) = 1`}},
		{"begun before the write ended", "", []string{`2 fdatasync(6 <unfinished ...>`, `1 pwrite64(6, "\x61", 1, 0) = 1`, `2 <... fdatasync resumed>) = 0`}},
		{"not ended", "", []string{`1 pwrite64(6, "\x61", 1, 0) = 1`, `1 fdatasync(6 <unfinished ...>`}},
		{"failed", "", []string{`1 pwrite64(6, "\x61", 1, 0) = 1`, `1 fdatasync(6) = -1 EIO (Input/output error)`, `1 fdatasync(6) = 0`}},
		{"failed before", "ab", []string{`1 fdatasync(6) = -1 EIO (Input/output error) (INJECTED)`, `1 pwrite64(6, "\x61\x62", 2, 0) = 2`, `1 fdatasync(6) = 0`}},
		{"of a range", "", []string{`1 pwrite64(6, "\x61", 1, 0) = 1`, `1 sync_file_range(6, 0, 1, SYNC_FILE_RANGE_WRITE) = 0`}},
		{"of another file", "", []string{`1 pwrite64(6, "\x61", 1, 0) = 1`, `1 fdatasync(7) = 0`}},
		{"of a descriptor used again", "", []string{`1 pwrite64(6, "\x61", 1, 0) = 1`, `1 close(6 <unfinished ...>`,
			`2 openat(AT_FDCWD, ` + hex("/d/g") + `, O_RDWR|O_CREAT, 0600) = 6`, `1 <... close resumed>) = 0`, `1 fdatasync(6) = 0`}},
		{"with the open", "a", []string{`1 openat(AT_FDCWD, ` + hex("/d/f") + `, O_RDWR|O_DSYNC) = 8`, `1 pwrite64(8, "\x61", 1, 0) = 1`}},
		{"after a short write", "a", []string{`1 pwrite64(6, "\x61\x62", 2, 0) = 1`, `1 fdatasync(6) = 0`}},
		{"after a write that failed", "", []string{`1 pwrite64(6, "\x61\x62", 2, 0) = -1 ENOSPC (No space left on device)`, `1 fdatasync(6) = 0`}},
		{"of a truncation", "a", []string{`1 pwrite64(6, "\x61\x62", 2, 0) = 2`, `1 ftruncate(6, 1) = 0`, `1 fsync(6) = 0`}},
		{"of sequential writes", "ab", []string{`1 write(6, "\x61", 1) = 1`, `1 write(6, "\x62", 1) = 1`, `1 fsync(6) = 0`}},
		{"of room", "a", []string{`1 fallocate(6, FALLOC_FL_KEEP_SIZE, 0, 4096) = 0`, `1 write(6, "\x61", 1) = 1`, `1 fsync(6) = 0`}},
		{"of length", "a\x00", []string{`1 fallocate(6, 0, 0, 2) = 0`, `1 write(6, "\x61", 1) = 1`, `1 fsync(6) = 0`}},
		{"of a copy of the descriptor", "a", []string{`1 fcntl(6, F_DUPFD_CLOEXEC, 0) = 9`, `1 write(6, "\x61", 1) = 1`, `1 fsync(9) = 0`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := mustLog(t, append(slices.Clone(head), tt.lines...)...)
			f := log.Certain(1000)["f"]
			if f == nil || string(f.Bytes()) != tt.want {
				t.Errorf("certain is %s, want %q", show(log.Certain(1000)), tt.want)
			}
		})
	}
}

// Without syncs nothing is certain.
func TestWithout(t *testing.T) {
	log := mustLog(t, story...)
	for _, path := range []string{".", "blocks", "blocks/a"} {
		less := log.Without(func(s Sync) bool { return s.Path == path })
		if got := show(less.Certain(100)); got == show(log.Certain(100)) {
			t.Errorf("Certain without the sync of %s = %s", path, got)
		}
		if n, m := len(less.Syncs()), len(log.Syncs()); n != m-1 {
			t.Errorf("%d syncs without that of %s, of %d", n, path, m)
		}
	}
}

// A process after a kill finds everything, and can make it durable.
func TestKill(t *testing.T) {
	log := mustLog(t, story...)
	log.Kill(23)
	if got := show(log.Killed(log.End())); got != `blocks/ blocks/a="xx..5000"` {
		t.Errorf("after the kill: %s", got)
	}
	if got := show(log.Certain(log.End())); got != `blocks/ blocks/a="first"` {
		t.Errorf("certain after the kill: %s", got)
	}
	err := log.Add("/", mustParse(t,
		`9 openat(AT_FDCWD, `+hex("/d/blocks/a")+`, O_RDWR) = 3`,
		`9 fdatasync(3) = 0`,
		`9 unlink(`+hex("/d/blocks/a")+`) = 0`,
	))
	if err != nil {
		t.Fatal(err)
	}
	if got := show(log.Certain(log.End())); got != `blocks/ blocks/a="xx..5000"` {
		t.Errorf("certain after the next process: %s", got)
	}
}

func TestWrittenAfterFailure(t *testing.T) {
	log := mustLog(t, append(slices.Clone(story),
		`1 fdatasync(6) = -1 EIO (Input/output error)`,
		`1 ftruncate(6, 5) = 0`)...)
	if got := log.WrittenAfterFailure(); len(got) != 0 {
		t.Errorf("WrittenAfterFailure = %+v", got)
	}
	log = mustLog(t, append(slices.Clone(story),
		`1 fdatasync(6) = -1 EIO (Input/output error)`,
		`1 pwrite64(6, "\x61", 1, 77) = 1`)...)
	if got := log.WrittenAfterFailure(); len(got) != 1 || got[0].Off != 77 {
		t.Errorf("WrittenAfterFailure = %+v, want one", got)
	}
}

func TestRefusesWhatItCannotTell(t *testing.T) {
	open := `1 openat(AT_FDCWD, ` + hex("/d/f") + `, O_RDWR|O_CREAT, 0600) = 6`
	for _, line := range []string{
		`1 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 6, 0) = 0x7f00`,
		`1 copy_file_range(9, NULL, 6, NULL, 10, 0) = 10`,
		`1 fallocate(6, FALLOC_FL_COLLAPSE_RANGE, 0, 4096) = 0`,
		`1 rename(` + hex("/d/f") + `, ` + hex("/elsewhere") + `) = 0`,
		`1 renameat2(AT_FDCWD, ` + hex("/d/f") + `, AT_FDCWD, ` + hex("/d/g") + `, RENAME_EXCHANGE) = 0`,
	} {
		if err := EmptyLog("/d").Add("/", mustParse(t, open, line)); err == nil {
			t.Errorf("%s was taken", line)
		}
	}
}

// An image is written as it is, and read back as a log's first state.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	want := mustLog(t, story...).Killed(100)
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "blocks", "a"))
	if err != nil || string(b) != strings.Repeat("x", 5000)+strings.Repeat("\x00", 998)+"zz" {
		t.Errorf("file of %d bytes, %v", len(b), err)
	}
	log, err := NewLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := show(log.Certain(0)); got != show(want) {
		t.Errorf("read back: %s, want %s", got, show(want))
	}
}
