package deals

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// Whatever the draw, as many owners and regions come out as the rules want, if
// there are that many.
func TestSpread(t *testing.T) {
	for range 300 {
		r := Rules{Owners: 1 + rand.IntN(4), Regions: 1 + rand.IntN(3)}
		s := newSpread(r, 6, 1)
		s.left = s.lacking()
		owners, regions := map[string]bool{}, map[string]bool{}
		draw := rand.Perm(60)
		for _, n := range draw {
			owner, region := fmt.Sprint("o", n%5), fmt.Sprint("r", n%4)
			if n%7 == 0 {
				owner = "" // not known
			}
			if s.left == 0 {
				break
			}
			if v, _ := s.spoils(fmt.Sprint(n), owner, region); v == "" {
				s.take(fmt.Sprint(n), owner, region)
				owners[owner], regions[region] = true, true
			}
		}
		delete(owners, "")
		if s.left != 0 || len(owners) < r.Owners || len(regions) < r.Regions {
			t.Fatalf("%+v: %d replicas missing, owners %v, regions %v", r, s.left, owners, regions)
		}
	}
}

// One replica too many with an owner, or in a region, stands for no other.
func TestLacking(t *testing.T) {
	type at struct{ owner, region string }
	for _, c := range []struct {
		rules Rules
		have  []at
		want  int // of four replicas
	}{
		{Rules{}, nil, 4},
		{Rules{}, []at{{"a", "eu"}, {"a", "eu"}, {"a", "eu"}}, 1},
		{Rules{}, []at{{"a", "eu"}, {"a", "eu"}, {"a", "eu"}, {"a", "eu"}, {"a", "eu"}}, 0},
		{Rules{Owners: 3}, []at{{"a", "eu"}, {"a", "eu"}, {"b", "eu"}}, 1},
		{Rules{Owners: 3}, []at{{"a", "eu"}, {"a", "eu"}, {"a", "eu"}}, 2},
		{Rules{Owners: 3}, []at{{"a", "eu"}, {"a", "eu"}, {"a", "eu"}, {"b", "eu"}, {"b", "eu"}}, 1}, // two came back
		{Rules{Owners: 3}, []at{{"a", "eu"}, {"b", "eu"}, {"", "eu"}, {"b", "eu"}}, 0},               // it may be a third
		{Rules{Owners: 3, Regions: 2}, []at{{"a", "eu"}, {"b", "eu"}, {"c", "eu"}, {"c", "eu"}}, 1},
		{Rules{Owners: 3, Regions: 2}, []at{{"a", "eu"}, {"b", "eu"}, {"c", ""}, {"c", "eu"}}, 0},
		{Rules{Owners: 6}, []at{{"a", "eu"}, {"b", "eu"}, {"c", "eu"}, {"d", "eu"}}, 0}, // a rule of a later policy
	} {
		s := newSpread(c.rules, 4, 1)
		for _, x := range c.have {
			s.add(x.owner, x.region)
		}
		if got := s.lacking(); got != c.want {
			t.Errorf("%+v with replicas at %v: %d lacking, want %d", c.rules, c.have, got, c.want)
		}
	}
}

func TestExcludes(t *testing.T) {
	for _, c := range []struct {
		rules Rules
		want  bool
	}{
		{Rules{}, false},
		{Rules{Block: []string{"f01"}}, true},
		{Rules{Block: []string{"acme"}}, true},
		{Rules{Block: []string{"eu", "x"}}, true},
		{Rules{Block: []string{"us"}}, false},
		{Rules{Allow: []string{"us"}}, true},
		{Rules{Allow: []string{"us", "acme"}}, false},
		{Rules{Allow: []string{"acme"}, Block: []string{"f01"}}, true}, // a block wins
	} {
		if got := c.rules.excludes("f01", "acme", "eu"); (got != "") != c.want {
			t.Errorf("%+v excludes f01 of acme in eu: %q", c.rules, got)
		}
	}
}

func TestScore(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	fresh := record{}
	good := record{At: now, Asked: 50, Accepted: 50, Active: 50, Timed: 50, Hours: 50, Fetched: 9}
	if good.score(now) <= fresh.score(now) {
		t.Errorf("a good record has %v, none %v", good.score(now), fresh.score(now))
	}
	for name, spoil := range map[string]func(*record){
		"refuses":    func(r *record) { r.Accepted = 10 },
		"fails":      func(r *record) { r.Failed = 10 },
		"loses":      func(r *record) { r.Lost = 10 },
		"slow":       func(r *record) { r.Hours = 50 * 100 },
		"unsound":    func(r *record) { r.Unsound = 10 },
		"loses more": func(r *record) { r.Failed, r.Lost = 0, 12 },
	} {
		bad := good
		if spoil(&bad); bad.score(now) >= good.score(now) {
			t.Errorf("one that %s has %v, a good one %v", name, bad.score(now), good.score(now))
		}
		// What was bad is forgiven: it comes back to where nobody knows it.
		if late := bad.score(now.Add(20 * halfLife)); late < 0.9*fresh.score(now) {
			t.Errorf("one that %s has %v long after, one that was never asked %v", name, late, fresh.score(now))
		}
	}
	half := good
	half.fade(now.Add(halfLife))
	if half.Asked < 24.9 || half.Asked > 25.1 {
		t.Errorf("after the half-life %v of 50 count", half.Asked)
	}
}

