package segment

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// testTail is a tail of a file in d, and what was appended to it.
type testTail struct {
	*tail
	want []byte
}

func newTestTail(t *testing.T, d *memFiles) *testTail {
	t.Helper()
	f, _, err := d.open("tail", true)
	if err != nil {
		t.Fatal(err)
	}
	return &testTail{tail: newTail(f)}
}

func (x *testTail) append(t *testing.T, n int, r *rand.Rand) {
	t.Helper()
	p := make([]byte, n)
	for i := 0; i < n; i += 64 { // the rest may stay zeros
		p[i] = byte(r.Uint32())
	}
	if err := x.Append(p[:n/3], p[n/3:]); err != nil {
		t.Fatal(err)
	}
	x.want = append(x.want, p...)
}

func (x *testTail) check(t *testing.T, r *rand.Rand) {
	t.Helper()
	for range 8 {
		from := r.IntN(len(x.want))
		p := make([]byte, 1+r.IntN(len(x.want)-from))
		if n, err := x.ReadAt(p, int64(from)); err != nil || !bytes.Equal(p[:n], x.want[from:][:len(p)]) {
			t.Fatalf("ReadAt(%d bytes, %d) = %d, %v, or other bytes", len(p), from, n, err)
		}
	}
	if _, err := x.ReadAt(make([]byte, 2*pageSize), int64(len(x.want)-1)); err == nil {
		t.Fatal("ReadAt beyond the end succeeded")
	}
}

// What was appended can be read at any time, and what was synced survives.
func TestTail(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 7))
		d := newMemFiles()
		x := newTestTail(t, d)
		synced := 0
		for range 30 {
			switch r.IntN(4) {
			case 0:
				x.append(t, 1+r.IntN(2*tailSize), r)
			case 1, 2:
				x.append(t, 1+r.IntN(3*pageSize), r)
			case 3:
				if err := x.Sync(); err != nil {
					t.Fatal(err)
				}
				synced = len(x.want)
			}
			if len(x.want) > 0 {
				x.check(t, r)
			}
		}
		if err := d.sync(); err != nil {
			t.Fatal(err)
		}
		after := d.crash(r).files["tail"]
		if len(after.data) < synced || !bytes.Equal(after.data[:synced], x.want[:synced]) {
			t.Fatalf("seed %d: a crash took what was synced", seed)
		}
		if err := x.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := x.Truncate(int64(len(x.want))); err != nil {
			t.Fatal(err)
		}
		if got := d.files["tail"].data; !bytes.Equal(got, x.want) {
			t.Fatalf("seed %d: the file is not what was appended", seed)
		}
		if err := x.Append([]byte("x")); err == nil {
			t.Fatal("Append after Truncate succeeded")
		}
	}
}

// Appending, syncing and reading go on side by side.
func TestTailConcurrent(t *testing.T) {
	d := newMemFiles()
	x := newTestTail(t, d)
	r := rand.New(rand.NewPCG(1, 2))
	x.append(t, 100, r)
	first := bytes.Clone(x.want)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			p := make([]byte, len(first))
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := x.Sync(); err != nil {
					t.Errorf("Sync = %v", err)
					return
				}
				if _, err := x.ReadAt(p, 0); err != nil || !bytes.Equal(p, first) {
					t.Errorf("ReadAt = %v, or other bytes", err)
					return
				}
			}
		})
	}
	for range 200 {
		x.append(t, 1+r.IntN(tailSize/4), r)
	}
	close(done)
	wg.Wait()
	if err := x.Sync(); err != nil {
		t.Fatal(err)
	}
	x.check(t, r)
	if err := x.Truncate(int64(len(x.want))); err != nil || !bytes.Equal(d.files["tail"].data, x.want) {
		t.Fatalf("Truncate = %v, or the file is not what was appended", err)
	}
}

// After a write that failed nothing is written, and nothing is acknowledged.
func TestTailFailedWrite(t *testing.T) {
	for how, f := range map[string]fault{"not applied": notApplied, "applied": applied, "torn": torn} {
		for _, n := range []int{100, tailSize, 3*tailSize + 5} {
			t.Run(fmt.Sprintf("%s %d", how, n), func(t *testing.T) {
				d := newMemFiles()
				x := newTestTail(t, d)
				failed := false
				d.hook = func(op, _ string) fault {
					if op == "write" && !failed {
						failed = true
						return f
					}
					return noFault
				}
				for range n / 100 {
					if x.Append(make([]byte, 100)) != nil {
						break
					}
				}
				for range 2 {
					if err := x.Sync(); !errors.Is(err, errFault) {
						t.Fatalf("Sync = %v, want %v", err, errFault)
					}
				}
				writes := d.writes["tail"]
				if err := x.Append(make([]byte, 2*tailSize)); !errors.Is(err, errFault) {
					t.Fatalf("Append = %v, want %v", err, errFault)
				}
				if err := x.Sync(); !errors.Is(err, errFault) || d.writes["tail"] != writes {
					t.Fatalf("Sync = %v after %d more writes, want %v and none", err, d.writes["tail"]-writes, errFault)
				}
			})
		}
	}
}

// A real file gets the same bytes, past the page cache or not.
func TestTailFile(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, _, err := osFiles{dir: dir, root: root}.open("00000000.car", true)
	if err != nil {
		t.Fatal(err)
	}
	x := &testTail{tail: newTail(f)}
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{10, 5000, tailSize, 100, 3 * tailSize, 1} {
		x.append(t, n, r)
		x.check(t, r)
		if err := x.Sync(); err != nil {
			t.Fatal(err)
		}
		x.check(t, r)
	}
	if err := errors.Join(x.Truncate(int64(len(x.want))), x.Close()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "00000000.car")); err != nil || !bytes.Equal(got, x.want) {
		t.Fatalf("read %d bytes, %v; want %d", len(got), err, len(x.want))
	}
}

// A read that fails is no damage, though the end of what is read is in memory.
func TestTailReadFault(t *testing.T) {
	d := newMemFiles()
	x := newTestTail(t, d)
	x.append(t, pageSize+10, rand.New(rand.NewPCG(1, 1)))
	if err := x.Sync(); err != nil {
		t.Fatal(err)
	}
	d.hook = func(op, _ string) fault {
		if op == "read" {
			return notApplied
		}
		return noFault
	}
	if n, err := x.ReadAt(make([]byte, len(x.want)), 0); n != 0 || !errors.Is(err, errFault) {
		t.Errorf("ReadAt = %d, %v; want %v", n, err, errFault)
	}
}
