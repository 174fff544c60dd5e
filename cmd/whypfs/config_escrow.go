package main

import (
	"github.com/spf13/pflag"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals"
)

// escrow are the settings of what is moved from the wallet into the market's
// escrow, and of what deals may cost. Without --escrow-topup only what an admin
// asks for is moved, without --escrow-daily-limit nothing at all.
type escrow struct {
	EscrowTopUp string
	EscrowDaily string
	EscrowLow   string
	EscrowGas   string
	DealDaily   string
}

func (e *escrow) flags(fs *pflag.FlagSet) {
	fs.StringVar(&e.EscrowTopUp, "escrow-topup", "0", "FIL moved at once from the wallet into the market's escrow when a deal lacks it; 0: only what an admin asks for is moved")
	fs.StringVar(&e.EscrowDaily, "escrow-daily-limit", "0", "FIL moved into escrow in a day (UTC) at most, as topped up and as an admin asks (POST /admin/add-escrow); it is at least --escrow-topup")
	fs.StringVar(&e.EscrowLow, "escrow-low", "0", "FIL below which the escrow is filled up before a deal lacks it")
	fs.StringVar(&e.EscrowGas, "escrow-max-gas", "0.1", "FIL that the gas of one such payment may cost at most")
	fs.StringVar(&e.DealDaily, "deal-daily-limit", "0", "FIL that all deals signed in a day (UTC) may cost, for their whole time; others wait for the next day; 0: no limit")
}

func (e *escrow) check(bad func(format string, args ...any)) {
	for name, s := range map[string]string{"escrow-topup": e.EscrowTopUp, "escrow-daily-limit": e.EscrowDaily, "escrow-low": e.EscrowLow, "escrow-max-gas": e.EscrowGas, "deal-daily-limit": e.DealDaily} {
		if _, err := deals.ParseFIL(s); err != nil {
			bad("--%s: %w", name, err)
			return
		}
	}
	if o := e.options(); o.TopUp.Sign() > 0 && o.Daily.LessThan(o.TopUp) {
		bad("--escrow-daily-limit is at least --escrow-topup")
	}
}

// dailyLimit is what deals of a day may cost, of checked settings.
func (e *escrow) dailyLimit() big.Int {
	limit, _ := deals.ParseFIL(e.DealDaily)
	return limit
}

// options are those of checked settings.
func (e *escrow) options() (o deals.EscrowOptions) {
	o.TopUp, _ = deals.ParseFIL(e.EscrowTopUp)
	o.Daily, _ = deals.ParseFIL(e.EscrowDaily)
	o.Low, _ = deals.ParseFIL(e.EscrowLow)
	o.Gas, _ = deals.ParseFIL(e.EscrowGas)
	return o
}
