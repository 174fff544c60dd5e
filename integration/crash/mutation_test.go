//go:build integration

package crash

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/crashsim"
)

// lossEnv names the syncs that a process of TestMissingSyncs takes out.
const lossEnv = "WHYPFS_CRASH_LOSS"

// losses are syncs without which something is lost.
var losses = map[string]func(crashsim.Sync) bool{
	"segments":              func(s crashsim.Sync) bool { return strings.HasSuffix(s.Path, ".car") },
	"folder of segments":    func(s crashsim.Sync) bool { return s.Path == "blocks" },
	"folder of all":         func(s crashsim.Sync) bool { return s.Path == "." },
	"pages of database":     func(s crashsim.Sync) bool { return s.Path == "meta.db" && !isMetaPage(s) },
	"meta page of database": isMetaPage,
	"log of database":       func(s crashsim.Sync) bool { return isCommit(s) && !isMetaPage(s) },
}

// TestMissingSyncs takes syncs out of a recording, and expects the check to
// find what is lost: else it would prove nothing. It runs in other processes,
// because bbolt reads a damaged file in a goroutine of its own, and panics there.
func TestMissingSyncs(t *testing.T) {
	if name := os.Getenv(lossEnv); name != "" {
		lose(t, os.Getenv(replayEnv), losses[name])
		return
	}
	t.Parallel()
	recs := map[string]*recording{}
	for _, driver := range []string{pebble, bolt} {
		recs[driver] = record(t, t.TempDir(), plan{Meta: driver, Seed: 5, Workers: 4, Ops: 20})
	}
	for name := range losses {
		rec := recs[pebble]
		if strings.HasSuffix(name, "page of database") || strings.HasSuffix(name, "pages of database") {
			rec = recs[bolt]
		}
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestMissingSyncs$")
			cmd.Env = append(os.Environ(), lossEnv+"="+name, replayEnv+"="+rec.dir)
			out, err := cmd.CombinedOutput()
			found := strings.Contains(string(out), "found by state") || strings.Contains(string(out), "go.etcd.io/bbolt")
			if err == nil || !found {
				t.Errorf("nothing was found to be lost: %v\n%s", err, tail(out))
			}
		})
	}
}

// lose fails when it has found a loss.
func lose(t *testing.T, dir string, drop func(crashsim.Sync) bool) {
	rec := load(t, dir)
	less := rec.log.Without(drop)
	if len(less.Syncs()) == len(rec.log.Syncs()) {
		t.Fatal("there is no such sync")
	}
	state := filepath.Join(scratchDir(t), "state")
	for seed := range uint64(2000) {
		if err := rec.try(context.Background(), less, state, seed); err != nil {
			t.Fatalf("found by state %d: %v", seed, err)
		}
	}
}
