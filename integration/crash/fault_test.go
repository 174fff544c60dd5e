//go:build integration

package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/internal/crashsim"
)

// faultsEnv makes TestFaults fail every call, one after the other, and not a sample.
const faultsEnv = "WHYPFS_CRASH_FAULTS"

// A fault makes calls of one kind fail. strace counts the calls of each thread,
// so that one fault may strike several times.
type fault struct {
	meta        string // driver of the metadata
	call, errno string
	nth         int
	often       bool // and every third after it
}

func (f fault) String() string {
	every := ""
	if f.often {
		every = "+3"
	}
	return fmt.Sprintf("inject=%s:error=%s:when=%d%s", f.call, f.errno, f.nth, every)
}

// faults is a sample of those there are, or all.
func faults(all bool) (list []fault) {
	r := rand.New(rand.NewPCG(11, 1))
	for _, k := range []struct {
		call string
		most int // calls of one thread in the workload, about
	}{
		{"pwrite64", 40}, {"fdatasync", 30}, {"fsync", 6}, {"ftruncate", 4}, {"fallocate", 2}, {"openat", 16}, {"renameat", 4}, {"unlinkat", 4},
	} {
		for _, errno := range []string{"EIO", "ENOSPC"} {
			for n := 1; n <= k.most; n++ {
				for _, meta := range []string{pebble, bolt} {
					if all || r.IntN(k.most) < 2 {
						list = append(list, fault{meta, k.call, errno, n, r.IntN(2) == 0})
					}
				}
			}
		}
	}
	return list
}

// TestFaults makes system calls of the workload fail. Whatever fails, what was
// acknowledged is there afterwards, in the directory as the process left it and
// after a power cut; what was not leaves nothing half; and a segment is never
// written to after its sync has failed.
func TestFaults(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	struck := map[string]int{} // by call, and by call and kind of file
	all := os.Getenv(faultsEnv) != ""
	t.Run("each", func(t *testing.T) {
		for _, f := range faults(all) {
			t.Run(f.meta+" "+f.String(), func(t *testing.T) {
				t.Parallel()
				hit := f.test(t)
				mu.Lock()
				defer mu.Unlock()
				for what, n := range hit {
					struck[what] += n
				}
			})
		}
	})
	t.Logf("struck: %v", struck)
	for _, want := range []string{
		"pwrite64 .car", "pwrite64 .db", "fdatasync .car", "fdatasync .db", "fsync blocks",
		"openat .car", "openat .tmp", "renameat .tmp", "unlinkat .car",
	} {
		call, _, _ := strings.Cut(want, " ")
		if !all { // a sample strikes some file with each of most calls
			want = call
		}
		if struck[want] == 0 && (all || call != "unlinkat") {
			t.Errorf("no %s failed", want)
		}
	}
}

func (f fault) test(t *testing.T) (struck map[string]int) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	must(t, os.Mkdir(data, 0o700))
	p := plan{Dir: data, Meta: f.meta, Seed: uint64(f.nth), Workers: 2, Ops: 10}
	trace := filepath.Join(dir, "trace")
	out, err := p.command(t, crashsim.Command(t.Context(), trace, []string{"-e", f.String()}, os.Args[0])).CombinedOutput()
	// Pebble ends the process where it cannot go on.
	if err != nil && f.meta == bolt && strings.Contains(string(out), "panic") {
		t.Fatalf("workload: %v\n%s", err, tail(out))
	}
	calls, err := crashsim.ParseFile(trace)
	must(t, err)
	log := emptyLog(data)
	must(t, log.Add("/", calls))
	struck = map[string]int{}
	for _, f := range log.Faults() {
		kind := filepath.Ext(f.Path)
		if kind == "" || kind == "." {
			kind = filepath.Base(f.Path)
		}
		struck[f.Call]++
		struck[f.Call+" "+kind]++
	}
	for _, w := range log.WrittenAfterFailure() {
		if strings.HasSuffix(w.Path, ".car") || f.errno != "ENOSPC" {
			t.Errorf("%s is written at %d, after a sync of it failed", w.Path, w.Begin)
		}
	}
	events, err := eventsOf(log)
	must(t, err)
	scratch := filepath.Join(scratchDir(t), "state")
	for i := range 6 {
		r := rand.New(rand.NewPCG(uint64(i), 9))
		image := log.Crash(log.End(), r)
		if i == 0 {
			image = log.Certain(log.End())
		}
		err := writeImage(image, scratch)
		if err == nil {
			err = checkDir(context.Background(), scratch, f.meta, events, log.End())
		}
		if err != nil {
			t.Errorf("after a power cut (%d): %v", i, err)
			break
		}
	}
	if err := checkDir(t.Context(), data, f.meta, events, log.End()); err != nil {
		t.Errorf("opened again: %v", err)
	}
	if t.Failed() {
		kept, err := os.MkdirTemp("", "whypfs-fault-kept-")
		t.Logf("trace in %s (%v)", kept, errors.Join(err, os.Rename(trace, filepath.Join(kept, "trace"))))
	}
	return struck
}
