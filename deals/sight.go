package deals

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// A provider that has our signature can publish a deal whatever it tells us of
// it. So the chain is asked what it has published for our keys: the market emits
// an event for each deal (FIP-0083). What it tells of is looked up, compared and
// taken back, however it ended for us. Where no endpoint keeps events, only what
// providers say leads to their deals.

const (
	// sightBack is how far back is looked at first, or further for a deal that is
	// under way: a day.
	sightBack = 2880
	// sightOverlap is how many epochs are asked for again: a fork may bring a deal
	// at an epoch that was seen without it.
	sightOverlap = 120
)

// sightings are what the chain's events have told of our keys' deals. They are
// asked for anew after a restart.
type sightings struct {
	mu sync.Mutex
	of map[string]*sighting // guarded by mu; by client
}

type sighting struct {
	told     int64 // the last epoch that any endpoint told of
	from, to int64 // epochs that as many endpoints as it takes told of, without a gap
	sound    bool  // those keep events: what they do not tell of is not there
	open     int   // events of the last look that are not looked into yet
	done     map[chain.Published]bool
}

// followSightings asks for events with every new head, until ctx ends.
func (d *Deals) followSightings(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case head := <-d.heads:
			if err := d.sightAll(ctx, head); err != nil && ctx.Err() == nil {
				d.log.WarnContext(ctx, "look for what providers have published", "err", err)
			}
		}
	}
}

// tellHead gives the newest head to who looks for events. One that is late skips heads.
func (d *Deals) tellHead(head int64) {
	select {
	case <-d.heads:
	default:
	}
	d.heads <- head
}

