//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/deals"
)

// retrieval is a line of `whypfs retrieve ls --json`.
type retrieval struct {
	ID                   uint64
	Cause, State, Reason string
	Bytes, Size          int64
}

func (s *server) retrieval(cause string) (r retrieval) {
	s.t.Helper()
	for _, r := range list[retrieval](s, "retrieve", "ls") {
		if r.Cause == cause {
			return r
		}
	}
	return r
}

// TestRetrievalQueue has an object brought back: the budget stops it half way, and
// the node is killed while it goes on. In the end all of it is here, and nothing
// was fetched twice. Then a replica is lost, and what is not here comes back
// for its replacement.
func TestRetrievalQueue(t *testing.T) {
	t.Parallel()
	const size, budget = 40 << 20, "20MiB"
	args := []string{"--sandbox", "--threshold", "1MiB", "--sandbox-epoch", "200ms"}
	bounded := append(args[:len(args):len(args)], "--retrieve-per-day", budget)
	s := start(t, t.TempDir(), bounded...)
	if err := s.minio().MakeBucket(testContext(t), "box", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	s.run("bucket", "policy", "box", "--replication", "3")
	o := s.store(t, s.minio(), "box", "object", 3, size)
	await(t, 90*time.Second, "three active deals", func() bool {
		z, ok := s.zoneOf(t, "box")
		return ok && z.State == "complete"
	})
	zone, _ := s.zoneOf(t, "box")
	s.run("offload", "box/object")
	s.run("gc")

	s.run("retrieve", "start", "box/object")
	await(t, 30*time.Second, "the end of the budget", func() bool {
		return strings.Contains(s.retrieval("restore").Reason, "used up")
	})
	some := s.retrieval("restore")
	if some.Bytes == 0 || some.Bytes >= size {
		t.Fatalf("with a budget of %s: %+v", budget, some)
	}
	s.failProviders("trickle")
	s.kill()
	s.args = args
	s.up()
	s.run("retrieve", "start", "box")
	await(t, 30*time.Second, "a retrieval that runs", func() bool { return s.retrieval("restore").State == "running" })
	s.kill()
	// What was spent is known still, so nothing is asked for while the providers come to their senses.
	s.args = bounded
	s.up()
	s.failProviders("none")
	s.stop()
	s.args = args
	s.up()
	s.run("retrieve", "start", "box") // not at the end of the hour
	await(t, 60*time.Second, "the object", func() bool { return s.retrieval("restore").State == "done" })
	if all := s.retrieval("restore"); all.ID != some.ID || all.Bytes > size+size/10 {
		t.Errorf("after two kills %+v is done, which was %+v", all, some)
	}
	s.check(t, s.minio(), o)

	s.run("offload", "box/object")
	s.run("gc")
	var lost deals.Deal
	for _, lost = range s.active(t, zone.ID) {
		break
	}
	s.run("sandbox", "provider", "fail", lost.Provider, "slash")
	await(t, 60*time.Second, "a new replica", func() bool {
		now := s.active(t, zone.ID)
		_, still := now[lost.Piece+lost.Provider]
		return !still && len(now) == 3
	})
	await(t, 60*time.Second, "the object, for the sake of its replicas", func() bool { return s.retrieval("repair").State == "done" })
	s.check(t, s.minio(), o)
}
