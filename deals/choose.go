package deals

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// defaultMost is how many deals are under way with a provider at once, unless
// the operator's list says another number.
const defaultMost = 20

// choose weighs every listed provider for the replicas that a piece lacks.
// Among those that nothing speaks against a draw decides in which a better
// record has better chances: the best would otherwise get everything, and all
// would be lost with it.
func (d *Deals) choose(tx kv.Tx, p piece.Piece, bucket string, rules Rules, now time.Time) (Choice, error) {
	h, err := holders(tx, p.CID)
	if err != nil {
		return Choice{}, err
	}
	places := newSpread(rules, p.Replication, p.PaddedSize)
	if err := d.fill(tx, places, h, bucket); err != nil {
		return Choice{}, err
	}
	c := Choice{off: h.off, Piece: p.CID, Time: now, Wanted: p.Replication, Have: p.Replication - places.left}
	if places.left == 0 {
		c.Have = len(h.counted)
	}
	for _, until := range h.doubts {
		if places.left == 0 || !now.Before(until) {
			continue
		}
		places.left--
		if c.Doubted++; c.Doubted == 1 || until.Before(c.doubtUntil) {
			c.doubtUntil = until
		}
	}
	drawn := make(map[string]float64)
	list, err := d.list(tx)
	if err != nil {
		return c, err
	}
	for _, cfg := range list {
		x, err := d.weigh(tx, p, cfg, rules, h, now)
		if err != nil {
			return c, err
		}
		if x.Verdict == VerdictSpare {
			drawn[cfg.Address] = rand.ExpFloat64() / max(x.Score*x.Score, 1e-9)
		}
		c.Candidates = append(c.Candidates, x)
	}
	slices.SortFunc(c.Candidates, func(a, b Candidate) int {
		x, aDrawn := drawn[a.Provider]
		y, bDrawn := drawn[b.Provider]
		if aDrawn != bDrawn {
			return cmp.Compare(y, x) // those without a draw have zero, and come last
		}
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a.Provider, b.Provider))
	})
	room := places.left
	if most := d.opt.PerPiece; most > 0 {
		room = min(room, max(0, most-h.underWay))
	}
	for i := range c.Candidates[:len(drawn)] {
		x := &c.Candidates[i]
		x.Rank = i + 1
		if c.Taken == room {
			x.Why = fmt.Sprintf("place %d in the draw for %d", x.Rank, room)
		} else if v, why := places.spoils(x.Provider, x.Owner, x.Region); v != "" {
			x.Verdict, x.Why = v, why
		} else {
			places.take(x.Provider, x.Owner, x.Region)
			x.Verdict, x.Why = VerdictTaken, ""
			c.Taken++
		}
	}
	slices.SortStableFunc(c.Candidates, func(a, b Candidate) int { return order(a.Verdict) - order(b.Verdict) })
	return c, nil
}

// fits says whether a piece lacks a replica that this provider may be the one for.
func (d *Deals) fits(tx kv.Tx, p piece.Piece, bucket string, rules Rules, provider string) (bool, error) {
	h, err := holders(tx, p.CID)
	if err != nil {
		return false, err
	}
	places := newSpread(rules, p.Replication, p.PaddedSize)
	if err := d.fill(tx, places, h, bucket); err != nil || places.left == 0 {
		return false, err
	}
	owner, region, err := d.whose(tx, provider)
	if err != nil {
		return false, err
	}
	verdict, _ := places.spoils(provider, owner, region)
	return verdict == "", nil
}

// whose says whose a provider is, and where; "" for what is not known.
func (d *Deals) whose(tx kv.Tx, provider string) (owner, region string, err error) {
	a, err := getAsk(tx, provider)
	if err != nil {
		return "", "", err
	}
	cfg, _, err := d.config(tx, provider)
	return cmp.Or(cfg.Owner, a.Owner), cfg.Region, err
}

func order(v Verdict) int {
	switch v {
	case VerdictTaken:
		return 0
	case VerdictSpare:
		return 1
	}
	return 2
}

