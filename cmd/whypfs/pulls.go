package main

import (
	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/deals/piece"
)

// pulls is the settings of how much storage providers fetch at once.
type pulls struct {
	Pulls     int
	PullsEach int
	Rate      size
	RateEach  size
}

func (p *pulls) flags(fs *pflag.FlagSet) {
	fs.IntVar(&p.Pulls, "piece-pulls", 64, "requests for pieces that are answered at once; more are told to come again (503)")
	fs.IntVar(&p.PullsEach, "piece-pulls-each", 16, "of these, requests with the token of one deal (429)")
	fs.Var(&p.Rate, "piece-rate", "bytes of pieces that are sent in a second; 0: no limit")
	fs.Var(&p.RateEach, "piece-rate-each", "of these, bytes for the token of one deal; 0: no limit")
}

func (p *pulls) check(bad func(format string, args ...any)) {
	if p.Pulls < 1 || p.PullsEach < 1 {
		bad("--piece-pulls, --piece-pulls-each: at least 1")
	}
	if p.Rate < 0 || p.RateEach < 0 {
		bad("--piece-rate, --piece-rate-each: less than nothing")
	}
}

func (p *pulls) limits() piece.Limits {
	return piece.Limits{Pulls: p.Pulls, PullsEach: p.PullsEach, Rate: int64(p.Rate), RateEach: int64(p.RateEach)}
}
