package deals

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/kv"
)

// years is by how much a clock may have been ahead.
const years = 4 * 365 * 24 * time.Hour

// A provider that was left alone by a clock that was ahead, asked by it, and
// judged by it, is chosen, asked and judged again by the clock as it is.
func TestProviderOfAWrongClock(t *testing.T) {
	const addr = "f01003"
	s := newScripted(t)
	wrong := s.queue.Now().Add(years)
	s.update(func(tx kv.Tx) error {
		return errors.Join(
			s.refuse(tx, somePiece, addr, refusedDeal, "no", wrong),
			editProvider(tx, addr, func(p *providerRow) {
				p.Streak, p.CoolUntil, p.Reason = 3, wrong.Add(s.cool(3)), "slashed"
				p.note(wrong).Failed = 100
			}),
			kv.PutJSON(tx, keyAsk(addr), KnownAsk{Ask: mk12.Ask{Price: big.NewInt(1 << 60), VerifiedPrice: big.NewInt(1), Min: 128, Max: 1 << 30}, At: wrong, Tried: wrong, OwnerAt: wrong}))
	})
	for _, x := range s.chosen(Rules{}).Candidates {
		if x.Provider == addr && x.Verdict != VerdictTaken {
			t.Errorf("%s is %q: %s", addr, x.Verdict, x.Why)
		}
	}
	now := s.queue.Now()
	k := KnownAsk{At: wrong}
	if k.fresh(now) || !k.fresh(wrong) || !(KnownAsk{At: now.Add(time.Minute)}).fresh(now) {
		t.Error("what it asked for counts when it should not, or does not when it should")
	}
	s.update(func(tx kv.Tx) error {
		return editProvider(tx, addr, func(p *providerRow) { p.note(now) })
	})
	var row providerRow
	s.update(func(tx kv.Tx) (err error) { row, err = getProvider(tx, addr); return err })
	if row.Record.fade(now.Add(halfLife)); math.Abs(row.Record.Failed-50) > 0.1 {
		t.Errorf("after its half-life %v of 100 failures count", row.Record.Failed)
	}
}

// What a cool-down has left by a clock that was set back is not more than it was.
func TestWaits(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		ends time.Duration
		want bool
	}{{-time.Second, false}, {0, false}, {time.Second, true}, {time.Hour, true}, {time.Hour + 1, false}, {years, false}} {
		if got := waits(now.Add(c.ends), now, time.Hour); got != c.want {
			t.Errorf("a wait of an hour that ends in %v goes on: %v, want %v", c.ends, got, c.want)
		}
	}
}

// The day's limit holds through a clock that is set, and does not hold for ever.
func TestDailyLimitJumps(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2030, 1, day, hour, 0, 0, 0, time.UTC) }
	type pay struct {
		at   time.Time
		wait time.Duration // 0: it is paid
	}
	for name, pays := range map[string][]pay{
		"day by day":               {{at(1, 23), 0}, {at(1, 23), time.Hour}, {at(2, 0), 0}, {at(2, 0), 24 * time.Hour}},
		"back over midnight":       {{at(2, 0), 0}, {at(1, 23), 25 * time.Hour}, {at(2, 0), 24 * time.Hour}, {at(3, 0), 0}},
		"back within a day":        {{at(2, 20), 0}, {at(2, 1), 23 * time.Hour}, {at(3, 0), 0}},
		"back by years":            {{at(2, 0).Add(years), 0}, {at(2, 0), 24 * time.Hour}, {at(3, 0), 0}},
		"ahead by years, and back": {{at(2, 0), 0}, {at(2, 0).Add(years), 0}, {at(2, 1), 23 * time.Hour}, {at(3, 0), 0}},
	} {
		row := escrowRow{Spent: big.Zero()}
		for i, p := range pays {
			wait, why := row.dailyLimit(p.at, big.NewInt(6), big.NewInt(10))
			if wait != p.wait || (why == "") != (p.wait == 0) {
				t.Errorf("%s: payment %d waits %v (%q), want %v", name, i, wait, why, p.wait)
			}
			if wait == 0 {
				row.Spent = big.Add(row.Spent, big.NewInt(6))
			}
		}
	}
}

// A sample of the future is no sample of today, nor its witness.
func TestSamplesOfAWrongClock(t *testing.T) {
	s := newScripted(t)
	now := s.queue.Now()
	row := s.deal(DealActive, 7, func(r *dealRow) { r.ChainID, r.Samples.LastOK = 4, now.Add(years) })
	if list, err := s.SampledSince(t.Context(), somePiece, now.Add(-time.Hour)); err != nil || len(list) != 0 {
		t.Errorf("sampled: %v, %v", list, err)
	}
	var x Samples
	x.add(now.Add(years), 0, errors.New("no"))
	x.add(now, 0, errors.New("no"))
	if !x.Since.Equal(now) || x.Row != 2 {
		t.Errorf("samples %+v, want two bad ones since now", x)
	}
	s.goodSamples = map[string]time.Time{"f01004": now.Add(years)}
	if s.otherGood(row.Provider, now.Add(-time.Hour), now) {
		t.Error("a sample of the future is a witness")
	}
}

// The time to a sector is that of a deal, not of a clock that was set.
func TestTook(t *testing.T) {
	s := newScripted(t)
	now := s.queue.Now()
	for ago, want := range map[time.Duration]time.Duration{time.Hour: time.Hour, -years: 0, years: 3 * 24 * time.Hour} {
		if got := s.took(dealRow{Deal: Deal{Created: now.Add(-ago)}}, now); got != want {
			t.Errorf("a deal made %v ago took %v, want %v", ago, got, want)
		}
	}
}
