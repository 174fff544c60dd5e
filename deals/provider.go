package deals

import (
	"cmp"
	"context"
	"errors"
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

	Source        string // SourceSetting or SourceAdded; "": none to choose from
	Engine, HTTP  string // as in ProviderConfig
	Owner, Region string
	Score         float64 // from 0 to 1: by what it did, the older the less
	UnderWay      int     // deals that it still has to publish
	Most          int     // as many as may be at once
	Ask           KnownAsk

	Registration Registration // what people have said of it
}

// providerRow is a provider as stored.
type providerRow struct {
	Address                            string
	Proposed, Accepted, Active, Failed int
	CoolUntil                          time.Time
	Reason                             string
	Streak                             int // faults in a row
	Record                             record
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

// verdict is what a refusal means when providers are chosen.
func (r refusalRow) verdict() Verdict {
	switch r.Kind {
	case refusedSize:
		return VerdictSize
	case refusedPrice:
		return VerdictPrice
	}
	return VerdictRefused
}

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

// Providers returns the listed providers with their records, and after them
// those that only old deals name.
func (d *Deals) Providers(ctx context.Context) ([]Provider, error) {
	var out []Provider
	now := d.queue.Now()
	err := d.store.View(ctx, func(tx kv.Tx) error {
		out = nil
		list, err := d.list(tx)
		if err != nil {
			return err
		}
		var all []string
		for _, p := range list {
			all = append(all, p.Address)
		}
		for r, err := range tx.Scan(kv.Range(prefix, "provider")) {
			if err != nil {
				return err
			}
			var addr string
			if err := kv.Unkey(r.Key, nil, nil, &addr); err != nil {
				return err
			}
			if !slices.Contains(all, addr) {
				all = append(all, addr)
			}
		}
		for _, addr := range all {
			p, err := d.provider(tx, addr, now)
			if err != nil {
				return err
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

func (d *Deals) provider(tx kv.Tx, addr string, now time.Time) (Provider, error) {
	row, err := getProvider(tx, addr)
	if err != nil {
		return Provider{}, err
	}
	ask, err := getAsk(tx, addr)
	if err != nil {
		return Provider{}, err
	}
	reg, err := registration(tx, addr)
	if err != nil && !errors.Is(err, ErrNotRegistered) {
		return Provider{}, err
	}
	flight, err := underWay(tx, addr)
	if err != nil {
		return Provider{}, err
	}
	cfg, source, err := d.config(tx, addr)
	return Provider{Source: source, Engine: cfg.Engine, HTTP: cfg.HTTP, Registration: reg, Address: addr, Peer: ask.Peer, Proposed: row.Proposed, Accepted: row.Accepted, Active: row.Active, Failed: row.Failed,
		CoolUntil: row.CoolUntil, Reason: row.Reason, Owner: cmp.Or(cfg.Owner, ask.Owner), Region: cfg.Region,
		Score: row.Record.score(now), UnderWay: flight, Most: cmp.Or(cfg.Most, defaultMost), Ask: ask}, err
}

func getProvider(tx kv.Tx, addr string) (providerRow, error) {
	p, err := kv.GetJSON[providerRow](tx, keyProvider(addr))
	if errors.Is(err, kv.ErrNotFound) {
		return providerRow{Address: addr}, nil
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
