package buckets_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
)

// TestClockSetBack: what was stored by a clock that was ten years ahead ages by
// the clock as it is. Each bubble begins in the year 2000, so the second one is
// a start of the process after the clock was set.
func TestClockSetBack(t *testing.T) {
	const maxAge = 10 * time.Hour
	dir := t.TempDir()
	live := func(do func(f *fixture)) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(30 * 365 * 24 * time.Hour)
			f := &fixture{t: t, dir: dir, opt: buckets.Options{Dealer: new(dealer)}}
			f.open()
			defer f.close()
			do(f)
			if err := f.Check(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	live(func(f *fixture) {
		time.Sleep(10 * 365 * 24 * time.Hour)
		stop := f.start()
		b := f.policied("one", func(p *buckets.Policy) { p.MaxAge = maxAge })
		f.put(b, "key", fresh(100<<10))
		time.Sleep(time.Hour)
		stop()
		if z := f.zones(); len(z) != 1 || z[0].State != buckets.ZoneOpen {
			t.Fatalf("zones %+v, want an open one", z)
		}
	})
	live(func(f *fixture) {
		stop := f.start()
		time.Sleep(2 * maxAge)
		synctest.Wait()
		for _, z := range f.zones() { // no other content has come that would make it look old
			if z.State != buckets.ZoneComplete || z.SealedBy != "age" {
				t.Errorf("zone %+v, want it sealed by age", z)
			}
		}
		stop()
	})
}

// TestPinOfAWrongClock: a pin that was put off by a clock that was ahead is
// tried before it is that late, though others of its slot wait as they should.
func TestPinOfAWrongClock(t *testing.T) {
	const slots = 16
	f := newTest(t, buckets.Options{})
	var pins []buckets.Pin // of one slot
	for len(pins) < 2 {
		p := f.pin(7, buckets.PinRequest{CID: blockOf(cid.Raw, []byte(fresh(100))).Cid})
		if len(pins) == 0 || p.ID%slots == pins[0].ID%slots {
			pins = append(pins, p)
		}
	}
	next := func() uint64 {
		t.Helper()
		p, err := f.NextPin(t.Context(), 7, pins[0].ID%slots)
		if err != nil {
			t.Fatal(err)
		}
		return p.ID
	}
	putOff := func(p buckets.Pin, by time.Duration) {
		t.Helper()
		if err := f.PutOffPin(t.Context(), p.ID, time.Now().Add(by)); err != nil {
			t.Fatal(err)
		}
	}
	putOff(pins[0], time.Hour)
	putOff(pins[1], 2*time.Hour)
	if id := next(); id != 0 {
		t.Errorf("pin %d is tried, want none: all wait", id)
	}
	putOff(pins[1], 10*365*24*time.Hour)
	if id := next(); id != pins[1].ID {
		t.Errorf("pin %d is tried, want the one of the wrong clock, %d", id, pins[1].ID)
	}
}
