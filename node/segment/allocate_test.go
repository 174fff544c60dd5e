package segment

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/multiformats/go-multihash"
)

// A disk that has no room for a block says so before anything is written, and
// the segment goes on when there is some.
func TestAllocate(t *testing.T) {
	d := newMemFiles()
	d.allocate = true
	d.capacity = 60_000
	s := openTest(t, d, Options{SegmentSize: 20_000})
	big := func(i int) block {
		return newBlock(t, fmt.Appendf(make([]byte, 9000), "%d", i), multihash.SHA2_256)
	}
	var blocks []block
	for i := 0; ; i++ {
		s.unasked = askEvery // nobody asks the disk but the segment
		err := put(s, false, big(i))
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil || i > 6 {
			t.Fatalf("Put of block %d = %v, want %v at some point", i, err, ErrFull)
		}
		blocks = append(blocks, big(i))
	}
	files, writes := len(d.files), d.total()
	for range 3 {
		s.unasked = askEvery
		if err := put(s, false, big(100)); !errors.Is(err, ErrFull) {
			t.Errorf("Put = %v, want %v", err, ErrFull)
		}
	}
	if len(d.files) > files+1 || d.total() > writes+3 { // a new segment has a header
		t.Errorf("%d files and %d writes, were %d and %d: a full disk was written to", len(d.files), d.total(), files, writes)
	}
	check(t, s, true, blocks...)
	d.capacity = 200_000
	mustPut(t, s, false, big(100))
	check(t, openTest(t, d.killed(), Options{}), true, append(blocks, big(100))...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, f := range d.files {
		size += int64(len(f.data))
	}
	if d.used() != size {
		t.Errorf("files of %d bytes take %d after Close", size, d.used())
	}
}

func (d *memFiles) total() (n int) {
	for _, w := range d.writes {
		n += w
	}
	return n
}

// The room that a segment was given is given back when it is sealed, and when a
// process that was killed is followed by another.
func TestAllocateOnDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := newBlock(t, bytes.Repeat([]byte("x"), 100_000), multihash.SHA2_256)
	mustPut(t, s, false, x)
	name := filepath.Join(dir, dataName(0))
	if got := onDisk(t, name); got < allocateStep {
		t.Skipf("%d bytes on the disk: the file system gives no room in advance", got)
	}
	st, err := os.Stat(name)
	if err != nil || st.Size() > 110_000 {
		t.Errorf("the segment has %d bytes, %v", st.Size(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := onDisk(t, name); got > 130_000 {
		t.Errorf("%d bytes on the disk after Close", got)
	}
	// As after a kill that left a file whose length is that of its records.
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join((&osFile{File: f}).Allocate(0, allocateStep), f.Close(), os.Remove(filepath.Join(dir, indexName(0)))); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), dir, Options{}); err != nil {
		t.Fatal(err)
	}
	check(t, s, true, x)
	if got := onDisk(t, name); got > 130_000 {
		t.Errorf("%d bytes on the disk after another process opened it", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// onDisk is the room that a file takes.
func onDisk(t testing.TB, name string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}
