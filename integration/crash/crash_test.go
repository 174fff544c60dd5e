//go:build integration

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/internal/crashsim"
)

const (
	// statesEnv is how many states each recording is tried in, and runsEnv how
	// many recordings of each kind there are.
	statesEnv = "WHYPFS_CRASH_STATES"
	runsEnv   = "WHYPFS_CRASH_RUNS"
	// replayEnv names a recording that a failure left, and seedEnv the state of it.
	replayEnv = "WHYPFS_CRASH_REPLAY"
	seedEnv   = "WHYPFS_CRASH_SEED"
)

func number(t *testing.T, env string, otherwise int) int {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q is no number", env, text)
	}
	return n
}

// TestPowerCut cuts the power at thousands of moments of recorded runs.
func TestPowerCut(t *testing.T) {
	if dir := os.Getenv(replayEnv); dir != "" {
		replay(t, dir, uint64(number(t, seedEnv, 0)))
		return
	}
	states := number(t, statesEnv, 400)
	for run := range number(t, runsEnv, 1) {
		seed := uint64(1 + 10*run)
		for _, kind := range []struct {
			name   string
			states int // of a hundred
			plans  []plan
		}{
			{"runs", 100, []plan{{Seed: seed, Workers: 4, Ops: 25}}},
			{"killed and run again", 60, []plan{{Seed: seed, Workers: 4, Ops: 25, Kill: "any"}, {Seed: seed + 1, Workers: 4, Ops: 12, Kill: "any"}, {Seed: seed + 2, Workers: 2, Ops: 10}}},
			{"killed at a sync of the database", 100, []plan{{Seed: seed, Workers: 4, Ops: 15, Kill: "commit"}, {Seed: seed + 1, Workers: 4, Ops: 6}}},
			{"killed at a sync of blocks", 60, []plan{{Seed: seed, Workers: 4, Ops: 15, Kill: ".car"}, {Seed: seed + 1, Workers: 4, Ops: 6}}},
			{"alone", 50, []plan{{Seed: seed, Workers: 1, Ops: 40}}},
			{"large", 20, []plan{{Seed: seed, Workers: 2, Ops: 5, Large: true}}},
		} {
			for _, driver := range []string{pebble, bolt} {
				t.Run(fmt.Sprintf("%s %s %d", driver, kind.name, run), func(t *testing.T) {
					t.Parallel()
					plans := slices.Clone(kind.plans)
					for i := range plans {
						plans[i].Meta = driver
					}
					rec := record(t, t.TempDir(), plans...)
					tryStates(t, rec, states*kind.states/100)
				})
			}
		}
	}
}

// A recording is what processes did to a directory that was empty.
type recording struct {
	dir    string // the traces are in it
	meta   string // driver of the metadata
	log    *crashsim.Log
	starts []int // of the processes
	events []stamped
	syncs  []int // when each begins, and when it ends
}

// record runs the plans under strace, one after the other on the same
// directory. One that is to be killed runs to its end, and the next finds the
// directory as it was at the time of the kill.
func record(t *testing.T, dir string, plans ...plan) *recording {
	t.Helper()
	data := filepath.Join(dir, "data")
	rec := &recording{dir: dir, meta: plans[0].Meta, log: emptyLog(data)}
	must(t, os.WriteFile(filepath.Join(dir, "root"), []byte(data), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "meta"), []byte(rec.meta), 0o600))
	must(t, os.Mkdir(data, 0o700))
	for i, p := range plans {
		p.Dir = data
		trace := rec.trace(i)
		out, err := p.command(t, crashsim.Command(t.Context(), trace, nil, os.Args[0])).CombinedOutput()
		if err != nil {
			t.Fatalf("workload: %v\n%s", err, tail(out))
		}
		rec.add(t, trace)
		if p.Kill == "" {
			continue
		}
		at := rec.killTime(p)
		must(t, os.WriteFile(trace+".kill", []byte(strconv.Itoa(at)), 0o600))
		must(t, os.RemoveAll(data))
		must(t, os.Mkdir(data, 0o700))
		must(t, rec.log.Killed(at).Write(data))
		rec.log.Kill(at)
	}
	rec.read(t)
	return rec
}

