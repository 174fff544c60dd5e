package deals_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// What an operator moves into escrow comes there, without any top-ups, and the
// day's limit holds for it.
func TestAddEscrow(t *testing.T) {
	m := newLender(t, "5", deals.Options{Escrow: deals.EscrowOptions{Daily: amount(t, "2.5")}})
	before, err := m.deals.Balance(t.Context())
	if err != nil || before.Balance.String() != "5000000000000000000" || before.Escrow.Sign() != 0 || before.Locked.Sign() != 0 || before.Datacap.Sign() != 0 {
		t.Errorf("balance %+v, %v", before, err)
	}
	if addr, err := m.deals.Address(t.Context()); err != nil || before.Address != addr {
		t.Errorf("balance of %s, %v, want %s", before.Address, err, addr)
	}
	for what, tt := range map[string]struct{ amount, why string }{
		"nothing":         {"0", "0 is no amount to move"},
		"over the limit":  {"3", "3 FIL more than 0 FIL of today is over the daily limit of 2.5 FIL"},
		"all of a finest": {"2.500000000000000001", "2.500000000000000001 FIL more than 0 FIL of today is over the daily limit of 2.5 FIL"},
	} {
		if _, err := m.deals.AddEscrow(t.Context(), amount(t, tt.amount)); !errors.Is(err, deals.ErrNotPaid) || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v, want %q", what, err, tt.why)
		}
	}
	message, err := m.deals.AddEscrow(t.Context(), amount(t, "1.000000000000000001"))
	if err != nil || !strings.HasPrefix(message, "bafy") {
		t.Fatalf("AddEscrow = %q, %v", message, err)
	}
	if _, err := m.deals.AddEscrow(t.Context(), amount(t, "1")); !errors.Is(err, deals.ErrNotPaid) || !strings.Contains(err.Error(), "a payment is under way") {
		t.Errorf("a second one beside it: %v", err)
	}
	if got := m.escrow(); got != "0" {
		t.Errorf("escrow is %s before anybody sent the message", got)
	}
	m.restart() // which sends what was stored
	m.until("the amount is in escrow", 30*time.Second, func() bool { return m.escrow() == "1000000000000000001" })
	m.until("the payment is over, and the day's limit told", 30*time.Second, func() bool {
		_, err := m.deals.AddEscrow(t.Context(), amount(t, "1.5"))
		if !errors.Is(err, deals.ErrNotPaid) {
			t.Fatalf("beyond the day's limit: %v", err)
		}
		return strings.Contains(err.Error(), "1.5 FIL more than 1.000000000000000001 FIL of today")
	})
	if _, err := m.deals.AddEscrow(t.Context(), amount(t, "1.499999999999999999")); err != nil {
		t.Errorf("up to the day's limit: %v", err)
	}
	m.until("both amounts are in escrow", 30*time.Second, func() bool { return m.escrow() == "2500000000000000000" })
	b, err := m.deals.Balance(t.Context())
	if err != nil || b.Escrow.String() != "2500000000000000000" || b.Balance.GreaterThanEqual(amount(t, "2.5")) {
		t.Errorf("balance afterwards %+v, %v", b, err)
	}
}

// By default nothing may be moved, and what the wallet does not have is not.
func TestAddEscrowRefused(t *testing.T) {
	m := newLender(t, "5", deals.Options{})
	if _, err := m.deals.AddEscrow(t.Context(), amount(t, "1")); !errors.Is(err, deals.ErrNotPaid) || !strings.Contains(err.Error(), "daily limit of 0 FIL") {
		t.Errorf("without a limit that was set: %v", err)
	}
}

func TestAddEscrowPoor(t *testing.T) {
	m := newLender(t, "1", deals.Options{Escrow: deals.EscrowOptions{Daily: amount(t, "10")}})
	if _, err := m.deals.AddEscrow(t.Context(), amount(t, "1")); !errors.Is(err, deals.ErrNotPaid) || !strings.HasPrefix(err.Error(), "nothing is moved into escrow: f1") || !strings.HasSuffix(err.Error(), " has 1 FIL") {
		t.Errorf("all that the wallet has, without gas: %v", err)
	}
}