// fill tells a spread what is stored already.
func (d *Deals) fill(tx kv.Tx, s *spread, h holding, bucket string) error {
	for provider := range h.counted {
		who, region, err := d.whose(tx, provider)
		if err != nil {
			return err
		}
		s.add(who, region)
	}
	s.left = s.lacking()
	if s.rules.Share == 0 {
		return nil
	}
	held := make(map[string]int64)
	for r, err := range tx.Scan(kv.Range(prefix, "held", bucket)) {
		if err != nil {
			return err
		}
		var provider, id string
		if err := kv.Unkey(r.Key, nil, nil, nil, &provider, &id); err != nil {
			return err
		}
		size, err := kv.GetJSON[int64](tx, r.Key)
		if err != nil {
			return err
		}
		held[provider] += size
	}
	for provider, size := range held {
		who, _, err := d.whose(tx, provider)
		if err != nil {
			return err
		}
		s.hold(cmp.Or(who, provider), size)
	}
	return nil
}

// weigh says what speaks against a provider by itself; VerdictSpare: nothing.
func (d *Deals) weigh(tx kv.Tx, p piece.Piece, cfg ProviderConfig, rules Rules, h holding, now time.Time) (Candidate, error) {
	row, err := getProvider(tx, cfg.Address)
	if err != nil {
		return Candidate{}, err
	}
	a, err := getAsk(tx, cfg.Address)
	if err != nil {
		return Candidate{}, err
	}
	no, err := kv.GetJSON[refusalRow](tx, keyRefusal(p.CID, cfg.Address))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return Candidate{}, err
	}
	x := Candidate{Provider: cfg.Address, Owner: cmp.Or(cfg.Owner, a.Owner), Region: cfg.Region, Verdict: VerdictSpare, Score: row.Record.score(now)}
	say := func(v Verdict, until time.Time, why string) (Candidate, error) {
		x.Verdict, x.Until, x.Why = v, until, why
		return x, nil
	}
	if why := h.busy[cfg.Address]; why != "" {
		return say(VerdictHolds, time.Time{}, why)
	}
	if h.off != "" {
		return say(VerdictOff, time.Time{}, h.off)
	}
	reg, err := registration(tx, cfg.Address)
	if err != nil && !errors.Is(err, ErrNotRegistered) {
		return x, err
	}
	if reg.Suspended != "" {
		return say(VerdictSuspended, time.Time{}, reg.Suspended)
	}
	if why := rules.excludes(x.Provider, x.Owner, x.Region); why != "" {
		return say(VerdictRule, time.Time{}, why)
	}
	if waits(no.Until, now, d.cool(no.Count)) {
		return say(no.verdict(), no.Until, no.Reason)
	}
	if waits(row.CoolUntil, now, d.cool(row.Streak)) {
		return say(VerdictCoolDown, row.CoolUntil, row.Reason)
	}
	if a.fresh(now) {
		if v, why := d.unsuited(a.Ask, p.PaddedSize, d.lowestPrice(a.Ask)); v != "" {
			return say(v, a.At.Add(askTTL), why)
		}
	}
	flight, err := underWay(tx, cfg.Address)
	if err != nil {
		return x, err
	}
	if most := cmp.Or(cfg.Most, defaultMost); flight >= most {
		return say(VerdictFull, now.Add(20*d.opt.Poll), fmt.Sprintf("%d deals are under way with it, the limit is %d", flight, most))
	}
	return x, nil
}

// unsuited says why a provider does not take a piece of a size, by what it asks
// for, or is not paid its price.
func (d *Deals) unsuited(a mk12.Ask, padded int64, price big.Int) (Verdict, string) {
	switch {
	case padded < a.Min || padded > a.Max:
		return VerdictSize, fmt.Sprintf("takes pieces of %s to %s, this one has %s",
			humanize.IBytes(uint64(a.Min)), humanize.IBytes(uint64(a.Max)), humanize.IBytes(uint64(padded)))
	case d.maxPrice != nil && price.Cmp(d.maxPrice) > 0:
		return VerdictPrice, fmt.Sprintf("asks %s attoFIL per GiB and epoch, the limit is %s", price, d.opt.MaxPrice)
	}
	return "", ""
}

// underWay counts the deals that a provider still has to publish.
func underWay(tx kv.Tx, provider string) (n int, err error) {
	for _, err := range tx.Scan(kv.Range(prefix, "flight", provider)) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
