package crashsim

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// hex is a string as strace -xx prints it.
func hex(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		fmt.Fprintf(&b, `\x%02x`, s[i])
	}
	b.WriteByte('"')
	return b.String()
}

func mustParse(t testing.TB, lines ...string) []Call {
	t.Helper()
	calls, err := Parse(strings.NewReader(strings.Join(lines, "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

func TestParse(t *testing.T) {
	calls := mustParse(t,
		`10  openat(AT_FDCWD, "\x2f\x64", O_RDWR|O_CREAT, 0600) = 3`,
		`10  pwrite64(3, "\x61\x29\x22", 3, 0 <unfinished ...>`,
		`11  fdatasync(3 <unfinished ...>`,
		`10  <... pwrite64 resumed>)           = 3`,
		`11  --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL} ---`,
		`11  <... fdatasync resumed>)          = -1 EIO (Input/output error) (INJECTED)`,
		`12  writev(4, [{iov_base="\x61", iov_len=1}, {iov_base="", iov_len=0}, {iov_base="\x62\x63", iov_len=2}], 3) = 3`,
		`10  read(4,  <unfinished ...>`,
		`12  fdatasync(3)                      = ?`,
		`11  mmap(NULL, 8, PROT_READ|PROT_WRITE, MAP_PRIVATE, -1, 0) = 0x7f6b3fbfa000`,
		`10  <... read resumed>"\x7a", 100) = 1`,
		`13  ftruncate(3, 4096 <unfinished ...>`,
		`13  +++ killed by SIGKILL +++`,
	)
	type short struct {
		Thread     int
		Name       string
		Result     int64
		Begin, End int
	}
	var got []short
	for _, c := range calls {
		got = append(got, short{c.Thread, c.Name, c.Result, c.Begin, c.End})
	}
	want := []short{
		{10, "openat", 3, 2, 3},
		{10, "pwrite64", 3, 4, 9},
		{11, "fdatasync", -1, 6, 13},
		{12, "writev", 3, 14, 15},
		{11, "mmap", 0x7f6b3fbfa000, 20, 21},
		{10, "read", 1, 16, 23},
		{12, "fdatasync", 0, 18, Never},
		{13, "ftruncate", 0, 24, Never},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("calls %v,\nwant %v", got, want)
	}
	if c := calls[2]; c.Errno != "EIO" || !c.Injected {
		t.Errorf("fdatasync = %+v, want an injected EIO", c)
	}
	if b, err := calls[1].text(1); err != nil || string(b) != `a)"` {
		t.Errorf("data written = %q, %v", b, err)
	}
	if b, err := calls[3].vectors(1); err != nil || string(b) != "abc" {
		t.Errorf("vectors written = %q, %v", b, err)
	}
	if b, err := calls[5].text(1); err != nil || string(b) != "z" {
		t.Errorf("data read = %q, %v", b, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, lines := range []string{
		"no thread",
		"12 what",
		"12 fsync(3) 0",
		"12 fsync(3 = 0",
		"12 <... fsync resumed>) = 0",
		"12 fsync(3 <unfinished ...>\n12 close(3) = 0",
		`12 write(3, "\x61"..., 100) = 100`,
		"12 fsync(3) = zero",
	} {
		if _, err := Parse(strings.NewReader(lines + "\n")); err == nil {
			t.Errorf("Parse(%q) succeeded", lines)
		}
	}
	// The last line of a trace that was cut off is no error.
	if calls, err := Parse(strings.NewReader("12 fsync(3) = 0\n12 fsy")); err != nil || len(calls) != 1 {
		t.Errorf("Parse = %v, %v, want one call", calls, err)
	}
}

// FuzzTrace wants no panic of any trace, and the same image for the same seed.
func FuzzTrace(f *testing.F) {
	f.Add(strings.Join(story, "\n"))
	f.Add(`1 writev(1, [{iov_base="\x61", iov_len=1}], 1) = 1`)
	f.Add("1 fallocate(3, 0, 0, 9) = 0\n1 dup(3) = 4\n1 lseek(4, 3, SEEK_SET) = 3")
	f.Fuzz(func(t *testing.T, trace string) {
		calls, err := Parse(strings.NewReader(trace))
		if err != nil {
			return
		}
		log := EmptyLog("/d")
		if log.Add("/", calls) != nil {
			return
		}
		small := func(m Image) bool {
			for _, file := range m {
				if file != nil && (file.Size > 1<<20 || file.Size < 0) {
					return false
				}
			}
			return true
		}
		for at := range min(log.End(), 40) {
			a := log.Crash(at, rand.New(rand.NewPCG(uint64(at), 1)))
			b := log.Crash(at, rand.New(rand.NewPCG(uint64(at), 1)))
			if small(a) && !reflect.DeepEqual(a, b) {
				t.Fatalf("two images of one seed at %d: %v, %v", at, a, b)
			}
		}
		log.Kill(log.End() / 2)
		log.Certain(log.End())
	})
}
