//go:build integration

package integration

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/deals"
)

// TestKilledInDealStates kills the node the first time that one of its
// deals is seen in a state, and starts it again: there are six active deals at
// six providers in the end, and no provider has been given two. The moments of a
// proposal are tried write by write in package deals.
func TestKilledInDealStates(t *testing.T) {
	// What keeps deals in a state until they are seen there.
	holds := map[deals.DealState]string{
		deals.DealAccepted: "no-publish", deals.DealPublished: "no-seal", deals.DealActive: "none",
	}
	for state, mode := range holds {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			s := start(t, t.TempDir(), "--sandbox", "--threshold", "1MiB", "--sandbox-epoch", "200ms")
			c := s.minio()
			if err := c.MakeBucket(testContext(t), "kill", minio.MakeBucketOptions{}); err != nil {
				t.Fatal(err)
			}
			s.failProviders(mode)
			o := s.store(t, c, "kill", "object", 7, 2<<20)
			await(t, time.Minute, "a deal "+string(state), func() bool {
				for _, d := range list[deals.Deal](s, "deal", "ls") {
					if d.State == state {
						return true
					}
				}
				return false
			})
			s.kill()
			s.up()
			s.failProviders("none")
			zone, _ := s.zoneOf(t, "kill")
			await(t, time.Minute, "six active deals", func() bool { return len(s.active(t, zone.ID)) == 6 })
			// Our rows and the providers' must agree: neither side has a deal more.
			if n := len(list[deals.Deal](s, "deal", "ls")); n != 6 {
				t.Errorf("%d deals were made for six replicas:\n%s", n, s.run("deal", "ls"))
			}
			if n := s.taken(); n != 6 {
				t.Errorf("providers have taken %d deals for six replicas:\n%s", n, s.run("sandbox", "provider", "ls"))
			}
			s.loseBlocks(t)
			s.check(t, s.minio(), o)
		})
	}
}

// failProviders gives all providers of the sandbox a mode.
func (s *server) failProviders(mode string) {
	s.t.Helper()
	for i := range 8 {
		s.run("sandbox", "provider", "fail", fmt.Sprintf("f0%d", 1000+i), mode)
	}
}

// taken is how many deals the sandbox's providers have, in all.
func (s *server) taken() (n int) {
	s.t.Helper()
	for line := range strings.Lines(s.run("sandbox", "provider", "ls")) {
		words := strings.Fields(line)
		if len(words) < 5 || !strings.HasPrefix(words[0], "f0") {
			continue
		}
		deals, err := strconv.Atoi(words[4])
		if err != nil {
			s.t.Fatalf("provider ls: %q", line)
		}
		n += deals
	}
	return n
}
