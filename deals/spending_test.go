package deals

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
	"github.com/whypfs/whypfs/queue"
)

// dear is a proposal that costs something, and what.
func (s *scripted) dear() (market.DealProposal, big.Int) {
	s.t.Helper()
	k, err := s.wallet.Key(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.script["StateMarketBalance"] = `{"Escrow":"99999999999999999999","Locked":"0"}`
	p := someProposal(s.t, k)
	return p, p.ClientBalanceRequirement()
}

func (s *scripted) unsent() dealRow {
	s.t.Helper()
	return s.deal(DealProposed, 7, func(r *dealRow) { r.Signed, r.Sent = nil, false })
}

func (s *scripted) spent(want big.Int) {
	s.t.Helper()
	got, err := s.Spending(s.t.Context())
	if err != nil || got.Today != fil(want) {
		s.t.Errorf("spent today: %+v, %v, want %s", got, err, fil(want))
	}
}

// What all deals of a day may cost is counted with their signatures, over
// restarts, and one that finds no room waits for the next day and says so.
func TestDailyLimitOfDeals(t *testing.T) {
	s := newScripted(t)
	p, cost := s.dear()
	s.opt.DailyLimit = big.Sub(big.Mul(cost, big.NewInt(3)), big.NewInt(1))
	first, second, third := s.unsent(), s.unsent(), s.unsent()
	for _, row := range []dealRow{first, second} {
		if _, err := s.sign(t.Context(), row, p); err != nil {
			t.Fatal(err)
		}
	}
	s.spent(big.Mul(cost, big.NewInt(2)))
	again := New(s.store, s.node, queue.New(s.store, queue.Options{}), s.box, s.opt)
	now := again.queue.Now()
	_, err := again.sign(t.Context(), third, p)
	var wait *errNotNow
	if !errors.As(err, &wait) || !strings.Contains(wait.reason, "again at 00:00 UTC") || !strings.Contains(wait.reason, fil(s.opt.DailyLimit)) {
		t.Fatalf("a third of what three cost is too much: %v", err)
	}
	if wait.until.Sub(now) <= 0 || wait.until.Sub(now) > 24*time.Hour || wait.until.Format("15:04:05") != "00:00:00" {
		t.Errorf("it waits until %v", wait.until)
	}
	if err := s.notPrepared(t.Context(), third, err); err == nil || !strings.Contains(s.row(third.UUID).Reason, "waits: it costs") {
		t.Errorf("%v: it waits as %q", err, s.row(third.UUID).Reason)
	}
	if s.row(third.UUID).Signed != nil {
		t.Error("it is signed all the same")
	}
	s.spent(big.Mul(cost, big.NewInt(2)))
	// A deal that is signed already is not signed again, nor counted.
	if _, err := s.sign(t.Context(), second, p); err != nil {
		t.Error(err)
	}
	s.spent(big.Mul(cost, big.NewInt(2)))

	s.opt.DailyLimit = big.Sub(cost, big.NewInt(1))
	if _, err := s.sign(t.Context(), third, p); !errors.As(err, &wait) || !strings.Contains(wait.reason, "all deals of a day may cost") {
		t.Errorf("a deal that costs more than a day's limit: %v", err)
	}
	s.opt.DailyLimit = big.Int{}
	if _, err := s.sign(t.Context(), third, p); err != nil {
		t.Errorf("without a limit: %v", err)
	}
	s.spent(big.Mul(cost, big.NewInt(3))) // counted all the same
	funds, err := s.Funds(t.Context())
	if err != nil || len(funds) != 1 || funds[0].Signed != fil(big.Mul(cost, big.NewInt(3))) {
		t.Errorf("the key's funds are %+v, %v", funds, err)
	}
}

// A day ends at midnight UTC. A clock that is set back over it begins no day
// anew; one that was wrong by more is not believed.
func TestCountedDay(t *testing.T) {
	for _, c := range []struct {
		last, now, day string
		fresh          bool
		hours          int // until it is over
	}{
		{"", "2026-11-29T12:00:00Z", "2026-11-29", true, 12},
		{"2026-11-29", "2026-11-29T23:59:59Z", "2026-11-29", false, 0},
		{"2026-11-29", "2026-11-30T00:00:00Z", "2026-11-30", true, 24},
		{"2026-11-30", "2026-11-29T23:59:59Z", "2026-11-30", false, 24},
		{"2027-11-30", "2026-11-29T23:59:59Z", "2026-11-29", false, 0},
		{"2026-11-29", "2026-11-30T01:00:00+02:00", "2026-11-29", false, 1},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		day, over, fresh := countedDay(c.last, now)
		if left := int(over.Sub(now).Hours()); day != c.day || fresh != c.fresh || left != c.hours {
			t.Errorf("after %q, at %s: %s, fresh %v, over in %d h, want %s, %v, %d h", c.last, c.now, day, fresh, left, c.day, c.fresh, c.hours)
		}
	}
}

// Each write fails once, before it took effect or after: what was spent is what
// the signed deals cost, and never more than the limit.
func TestDailyLimitOverFailures(t *testing.T) {
	for _, fault := range []kvtest.Fault{kvtest.Before, kvtest.Applied} {
		for n := range 6 {
			t.Run(fmt.Sprint(fault, n), func(t *testing.T) {
				s := newScripted(t)
				p, cost := s.dear()
				s.opt.DailyLimit = big.Mul(cost, big.NewInt(2))
				rows := []dealRow{s.unsent(), s.unsent(), s.unsent()}
				bad := &kvtest.Faulty{Store: s.store}
				bad.Choose(func(i int) kvtest.Fault {
					if i == n {
						return fault
					}
					return kvtest.None
				})
				s.store = bad
				for range 3 {
					for _, row := range rows {
						if row = s.row(row.UUID); row.Signed == nil {
							_, _ = s.sign(t.Context(), row, p)
						}
					}
				}
				bad.Choose(nil)
				signed := 0
				for _, row := range rows {
					if s.row(row.UUID).Signed != nil {
						signed++
					}
				}
				if signed != 2 {
					t.Errorf("%d deals are signed, want 2", signed)
				}
				s.spent(big.Mul(cost, big.NewInt(2)))
			})
		}
	}
}

// A row of the day that cannot be read signs nothing.
func TestSpentOfDamagedRow(t *testing.T) {
	s := newScripted(t)
	p, _ := s.dear()
	s.opt.DailyLimit = big.NewInt(1e18)
	if err := s.store.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(keySpent(), []byte("{")) }); err != nil {
		t.Fatal(err)
	}
	row := s.unsent()
	if _, err := s.sign(t.Context(), row, p); err == nil || s.row(row.UUID).Signed != nil {
		t.Errorf("signed with a day that is not known: %v", err)
	}
	s.opt.DailyLimit = big.Zero() // then it is a figure, and no more
	if _, err := s.sign(t.Context(), row, p); err != nil {
		t.Errorf("a figure stops a deal: %v", err)
	}
}
