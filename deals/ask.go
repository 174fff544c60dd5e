package deals

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/filecoin-project/go-state-types/big"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/mk12"
	"github.com/whypfs/whypfs/kv"
	"golang.org/x/sync/errgroup"
)

const (
	askTTL     = 30 * time.Minute // as long as Estuary took an ask for true
	askFailTTL = time.Minute      // a provider that did not answer is left alone for so long
	ownerTTL   = 24 * time.Hour   // providers are rarely sold
	askers     = 8                // providers asked at a time
)

// KnownAsk is what a provider asks for, as it said last, and who the chain says it is.
type KnownAsk struct {
	mk12.Ask
	At      time.Time // of the ask; zero: it never gave one
	Tried   time.Time // when it was asked last
	Error   string    // why it gave none then
	Owner   string    // address, by the chain
	Worker  string    `json:",omitempty"` // address, by the chain
	Peer    string    // id, by the chain
	Addrs   []string  `json:",omitempty"` // multiaddrs, by the chain
	OwnerAt time.Time
}

// fresh says that the ask can be relied on.
func (k KnownAsk) fresh(now time.Time) bool {
	return within(k.At, now, askTTL)
}

func getAsk(tx kv.Tx, provider string) (KnownAsk, error) {
	k, err := kv.GetJSON[KnownAsk](tx, keyAsk(provider))
	if errors.Is(err, kv.ErrNotFound) {
		return KnownAsk{}, nil
	}
	return k, err
}

// ask asks a provider what it asks for, and keeps the answer.
func (d *Deals) ask(ctx context.Context, provider string) (mk12.Ask, error) {
	engine, err := d.engineOf(ctx, provider)
	if err != nil {
		return mk12.Ask{}, err
	}
	a, askErr := engine.Ask(ctx, provider)
	if askErr != nil && blameless(ctx, askErr) {
		return a, askErr
	}
	now := d.queue.Now()
	var known KnownAsk
	err = d.store.View(ctx, func(tx kv.Tx) (err error) {
		known, err = getAsk(tx, provider)
		return err
	})
	if err != nil {
		return a, err
	}
	var info chain.MinerInfo
	if !within(known.OwnerAt, now, ownerTTL) {
		if got, err := d.chain.MinerInfo(ctx, provider); err == nil {
			info = got
		}
	}
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		k, err := getAsk(tx, provider)
		if err != nil {
			return err
		}
		if k.Tried, k.Error = now, ""; askErr != nil {
			k.Error = short(askErr.Error())
			if k.Price.Int == nil {
				k.Price = big.Zero() // no price cannot be stored
			}
			if k.VerifiedPrice.Int == nil {
				k.VerifiedPrice = k.Price
			}
		} else {
			k.Ask, k.At = a, now
		}
		if info.Peer != "" {
			k.Owner, k.Peer, k.OwnerAt = cmp.Or(info.Owner, k.Owner), info.Peer, now
			k.Worker, k.Addrs = info.Worker, info.Addrs
		}
		return kv.PutJSON(tx, keyAsk(provider), k)
	})
	return a, cmp.Or(askErr, err)
}

// cachedAsk returns what a provider asks for, as it said not long ago.
func (d *Deals) cachedAsk(ctx context.Context, provider string) (mk12.Ask, error) {
	var known KnownAsk
	err := d.store.View(ctx, func(tx kv.Tx) (err error) {
		known, err = getAsk(tx, provider)
		return err
	})
	now := d.queue.Now()
	switch {
	case err != nil:
		return mk12.Ask{}, err
	case known.Error == "" && known.fresh(now):
		return known.Ask, nil
	case known.Error != "" && within(known.Tried, now, askFailTTL):
		return mk12.Ask{}, errors.New(known.Error)
	}
	return d.ask(ctx, provider)
}

// keepAsking knows what all listed providers ask for, until ctx ends: nobody
// who wants to know has to wait for the slowest of them.
func (d *Deals) keepAsking(ctx context.Context) {
	t := time.NewTicker(askTTL / 2)
	defer t.Stop()
	for {
		other := d.nextList()
		d.askAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-other:
		}
	}
}

// askAll asks those providers whose ask grows old. One that does not answer
// stops no other.
func (d *Deals) askAll(ctx context.Context) {
	var g errgroup.Group
	g.SetLimit(askers)
	list, err := d.listNow(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.log.WarnContext(ctx, "providers cannot be listed, and are not asked", "err", err)
		}
		return
	}
	for _, cfg := range list {
		p := cfg.Address
		g.Go(func() error {
			var known KnownAsk
			err := d.store.View(ctx, func(tx kv.Tx) (err error) {
				known, err = getAsk(tx, p)
				return err
			})
			if err == nil && !within(known.Tried, d.queue.Now(), askTTL/2) {
				_, err = d.ask(ctx, p)
			}
			if err != nil && ctx.Err() == nil {
				d.log.DebugContext(ctx, "provider was not asked", "miner", p, "err", err)
			}
			return nil
		})
	}
	_ = g.Wait() // none of them fails
}