// sightAll looks for the deals of every key of the wallet. One key stops no other.
func (d *Deals) sightAll(ctx context.Context, head int64) error {
	keys, err := d.wallet.List(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, k := range keys {
		client, err := address.NewFromString(k.Address)
		if err == nil {
			err = d.sight(ctx, client, head)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// sight looks for the deals of a key up to a head.
func (d *Deals) sight(ctx context.Context, client address.Address, head int64) error {
	self, err := d.idOf(ctx, client)
	if refusedCall(err) {
		return nil // the chain has never seen the key
	}
	if err != nil {
		return err
	}
	from, err := d.sightFrom(ctx, client, head)
	if err != nil || from > head {
		return err
	}
	events, err := d.chain.Published(ctx, self, from, head)
	if err != nil || events.Told == 0 {
		return err
	}
	var failed []error
	open, done := 0, make(map[chain.Published]bool)
	for _, p := range events.Published {
		known := d.sightings.knows(client, p)
		if !known {
			if known, err = d.sighted(ctx, self, p); err != nil {
				failed = append(failed, err)
			}
		}
		if done[p] = known; !known {
			open++
		}
	}
	d.sightings.take(client, events, head, min(2, len(d.opt.RPC)), open, done)
	return errors.Join(failed...)
}

// sightFrom is where to begin to look: some epochs before where the last look
// ended; at first, where the oldest deal was signed that is not on chain.
func (d *Deals) sightFrom(ctx context.Context, client address.Address, head int64) (int64, error) {
	d.sightings.mu.Lock()
	s := d.sightings.of[client.String()]
	d.sightings.mu.Unlock()
	if s != nil {
		return max(0, s.told-sightOverlap), nil
	}
	from := head - sightBack
	err := d.store.View(ctx, func(tx kv.Tx) error {
		for row, err := range scanPending(tx) {
			if d.skips(ctx, err) {
				continue
			}
			if err != nil {
				return err
			}
			if row.Client == client.String() && row.ChainID == 0 && row.Asked > 0 {
				from = min(from, row.Asked)
			}
		}
		return nil
	})
	return max(0, from), err
}

// sighted notes with a deal of ours that the chain has it, and wakes its job.
// done says that there is no more to be found out about the event.
func (d *Deals) sighted(ctx context.Context, self address.Address, p chain.Published) (done bool, err error) {
	got, err := d.chain.Deal(ctx, p.ID)
	if errors.Is(err, chain.ErrNotOnChain) {
		return false, nil // not with this endpoint, not on this fork, or not any more
	}
	if err != nil {
		return false, err
	}
	ours := ""
	find := func(tx kv.Tx) error {
		ours, done = "", true
		for row, err := range scanDeals(tx, 0, got.Proposal.PieceCID.String()) {
			if d.skips(ctx, err) {
				done = false // it may be this one
				continue
			}
			if err != nil {
				return err
			}
			if row.Signed == nil || row.ChainID != 0 {
				continue
			}
			signed, err := row.signedProposal()
			if err != nil {
				return err
			}
			if chain.Differs(&got.Proposal, &signed.Proposal, self) == "" {
				done = false // until its job has taken it over
				if row.Seen != p.ID {
					ours = row.UUID
				}
			}
		}
		return nil
	}
	if err := d.store.View(ctx, find); err != nil || ours == "" {
		return done && err == nil, err
	}
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		if err := find(tx); err != nil || ours == "" {
			return err
		}
		row, err := getDeal(tx, ours)
		if err != nil {
			return err
		}
		row.Seen, row.SeenIn = p.ID, p.Message.String()
		return errors.Join(putDeal(tx, row), d.queue.Add(tx, kindDeal, ours, time.Time{}))
	})
	if err == nil && ours != "" {
		d.log.InfoContext(ctx, "deal seen on chain", "deal", ours, "miner", got.Proposal.Provider.String(), "id", p.ID)
	}
	return false, err
}

// takeSeen takes a deal over that an event told of.
func (d *Deals) takeSeen(ctx context.Context, row dealRow) error {
	_, diff, err := d.compare(ctx, row, row.Seen)
	switch {
	case err == nil && diff == "":
	case err == nil, errors.Is(err, chain.ErrNotOnChain): // a fork took it back; if it comes again, so does an event
		if row, err = d.change(ctx, row.UUID, func(r *dealRow) { r.Seen, r.SeenIn = 0, "" }); err != nil {
			return err
		}
		if row.State.Over() && !row.Loose {
			return nil
		}
		return d.waitFor(row)
	default:
		return err
	}
	id := row.Seen
	if row.Publish == "" {
		row.Publish = row.SeenIn
	}
	d.met.sighted.WithLabelValues(string(row.State)).Inc()
	if row.State.Over() {
		return d.revive(ctx, row, DealPublished, id)
	}
	row, err = d.advance(ctx, row, DealPublished, sealing(row), func(r *dealRow) { r.ChainID, r.Publish, r.Seen = id, row.Publish, 0 })
	if err != nil {
		return err
	}
	return d.waitFor(row)
}

// dropSpare removes deals of a piece that no provider has heard of, as far as it
// has more than are wanted.
func dropSpare(tx kv.Tx, pieceCID string) error {
	p, err := piece.Get(tx, pieceCID)
	if err != nil {
		return notGone(err)
	}
	h, err := holders(tx, pieceCID)
	if err != nil {
		return err
	}
	spare := len(h.counted) - p.Replication
	var drop []dealRow
	for row, err := range scanDeals(tx, 0, pieceCID) {
		if err != nil {
			return err
		}
		if len(drop) < spare && row.State == DealProposed && !row.Sent {
			drop = append(drop, row)
		}
	}
	for _, row := range drop {
		if err := dropDeal(tx, row); err != nil {
			return err
		}
	}
	return nil
}

// neverPublished says that the chain shows that a deal was not published, and no
// longer can be: events of the whole time were told of, by endpoints that keep them.
func (d *Deals) neverPublished(row dealRow) bool {
	d.sightings.mu.Lock()
	defer d.sightings.mu.Unlock()
	s := d.sightings.of[row.Client]
	return s != nil && s.sound && s.open == 0 && row.Asked > 0 && row.Seen == 0 &&
		s.from <= row.Asked && s.to >= row.StartEpoch+missingEpochs
}

// watches says that what is published for a client is seen soon.
func (d *Deals) watches(client string) bool {
	k := d.known.Load()
	d.sightings.mu.Lock()
	defer d.sightings.mu.Unlock()
	s := d.sightings.of[client]
	return s != nil && k != nil && s.told >= k.height-sightOverlap/2
}

// knows says that an event was looked into.
func (s *sightings) knows(client address.Address, p chain.Published) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.of[client.String()]
	return c != nil && c.done[p]
}

// take adds what was told up to an epoch. need is how many endpoints it takes to
// believe that nothing else was published.
func (s *sightings) take(client address.Address, e chain.Events, to int64, need, open int, done map[chain.Published]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.of[client.String()]
	if c == nil {
		c = &sighting{to: -1}
		s.of[client.String()] = c
	}
	c.told, c.open, c.sound = to, open, e.Proved >= need
	if e.Told >= need {
		if c.to < 0 || e.From > c.to+1 {
			c.from = e.From
		}
		c.to = to
	}
	maps.DeleteFunc(done, func(_ chain.Published, looked bool) bool { return !looked })
	c.done = done // what is not asked for again needs not be known
}

// doubtReason says what a piece waits for of which deals may still come on chain.
func doubtReason(n int) string {
	if n == 1 {
		return "a deal that was given up may still come on chain; waiting whether it does, before it is replaced"
	}
	return fmt.Sprintf("%d deals that were given up may still come on chain; waiting whether they do, before they are replaced", n)
}
