package main

import (
	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/deals"
)

// escrow are the settings of what is moved from the wallet into the market's
// escrow. Without --escrow-topup nothing is.
type escrow struct {
	EscrowTopUp string
	EscrowDaily string
	EscrowLow   string
	EscrowGas   string
}

func (e *escrow) flags(fs *pflag.FlagSet) {
	fs.StringVar(&e.EscrowTopUp, "escrow-topup", "0", "FIL moved at once from the wallet into the market's escrow when a deal lacks it; 0: nothing is ever moved")
	fs.StringVar(&e.EscrowDaily, "escrow-daily-limit", "0", "FIL moved into escrow in a day (UTC) at most; it is at least --escrow-topup")
	fs.StringVar(&e.EscrowLow, "escrow-low", "0", "FIL below which the escrow is filled up before a deal lacks it")
	fs.StringVar(&e.EscrowGas, "escrow-max-gas", "0.1", "FIL that the gas of one such payment may cost at most")
}

func (e *escrow) check(bad func(format string, args ...any)) {
	for name, s := range map[string]string{"topup": e.EscrowTopUp, "daily-limit": e.EscrowDaily, "low": e.EscrowLow, "max-gas": e.EscrowGas} {
		if _, err := deals.ParseFIL(s); err != nil {
			bad("--escrow-%s: %w", name, err)
			return
		}
	}
	if o := e.options(); o.TopUp.Sign() > 0 && o.Daily.LessThan(o.TopUp) {
		bad("--escrow-daily-limit is at least --escrow-topup")
	}
}

// options are those of checked settings.
func (e *escrow) options() (o deals.EscrowOptions) {
	o.TopUp, _ = deals.ParseFIL(e.EscrowTopUp)
	o.Daily, _ = deals.ParseFIL(e.EscrowDaily)
	o.Low, _ = deals.ParseFIL(e.EscrowLow)
	o.Gas, _ = deals.ParseFIL(e.EscrowGas)
	return o
}
