package deals

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// Provider is what is known of a storage provider.
type Provider struct {
	Address                            string
	Peer                               string
	Proposed, Accepted, Active, Failed int
	CoolUntil                          time.Time // not asked before
	Reason                             string
}

// providerRow is a provider as stored.
type providerRow struct {
	Provider
	Streak int // faults in a row
}

// score is between 0 and 1: how often proposals were accepted, times how often
// deals became active. One who was never asked stands in the middle.
func (p Provider) score() float64 {
	accepts := float64(p.Accepted+1) / float64(p.Proposed+2)
	seals := float64(p.Active+1) / float64(p.Active+p.Failed+2)
	return accepts * seals
}

// refusalRow says why a provider is not asked for a piece again before a time.
type refusalRow struct {
	Count  int
	Until  time.Time
	Kind   refusal
	Reason string
}

// refusal is why a deal did not come about, as far as the choice of providers cares.
type refusal string

const (
	refusedSize  refusal = "size"  // the piece is too small or too large for it
	refusedPrice refusal = "price" // it asks for more than we pay
	refusedDeal  refusal = "deal"  // it said no, or broke the deal
	refusedReach refusal = "reach" // it cannot be talked to
)

// maxCool is the longest a provider is left alone.
const maxCool = 24 * time.Hour

// cool is how long a provider is left alone after n failures in a row: five
// minutes at the default poll, doubling.
func (d *Deals) cool(n int) time.Duration {
	wait := 20 * d.opt.Poll
	for ; n > 1 && wait < maxCool; n-- {
		wait *= 2
	}
	return min(wait, maxCool)
}

// Providers returns the configured providers with their records, and after them
// those that only old deals name.
func (d *Deals) Providers(ctx context.Context) ([]Provider, error) {
	var out []Provider
	err := d.store.View(ctx, func(tx kv.Tx) error {
		out = nil
		seen := make(map[string]bool)
		for _, addr := range d.providers() {
			p, err := getProvider(tx, addr)
			if err != nil {
				return err
			}
			seen[addr] = true
			out = append(out, p.Provider)
		}
		from, to := kv.Range(prefix, "provider")
		for r, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			p, err := kv.GetJSON[providerRow](tx, r.Key)
			if err != nil {
				return err
			}
			if !seen[p.Address] {
				out = append(out, p.Provider)
			}
		}
		return nil
	})
	return out, err
}

// providers are the configured addresses.
func (d *Deals) providers() []string {
	var out []string
	for _, p := range d.opt.Providers {
		out = append(out, p.Address)
	}
	return out
}

func getProvider(tx kv.Tx, addr string) (providerRow, error) {
	p, err := kv.GetJSON[providerRow](tx, keyProvider(addr))
	if errors.Is(err, kv.ErrNotFound) {
		return providerRow{Provider: Provider{Address: addr}}, nil
	}
	return p, err
}

// editProvider changes a provider's record.
func editProvider(tx kv.Tx, addr string, edit func(*providerRow)) error {
	p, err := getProvider(tx, addr)
	if err != nil {
		return err
	}
	edit(&p)
	return kv.PutJSON(tx, keyProvider(addr), p)
}

// refuse keeps a provider from being asked for a piece again too soon.
func (d *Deals) refuse(tx kv.Tx, piece, addr string, kind refusal, reason string, now time.Time) error {
	r, err := kv.GetJSON[refusalRow](tx, keyRefusal(piece, addr))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	r.Count++
	r.Until, r.Kind, r.Reason = now.Add(d.cool(r.Count)), kind, reason
	return kv.PutJSON(tx, keyRefusal(piece, addr), r)
}

// A choice is the outcome of looking for providers for a piece.
type choice struct {
	take    []string              // in order of preference
	refused map[string]refusalRow // those that are left alone for now, and why
}

// choose ranks the providers that may be asked for a piece: the better its
// record the earlier, equals in random order. busy are those that hold it.
func (d *Deals) choose(tx kv.Tx, piece string, busy map[string]bool, now time.Time) (choice, error) {
	c := choice{refused: make(map[string]refusalRow)}
	score := make(map[string]float64)
	for _, addr := range d.providers() {
		if busy[addr] {
			continue
		}
		p, err := getProvider(tx, addr)
		if err != nil {
			return c, err
		}
		r, err := kv.GetJSON[refusalRow](tx, keyRefusal(piece, addr))
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return c, err
		}
		switch {
		case now.Before(r.Until):
			c.refused[addr] = r
		case now.Before(p.CoolUntil):
			c.refused[addr] = refusalRow{Until: p.CoolUntil, Kind: refusedReach, Reason: p.Reason}
		default:
			c.take = append(c.take, addr)
			score[addr] = p.score()
		}
	}
	rand.Shuffle(len(c.take), func(i, j int) { c.take[i], c.take[j] = c.take[j], c.take[i] })
	slices.SortStableFunc(c.take, func(a, b string) int {
		switch {
		case score[a] > score[b]:
			return -1
		case score[a] < score[b]:
			return 1
		}
		return 0
	})
	return c, nil
}
