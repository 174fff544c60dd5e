//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/deals"
)

// TestKilledInDealStates kills the node the first time that one of its
// deals is seen in a state, and starts it again: there are six active deals at
// six providers in the end, by its rows, by the providers and on the chain, and
// no provider has been given two. The moments of a proposal are tried write by
// write in package deals.
func TestKilledInDealStates(t *testing.T) {
	for _, tt := range []struct {
		state deals.DealState
		mode  string // what keeps deals in the state until they are seen there
	}{
		{deals.DealProposed, "hold-proposal"}, // the provider has read it, and will know nothing of it
		{deals.DealProposed, "hold-answer"},   // it has taken the deal, and we do not know
		{deals.DealAccepted, "no-publish"},
		{deals.DealPublished, "no-seal"},
		{deals.DealActive, "none"},
	} {
		t.Run(string(tt.state)+"/"+tt.mode, func(t *testing.T) {
			t.Parallel()
			s := start(t, t.TempDir(), "--sandbox", "--threshold", "1MiB", "--sandbox-epoch", "200ms")
			c := s.minio()
			if err := c.MakeBucket(testContext(t), "kill", minio.MakeBucketOptions{}); err != nil {
				t.Fatal(err)
			}
			s.failProviders(tt.mode)
			o := s.store(t, c, "kill", "object", 7, 2<<20)
			await(t, time.Minute, "a deal "+string(tt.state), func() bool {
				if tt.state == deals.DealProposed && s.column("held") == 0 {
					return false // it may not have been sent
				}
				for _, d := range list[deals.Deal](s, "deal", "ls") {
					if d.State == tt.state {
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
			if n := s.column("deals"); n != 6 {
				t.Errorf("providers have taken %d deals for six replicas:\n%s", n, s.run("sandbox", "provider", "ls"))
			}
			if at := s.onChain(t); len(at) != 6 || len(slices.Compact(slices.Sorted(slices.Values(at)))) != 6 {
				t.Errorf("the chain has deals with %v, want six with six providers", at)
			}
			s.loseBlocks(t)
			s.check(t, s.minio(), o)
		})
	}
}

// onChain asks the chain for all its deals, and returns whom they are with.
func (s *server) onChain(t *testing.T) (providers []string) {
	t.Helper()
	for id := 1; ; id++ {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"Filecoin.StateMarketStorageDeal","params":[%d,null]}`, id)
		res, err := http.Post(s.addr["sandbox"], "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Result struct{ Proposal struct{ Provider string } }
			Error  struct{ Message string }
		}
		err = json.NewDecoder(res.Body).Decode(&answer)
		res.Body.Close()
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.Contains(answer.Error.Message, "not found"): // ids are given one after the other
			return providers
		case answer.Error.Message != "":
			t.Fatal(answer.Error.Message)
		}
		providers = append(providers, answer.Result.Proposal.Provider)
	}
}

// failProviders gives all providers of the sandbox a mode.
func (s *server) failProviders(mode string) {
	s.t.Helper()
	for i := range 8 {
		s.run("sandbox", "provider", "fail", fmt.Sprintf("f0%d", 1000+i), mode)
	}
}

// column is the sum of a column of numbers in the list of the sandbox's providers.
func (s *server) column(name string) (n int) {
	s.t.Helper()
	at := -1
	for line := range strings.Lines(s.run("sandbox", "provider", "ls")) {
		words := strings.Fields(line)
		if at < 0 {
			at = slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, name) })
			if at < 0 {
				s.t.Fatalf("provider ls has no column %s: %q", name, line)
			}
			continue
		}
		k, err := strconv.Atoi(words[at])
		if err != nil {
			s.t.Fatalf("provider ls: %q", line)
		}
		n += k
	}
	return n
}