// emptyLog is the log of a data directory. Pebble counts on a journal: it gives
// a file its name before the one that leads to it, without a sync in between.
func emptyLog(root string) *crashsim.Log {
	log := crashsim.EmptyLog(root)
	log.InOrder("meta")
	return log
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (rec *recording) trace(i int) string { return filepath.Join(rec.dir, fmt.Sprintf("trace%d", i)) }

// killTime chooses when the process that ran last is killed: at any time, or
// when it is about to sync a file.
func (rec *recording) killTime(p plan) int {
	r := rand.New(rand.NewPCG(p.Seed, 5))
	start, end := rec.starts[len(rec.starts)-1], rec.log.End()
	var times []int
	for _, s := range rec.log.Syncs() {
		wanted := strings.HasSuffix(s.Path, p.Kill) || p.Kill == "commit" && isCommit(s)
		// Not while the stores are being made.
		if wanted && s.Begin > start+(end-start)/4 {
			times = append(times, s.Begin)
		}
	}
	if len(times) == 0 {
		return start + r.IntN(end-start)
	}
	return times[r.IntN(len(times))]
}

// isCommit says whether a sync is the one that makes a commit what a restart finds.
func isCommit(s crashsim.Sync) bool {
	return isMetaPage(s) || strings.HasPrefix(s.Path, "meta/") && strings.HasSuffix(s.Path, ".log")
}

// isMetaPage says so of bbolt: it is the second sync of a commit.
func isMetaPage(s crashsim.Sync) bool {
	return s.Path == "meta.db" && s.Last.Off < 2*4096 && s.Last.Len == 4096
}

func (rec *recording) add(t *testing.T, trace string) {
	t.Helper()
	rec.starts = append(rec.starts, rec.log.End())
	calls, err := crashsim.ParseFile(trace)
	must(t, err)
	must(t, rec.log.Add("/", calls))
}

// read takes the events out of the log.
func (rec *recording) read(t *testing.T) {
	t.Helper()
	var err error
	rec.events, err = eventsOf(rec.log)
	must(t, err)
	for _, s := range rec.log.Syncs() {
		rec.syncs = append(rec.syncs, s.Begin, s.End)
	}
	slices.Sort(rec.syncs)
	for _, e := range rec.events {
		if e.Result == "failed" {
			t.Errorf("%s %s failed: %s", e.Op, e.Path, e.Err)
		}
	}
}

// load reads a recording that was kept.
func load(t *testing.T, dir string) *recording {
	t.Helper()
	root, err := os.ReadFile(filepath.Join(dir, "root"))
	must(t, err)
	driver, err := os.ReadFile(filepath.Join(dir, "meta"))
	must(t, err)
	rec := &recording{dir: dir, meta: string(driver), log: emptyLog(string(root))}
	for i := 0; ; i++ {
		if _, err := os.Stat(rec.trace(i)); errors.Is(err, fs.ErrNotExist) {
			break
		}
		rec.add(t, rec.trace(i))
		if text, err := os.ReadFile(rec.trace(i) + ".kill"); err == nil {
			at, err := strconv.Atoi(string(text))
			must(t, err)
			rec.log.Kill(at)
		}
	}
	rec.read(t)
	return rec
}

// command makes cmd the workload.
func (p plan) command(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), workloadEnv+"="+string(text))
	return cmd
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// tryStates checks as many states of a recording.
func tryStates(t *testing.T, rec *recording, states int) {
	t.Helper()
	if t.Failed() {
		return
	}
	scratch := scratchDir(t)
	seeds := make(chan uint64)
	failed := make(chan struct{})
	var once sync.Once
	var workers sync.WaitGroup
	for w := range 2 {
		workers.Go(func() {
			for seed := range seeds {
				dir := filepath.Join(scratch, strconv.Itoa(w))
				rec.trying(w, seed)
				if err := rec.try(context.Background(), rec.log, dir, seed); err != nil {
					once.Do(func() {
						close(failed)
						t.Errorf("state %d: %v\n%s", seed, err, rec.keep(seed))
					})
				}
			}
		})
	}
feed:
	for seed := range uint64(states) {
		select {
		case seeds <- seed:
		case <-failed:
			break feed
		}
	}
	close(seeds)
	workers.Wait()
	t.Logf("%d states of %d calls, %d operations", states, rec.log.End()/2, len(rec.events)/2)
}

// trying notes a seed beside the recording, which stays if the process dies of a damaged file.
func (rec *recording) trying(worker int, seed uint64) {
	os.WriteFile(filepath.Join(rec.dir, fmt.Sprintf("trying%d", worker)), []byte(strconv.FormatUint(seed, 10)), 0o600)
}

// try makes one state in dir, and checks it. log is the recording's, or less than that.
func (rec *recording) try(ctx context.Context, log *crashsim.Log, dir string, seed uint64) (err error) {
	// Damaged files that are mapped are read through.
	debug.SetPanicOnFault(true)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	r := rand.New(rand.NewPCG(seed, 4))
	at := rec.cutTime(r)
	if err := writeImage(log.Crash(at, r), dir); err != nil {
		return err
	}
	if err := checkDir(ctx, dir, rec.meta, rec.events, at); err != nil {
		return fmt.Errorf("cut at %d: %w", at, err)
	}
	return nil
}

// writeImage makes dir hold an image and nothing else.
func writeImage(image crashsim.Image, dir string) error {
	return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), image.Write(dir))
}

// cutTime chooses a moment: any, or when something has just been acknowledged,
// or when a sync is about to begin or to end, above all among the first of the
// process that was started last, which recovers.
func (rec *recording) cutTime(r *rand.Rand) int {
	start, end := rec.starts[len(rec.starts)-1], rec.log.End()
	switch r.IntN(4) {
	case 0:
		return r.IntN(end)
	case 1:
		return rec.events[r.IntN(len(rec.events))].at
	case 2:
		if first, _ := slices.BinarySearch(rec.syncs, start); start > 0 && first < len(rec.syncs) {
			return rec.syncs[first+r.IntN(min(20, len(rec.syncs)-first))] - 1
		}
	}
	return rec.syncs[r.IntN(len(rec.syncs))] - 1
}

// scratchDir is in memory where it can be: states are many, and need no disk.
func scratchDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "whypfs-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// keep saves a recording, and says how to see its failure again.
func (rec *recording) keep(seed uint64) string {
	kept, err := os.MkdirTemp("", "whypfs-crash-kept-")
	if err == nil {
		err = os.CopyFS(kept, os.DirFS(rec.dir))
	}
	if err != nil {
		return fmt.Sprintf("the recording could not be kept: %v", err)
	}
	return fmt.Sprintf("to see it again: %s=%s %s=%d go test -tags integration -run TestPowerCut ./integration/crash", replayEnv, kept, seedEnv, seed)
}

// replay tries one state of a recording that was kept.
func replay(t *testing.T, dir string, seed uint64) {
	rec := load(t, dir)
	state := filepath.Join(scratchDir(t), "state")
	if err := rec.try(t.Context(), rec.log, state, seed); err != nil {
		t.Errorf("state %d: %v", seed, err)
	}
}
