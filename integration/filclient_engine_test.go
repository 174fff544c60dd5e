//go:build integration

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// filclientPIDs are those of the processes that the node has run, in order.
func (s *server) filclientPIDs() (pids []int) {
	for _, m := range regexp.MustCompile(`msg="filclient runs".* pid=(\d+)`).FindAllStringSubmatch(s.log.tail(10_000), -1) {
		pid, _ := strconv.Atoi(m[1])
		pids = append(pids, pid)
	}
	return pids
}

// TestFilclientEngine makes a node's deals through filclient: they become
// active; without the program they say that it is missing, and go on when it is
// there; killed, it comes back; and it ends with the node.
func TestFilclientEngine(t *testing.T) {
	t.Parallel()
	engine := func(path string) []string {
		return []string{"--sandbox", "--sandbox-providers", "2", "--replication", "2", "--deal-engine", "filclient", "--filclient", path}
	}
	path, missing := filclientPath(t), filepath.Join(t.TempDir(), "whypfs-filclient")
	s := start(t, t.TempDir(), engine(path)...)
	c := s.minio()
	for _, b := range []string{"first", "second", "third"} {
		if err := c.MakeBucket(testContext(t), b, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
		s.run("bucket", "policy", b, "--threshold", "1MiB")
	}
	mode := func(mode string) {
		for _, p := range []string{"f01000", "f01001"} {
			s.run("sandbox", "provider", "fail", p, mode)
		}
	}
	mode("stall")
	s.store(t, c, "first", "object", 1, 2<<20)
	await(t, 60*time.Second, "deals accepted", func() bool { return s.dealsIn(deals.DealAccepted, "") == 2 })

	s.stop()
	s.args = engine(missing)
	s.up()
	const absent = "filclient does not run: fork/exec "
	await(t, 60*time.Second, "deals say that filclient is missing", func() bool {
		return s.dealsIn(deals.DealAccepted, absent+missing) == 2
	})
	s.store(t, s.minio(), "second", "object", 2, 2<<20)
	await(t, 60*time.Second, "a zone says that filclient is missing", func() bool {
		z, ok := s.zoneOf(t, "second")
		return ok && strings.Contains(z.Reason, absent+missing)
	})

	s.stop()
	s.args = engine(path)
	s.up()
	mode("none")
	complete := func(bucket string) {
		t.Helper()
		await(t, 90*time.Second, "zone of "+bucket+" complete", func() bool {
			z, ok := s.zoneOf(t, bucket)
			return ok && z.State == buckets.ZoneComplete && len(s.active(t, z.ID)) == 2
		})
	}
	complete("first")
	complete("second")
	pids := s.filclientPIDs()
	if len(pids) != 1 {
		t.Fatalf("filclient ran as %v, want one process", pids)
	}
	for _, file := range []string{"environ", "cmdline"} {
		seen, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pids[0], file))
		if err != nil || bytes.Contains(seen, []byte(secretKey)) {
			t.Errorf("the process's %s: %q, %v", file, seen, err)
		}
	}

	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.store(t, s.minio(), "third", "object", 3, 2<<20)
	complete("third")
	if pids = s.filclientPIDs(); len(pids) != 2 {
		t.Fatalf("filclient ran as %v, want two processes", pids)
	}
	s.stop()
	if err := syscall.Kill(pids[1], 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after the node filclient is there: %v", err)
	}
}

// dealsIn counts the deals in a state whose reason contains a text.
func (s *server) dealsIn(state deals.DealState, reason string) (n int) {
	for _, d := range list[deals.Deal](s, "deal", "ls") {
		if d.State == state && strings.Contains(d.Reason, reason) {
			n++
		}
	}
	return n
}
