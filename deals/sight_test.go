package deals

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
)

// publishEvent is a deal-published event of the scripted client, f055, as Lotus tells of it.
func publishEvent(id byte, height int64) string {
	entry := func(key string, value ...byte) string {
		return fmt.Sprintf(`{"Flags":3,"Key":%q,"Codec":81,"Value":%q}`, key, base64.StdEncoding.EncodeToString(value))
	}
	kind := append([]byte{0x6e}, "deal-published"...)
	return fmt.Sprintf(`{"entries":[%s,%s,%s,%s],"emitter":"f05","reverted":false,"height":%d,"tipsetKey":[],"msgCid":{"/":%q}}`,
		entry("$type", kind...), entry("id", 0x18, id), entry("client", 0x18, 55), entry("provider", 0x19, 0x03, 0xeb), height, somePiece)
}

func (s *scripted) events(list ...string) {
	s.script["GetActorEventsRaw"] = "[" + strings.Join(list, ",") + "]"
}

// look has the chain tell of its events up to a head.
func (s *scripted) look(head int64) error {
	s.known.Store(&knownHead{head, s.queue.Now()})
	s.script["ChainHead"] = fmt.Sprintf(`{"Height":%d}`, head)
	return s.sightAll(s.t.Context(), head)
}

func (s *scripted) mustLook(head int64) {
	s.t.Helper()
	if err := s.look(head); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scripted) client() string {
	s.t.Helper()
	a, err := s.Address(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// asked is the epoch at which scripted deals of these tests were signed.
const asked = 900

func (s *scripted) sent(state DealState, loose bool) dealRow {
	s.t.Helper()
	return s.deal(state, 7, func(r *dealRow) { r.Client, r.Asked, r.Loose = s.client(), asked, loose })
}

// What the chain says it published is taken over, in whatever state we held it
// for, and its job follows it on.
func TestPublishedIsTakenOver(t *testing.T) {
	for name, c := range map[string]struct {
		state DealState
		loose bool
	}{
		"sent, no answer": {DealProposed, false},
		"accepted":        {DealAccepted, false},
		"denied":          {DealFailed, false},
		"given up":        {DealFailed, true},
		"refused":         {DealRejected, false},
	} {
		s := newScripted(t)
		row := s.sent(c.state, c.loose)
		s.script["StateMarketStorageDeal"] = s.onChain(row, -1)
		s.events(publishEvent(77, 950))
		s.mustLook(1000)
		if got := s.row(row.UUID); got.Seen != 77 || got.State != c.state {
			t.Fatalf("%s: seen as %d, %s", name, got.Seen, got.State)
		}
		if _, err := s.queue.Job(t.Context(), kindDeal, row.UUID); err != nil {
			t.Errorf("%s: no job takes it over: %v", name, err)
		}
		if err := s.follow(t.Context(), row.UUID); err == nil {
			t.Errorf("%s: nobody looks at it again", name)
		}
		if got := s.row(row.UUID); got.State != DealPublished || got.ChainID != 77 || got.Seen != 0 || got.Loose || got.Publish != somePiece {
			t.Errorf("%s: the deal is %+v", name, got)
		}
		s.mustLook(1001) // and again: nothing more happens
		if got := s.row(row.UUID); got.Seen != 0 || got.ChainID != 77 {
			t.Errorf("%s: an event that was known is news: %+v", name, got)
		}
	}
}

// An event may name a deal that is not ours, and a fork may take back what it told of.
func TestSightingsAreComparedFirst(t *testing.T) {
	s := newScripted(t)
	row := s.sent(DealFailed, false)
	other := row
	p, err := row.signedProposal()
	if err != nil {
		t.Fatal(err)
	}
	p.Proposal.EndEpoch++
	k, err := s.wallet.Key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if other.Signed, _, err = signProposal(k, p.Proposal); err != nil {
		t.Fatal(err)
	}
	s.script["StateMarketStorageDeal"] = s.onChain(other, -1)
	s.events(publishEvent(76, 940))
	s.mustLook(1000)
	if got := s.row(row.UUID); got.Seen != 0 {
		t.Fatalf("a deal with other epochs is taken for ours: %d", got.Seen)
	}
	s.events(publishEvent(76, 940), publishEvent(77, 950))
	s.script["StateMarketStorageDeal"] = s.onChain(row, -1)
	s.mustLook(1001)
	s.script["StateMarketStorageDeal"] = "!deal 77 not found"
	if err := s.follow(t.Context(), row.UUID); err != nil {
		t.Errorf("a deal that is over goes on: %v", err)
	}
	if got := s.row(row.UUID); got.Seen != 0 || got.State != DealFailed {
		t.Fatalf("the chain has it no more, and it is %s, seen as %d", got.State, got.Seen)
	}
	s.script["StateMarketStorageDeal"] = s.onChain(row, -1)
	s.mustLook(1002)
	if got := s.row(row.UUID); got.Seen != 77 {
		t.Errorf("it is there again, and not seen: %+v", got)
	}
}

// A loose deal is let go as soon as the chain shows that it never came, and not
// before: not without events of the whole time, nor on the word of an endpoint
// that has never told of any.
func TestNeverPublished(t *testing.T) {
	const start = 9000 // of someProposal
	for name, c := range map[string]struct {
		steps  []int64 // heads at which events are told of
		events []string
		begin  int64 // when it was signed
		gone   bool
	}{
		"never":          {[]int64{1000, 9010}, []string{publishEvent(70, 950)}, asked, true},
		"not yet":        {[]int64{1000, 9009}, []string{publishEvent(70, 950)}, asked, false},
		"no events kept": {[]int64{1000, 9010}, nil, asked, false},
		"begun late":     {[]int64{1000, 9010}, []string{publishEvent(70, 950)}, 0, false}, // by an older version
	} {
		s := newScripted(t)
		row := s.sent(DealFailed, true)
		if int64(row.StartEpoch) != start {
			t.Fatalf("starts at %d, and this test means %d", row.StartEpoch, start)
		}
		if _, err := s.change(t.Context(), row.UUID, func(r *dealRow) { r.Asked = c.begin }); err != nil {
			t.Fatal(err)
		}
		foreign := s.deal(DealFailed, 8, func(r *dealRow) { r.Signed = nil })
		s.script["StateMarketStorageDeal"] = s.onChain(s.deal(DealExpired, 9, func(r *dealRow) { r.ChainID = 70 }), 950)
		s.events(c.events...)
		for _, head := range c.steps {
			s.mustLook(head)
		}
		_ = s.follow(t.Context(), row.UUID) // its provider is nowhere
		if got := s.row(row.UUID); got.Loose == c.gone {
			t.Errorf("%s: loose %v", name, got.Loose)
		}
		if got := s.row(foreign.UUID); got.Seen != 0 {
			t.Errorf("%s: a deal that was never signed is seen", name)
		}
	}
}

// A gap in what was told of proves nothing.
func TestGapProvesNothing(t *testing.T) {
	s := newScripted(t)
	row := s.sent(DealFailed, true)
	s.script["StateMarketStorageDeal"] = s.onChain(s.deal(DealExpired, 9, func(r *dealRow) { r.ChainID = 70 }), 950)
	s.events(publishEvent(70, 950))
	s.mustLook(1000)
	s.sightings.mu.Lock()
	c := *s.sightings.of[row.Client]
	s.sightings.mu.Unlock()
	if c.from > asked || c.to != 1000 || !c.sound {
		t.Fatalf("told of %+v", c)
	}
	client, err := address.NewFromString(row.Client)
	if err != nil {
		t.Fatal(err)
	}
	s.sightings.take(client, eventsFrom(1002), 9100, 1, 0, nil)
	if s.neverPublished(s.row(row.UUID)) {
		t.Error("epoch 1001 was not told of, and it is sure that nothing was published in it")
	}
}

// A deal that was given up is replaced only when it has not come on chain for a
// while; then what nobody has heard of is dropped for one that comes.
func TestReplacementIsDropped(t *testing.T) {
	s := newScripted(t)
	row := s.sent(DealAccepted, false)
	s.events()
	s.mustLook(1000)
	f := failed(phaseTransfer, "provider gave up")
	f.loose = true
	if err := s.end(t.Context(), row, f); err == nil {
		t.Error("nobody looks at a loose deal")
	}
	choose := func(now time.Time) (c Choice) {
		t.Helper()
		err := s.store.View(t.Context(), func(tx kv.Tx) (err error) {
			c, err = s.choose(tx, piece.Piece{CID: somePiece, Zone: 1, Replication: 1}, "b", Rules{}, now)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	now := s.queue.Now()
	if c := choose(now); c.Taken != 0 || c.Doubted != 1 || c.settled() {
		t.Errorf("given up just now: %+v", c)
	}
	if reason, again := s.whyNot(piece.Piece{}, choose(now), now); again.After(now.Add(s.opt.Doubt)) || !strings.Contains(reason, "may still come on chain") {
		t.Errorf("waits until %v: %s", again, reason)
	}
	if c := choose(now.Add(s.opt.Doubt + time.Minute)); c.Taken != 1 || c.Doubted != 0 || c.Candidates[0].Provider != "f01004" {
		t.Errorf("given up long ago: %+v", c)
	}
	spare := s.deal(DealProposed, 7, func(r *dealRow) { r.Sent, r.Provider = false, "f01004" })
	heard := s.deal(DealProposed, 7, func(r *dealRow) { r.Sent, r.Provider = true, "f01004" })
	s.script["StateMarketStorageDeal"] = s.onChain(row, -1)
	s.events(publishEvent(77, 950))
	s.mustLook(1001)
	if c := choose(now.Add(30 * 24 * time.Hour)); c.Taken != 0 {
		t.Errorf("a deal that was seen on chain is replaced: %+v", c)
	}
	if err := s.follow(t.Context(), row.UUID); err == nil {
		t.Error("nobody follows the deal")
	}
	if _, err := s.Deal(t.Context(), spare.UUID); !errors.Is(err, ErrNoDeal) {
		t.Errorf("what nobody heard of is kept: %v", err)
	}
	if got := s.row(heard.UUID); got.State != DealProposed {
		t.Errorf("what its provider may have read is %s", got.State)
	}
}

// Where no endpoint keeps events nothing is waited for.
func TestNoDoubtWithoutEvents(t *testing.T) {
	s := newScripted(t)
	row := s.sent(DealAccepted, false)
	s.script["GetActorEventsRaw"] = "!method not supported"
	s.mustLook(1000)
	f := failed(phaseTransfer, "provider gave up")
	f.loose = true
	if err := s.end(t.Context(), row, f); err == nil {
		t.Error("nobody looks at a loose deal")
	}
	if got := s.row(row.UUID); !got.Doubt.IsZero() || !got.Loose {
		t.Errorf("the deal is doubted until %v, loose %v", got.Doubt, got.Loose)
	}
}

// Each write of the way from an event to a published deal fails once, before it
// took effect and after.
func TestTakingOverOverFailures(t *testing.T) {
	for _, fault := range []kvtest.Fault{kvtest.Before, kvtest.Applied} {
		for n := range 8 {
			s := newScripted(t)
			row := s.sent(DealFailed, true)
			spare := s.deal(DealProposed, 7, func(r *dealRow) { r.Sent, r.Provider = false, "f01004" })
			s.script["StateMarketStorageDeal"] = s.onChain(row, -1)
			s.events(publishEvent(77, 950))
			bad := &kvtest.Faulty{Store: s.store}
			bad.Choose(func(i int) kvtest.Fault {
				if i == n {
					return fault
				}
				return kvtest.None
			})
			s.store = bad
			for head := int64(1000); head < 1010; head++ {
				_ = s.look(head)
				_ = s.follow(t.Context(), row.UUID)
			}
			bad.Choose(nil)
			if got := s.row(row.UUID); got.State != DealPublished || got.ChainID != 77 || got.Loose {
				t.Errorf("write %d, %v: the deal is %s with id %d", n, fault, got.State, got.ChainID)
			}
			if _, err := s.Deal(t.Context(), spare.UUID); !errors.Is(err, ErrNoDeal) {
				t.Errorf("write %d, %v: its replacement is kept: %v", n, fault, err)
			}
			if list, err := s.Deals.Deals(t.Context(), 1, "", 0, 0); err != nil || len(slices.Clip(list)) != 1 {
				t.Errorf("write %d, %v: %d deals, %v", n, fault, len(list), err)
			}
		}
	}
}

// eventsFrom are those of an endpoint that tells of nothing, from an epoch on.
func eventsFrom(epoch int64) chain.Events { return chain.Events{From: epoch, Told: 1, Proved: 1} }