// chosen makes a choice for some piece.
func (s *scripted) chosen(rules Rules) Choice {
	s.t.Helper()
	var c Choice
	err := s.store.View(s.t.Context(), func(tx kv.Tx) (err error) {
		c, err = s.choose(tx, piece.Piece{CID: somePiece, Zone: 1, PaddedSize: 1 << 20, Replication: 2}, "b", rules, s.queue.Now())
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *scripted) update(f func(tx kv.Tx) error) {
	s.t.Helper()
	if err := s.store.Update(s.t.Context(), f); err != nil {
		s.t.Fatal(err)
	}
}

// Each thing that speaks against a provider is told as such.
func TestVerdicts(t *testing.T) {
	const addr = "f01003" // the other one, f01004, has nothing against it
	cheap := mk12.Ask{Price: big.NewInt(1), VerifiedPrice: big.NewInt(1), Min: 128, Max: 1 << 30}
	for want, setUp := range map[Verdict]func(s *scripted) Rules{
		VerdictTaken: func(s *scripted) Rules { return Rules{} },
		VerdictHolds: func(s *scripted) Rules {
			s.deal(DealActive, 7, func(r *dealRow) { r.ChainID = 4 })
			return Rules{}
		},
		VerdictRule: func(s *scripted) Rules { return Rules{Block: []string{addr}} },
		VerdictSuspended: func(s *scripted) Rules {
			if err := s.SuspendProvider(t.Context(), addr, "it moves house", false); err != nil {
				t.Fatal(err)
			}
			return Rules{}
		},
		VerdictOwner: func(s *scripted) Rules {
			s.opt.Providers = []ProviderConfig{{Address: addr, Owner: "a"}, {Address: "f01005", Owner: "a"}, {Address: "f01004", Owner: "b"}}
			s.deal(DealActive, 7, func(r *dealRow) { r.Provider, r.ChainID = "f01005", 4 })
			return Rules{Owners: 2}
		},
		VerdictRegion: func(s *scripted) Rules {
			s.opt.Providers = []ProviderConfig{{Address: addr, Region: "eu"}, {Address: "f01005", Region: "eu"}, {Address: "f01004", Region: "us"}}
			s.deal(DealActive, 7, func(r *dealRow) { r.Provider, r.ChainID = "f01005", 4 })
			return Rules{Regions: 2}
		},
		VerdictShare: func(s *scripted) Rules {
			// What it has of another piece of the bucket.
			s.deal(DealActive, 7, func(r *dealRow) { r.Piece, r.Bucket, r.Size, r.ChainID = "other", "b", 8<<20, 4 })
			return Rules{Share: 50}
		},
		VerdictRefused: func(s *scripted) Rules {
			s.update(func(tx kv.Tx) error { return s.refuse(tx, somePiece, addr, refusedDeal, "no", s.queue.Now()) })
			return Rules{}
		},
		VerdictCoolDown: func(s *scripted) Rules {
			s.update(func(tx kv.Tx) error {
				return editProvider(tx, addr, func(p *providerRow) { p.Streak, p.CoolUntil, p.Reason = 5, s.queue.Now().Add(time.Hour), "slashed" })
			})
			return Rules{}
		},
		VerdictFull: func(s *scripted) Rules {
			s.opt.Providers[0].Most = 1
			s.deal(DealProposed, 7, func(r *dealRow) { r.Piece = "other" })
			return Rules{}
		},
		VerdictSize: func(s *scripted) Rules {
			a := cheap
			a.Max = 1 << 10
			s.update(func(tx kv.Tx) error { return kv.PutJSON(tx, keyAsk(addr), KnownAsk{Ask: a, At: s.queue.Now()}) })
			return Rules{}
		},
		VerdictPrice: func(s *scripted) Rules {
			a := cheap
			a.Price = big.NewInt(1 << 60)
			s.update(func(tx kv.Tx) error { return kv.PutJSON(tx, keyAsk(addr), KnownAsk{Ask: a, At: s.queue.Now()}) })
			return Rules{}
		},
		VerdictSpare: func(s *scripted) Rules {
			s.opt.PerPiece = 1 // and the draw of two decides
			return Rules{}
		},
	} {
		t.Run(string(want), func(t *testing.T) {
			s := newScripted(t)
			rules := setUp(s)
			c := s.chosen(rules)
			for want != VerdictSpare && len(c.Candidates) > c.Taken && c.Candidates[c.Taken].Verdict == VerdictSpare {
				c = s.chosen(rules) // the other one was drawn first, and left no place
			}
			of := func(addr string) Candidate {
				i := slices.IndexFunc(c.Candidates, func(x Candidate) bool { return x.Provider == addr })
				if i < 0 {
					t.Fatalf("%s is no candidate: %+v", addr, c)
				}
				return c.Candidates[i]
			}
			x, y := of(addr), of("f01004")
			if want == VerdictSpare {
				if c.Taken != 1 || x.Verdict == y.Verdict || x.Verdict != want && y.Verdict != want {
					t.Fatalf("choice %+v, want one taken and one spare", c)
				}
				return
			}
			if x.Verdict != want || (x.Why == "") != (want == VerdictTaken) {
				t.Errorf("%s is %q: %q", addr, x.Verdict, x.Why)
			}
			if y.Verdict != VerdictTaken || c.Taken == 0 {
				t.Errorf("the other one is %q: %q", y.Verdict, y.Why)
			}
		})
	}
}

// A better record is drawn more often, and never always.
func TestDraw(t *testing.T) {
	s := newScripted(t)
	now := s.queue.Now()
	s.opt.PerPiece = 1
	s.update(func(tx kv.Tx) error {
		return editProvider(tx, "f01003", func(p *providerRow) {
			p.Record = record{At: now, Asked: 30, Accepted: 30, Active: 10, Failed: 20}
		})
	})
	first := map[string]int{}
	for range 300 {
		first[s.chosen(Rules{}).Candidates[0].Provider]++
	}
	if first["f01003"] == 0 || first["f01003"] > first["f01004"]*9/10 {
		t.Errorf("drawn first: %v", first)
	}
}
