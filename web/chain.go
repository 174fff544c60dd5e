package web

import (
	"context"
	"time"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
)

const (
	// chainWait is how long a page waits for the chain: one that does not answer
	// must not keep from view what is known without it.
	chainWait = 3 * time.Second
	// chainAge is how old figures of the chain may be; where it is slow, older.
	chainAge = 4 * time.Second
)

// chainFigures are how the chain looks from here, and what the wallet has.
type chainFigures struct {
	Status deals.ChainStatus
	Funds  []deals.Funds
	At     time.Time // when it was asked
}

// chainNow asks the chain. Many browsers ask every few seconds, so they share an
// answer, also one that says that there was none.
func (s *server) chainNow(ctx context.Context) (chainFigures, error) {
	return s.chain.Get(chainAge, func() (f chainFigures, err error) {
		// Who asked may go away; the others still want to know.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), chainWait)
		defer cancel()
		f.At = time.Now()
		status := make(chan deals.ChainStatus, 1)
		go func() { status <- s.deals.ChainStatus(ctx) }()
		f.Funds, err = s.deals.Funds(ctx)
		f.Status = <-status
		return f, err
	})
}

// endpointRow is an endpoint of the chain with what its state means.
type endpointRow struct {
	chain.State
	Behind  int64 // epochs behind the head
	Known   bool  // Behind is
	Verdict string
	Tone    string
}

func endpointRows(s deals.ChainStatus) []endpointRow {
	var rows []endpointRow
	for _, e := range s.Endpoints {
		row := endpointRow{State: e, Verdict: "agrees", Tone: "good"}
		if s.Head > 0 && e.Head > 0 {
			row.Behind, row.Known = s.Head-e.Head, true
		}
		switch {
		case e.Fault != "":
			row.Verdict, row.Tone = "no answer", "bad"
		case e.Aside:
			row.Verdict, row.Tone = "disagrees", "bad"
		case time.Now().Before(e.Paused):
			row.Verdict, row.Tone = "paused", "busy"
		case e.Head == 0:
			row.Verdict, row.Tone = "not asked yet", "dim"
		}
		rows = append(rows, row)
	}
	return rows
}

// chainView is the chain as the page of deals shows it to an admin.
type chainView struct {
	chainFigures
	Endpoints []endpointRow
	Agree     int // endpoints
	Figures   deals.Figures
	Today     deals.DayFigures
	Switch    deals.Switch
}

func (s *server) chainView(ctx context.Context) (*chainView, error) {
	var v chainView
	var err error
	if v.chainFigures, err = s.chainNow(ctx); err != nil {
		return nil, err
	}
	if v.Figures, err = s.deals.Figures(ctx); err != nil {
		return nil, err
	}
	if v.Switch, err = s.deals.Switch(ctx); err != nil {
		return nil, err
	}
	if n := len(v.Figures.Days); n > 0 && v.Figures.Days[n-1].Day.Equal(time.Now().UTC().Truncate(24*time.Hour)) {
		v.Today = v.Figures.Days[n-1]
	}
	v.Endpoints = endpointRows(v.Status)
	for _, e := range v.Endpoints {
		if e.Verdict == "agrees" {
			v.Agree++
		}
	}
	return &v, nil
}
