package deals

import (
	"errors"
	"testing"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/kv"
)

// A payment that another run makes, and the chain executes, while one is being
// decided has used its nonce: the second one is not stored, as it could not be
// executed, and if it moves as much it would be taken for the first.
func TestNonceUsedMeanwhile(t *testing.T) {
	s := newScripted(t)
	s.opt.Escrow.Daily = big.NewInt(1000)
	s.script["StateGetActor"] = `{"Balance":"5000000000000000000","Nonce":7}`
	s.script["MpoolGetNonce"] = `7`
	s.script["GasEstimateMessageGas"] = `{"GasLimit":1000,"GasFeeCap":"10","GasPremium":"5"}`
	addr, err := s.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	edit := func(f func(*escrowRow)) escrowRow {
		row, err := s.editEscrow(t.Context(), addr, func(_ kv.Tx, row *escrowRow) error { f(row); return nil })
		if err != nil {
			t.Error(err)
		}
		return row
	}
	s.asked = func(method string) {
		if method == "GasEstimateMessageGas" {
			edit(func(row *escrowRow) { row.Spent = big.Add(row.Spent, big.NewInt(100)) })
		}
	}
	if message, err := s.AddEscrow(t.Context(), big.NewInt(100)); !errors.Is(err, ErrNotPaid) {
		t.Errorf("AddEscrow = %q, %v, want %v", message, err, ErrNotPaid)
	}
	s.asked = nil
	if row := edit(func(*escrowRow) {}); row.Payment != nil || row.Spent.String() != "100" {
		t.Errorf("escrow %+v, want what the other run has left", row)
	}
	if _, err := s.AddEscrow(t.Context(), big.NewInt(100)); err != nil {
		t.Errorf("AddEscrow once more: %v", err)
	}
	if row := edit(func(*escrowRow) {}); row.Payment == nil || row.Spent.String() != "200" {
		t.Errorf("escrow %+v, want a second payment", row)
	}
}
