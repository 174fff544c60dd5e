package deals

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/whypfs/whypfs/deals/retrieve"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

const (
	kindSample    = "sample" // one per active deal: a range of the piece is fetched and checked
	sampleWorkers = 4
	// badSamples in a row, of which the first is older than another provider's
	// good one, make a replica one that is not counted. One that sends wrong
	// bytes needs no such witness: our network does not make them.
	badSamples = 3
)

// Samples say how a deal's provider gave random ranges of the piece back.
type Samples struct {
	Good    int           `json:",omitempty"`
	Bad     int           `json:",omitempty"`
	Row     int           `json:",omitempty"` // bad ones since the last good one
	Since   time.Time     `json:",omitzero"`  // when the first of these was
	Last    time.Time     `json:",omitzero"`  // when the last of all was
	LastOK  time.Time     `json:",omitzero"`
	Latency time.Duration `json:",omitempty"` // of good ones, the older the less
	Reason  string        `json:",omitempty"` // of the last bad one
}

// SampledSince returns the active deals of a piece whose last sample was good
// and not taken before since.
func (d *Deals) SampledSince(ctx context.Context, pieceCID string, since time.Time) ([]Deal, error) {
	all, err := d.Deals(ctx, 0, pieceCID, 0, 0)
	var out []Deal
	now := d.queue.Now()
	for _, deal := range all {
		if s := deal.Samples; deal.State == DealActive && s.Row == 0 && within(s.LastOK, now, now.Sub(since)+1) {
			out = append(out, deal)
		}
	}
	return out, err
}

// Sampled counts, over the pieces of a zone, the wanted replicas that gave a good
// sample within the last two periods and none that was bad since. on says that
// replicas are sampled at all.
func (d *Deals) Sampled(ctx context.Context, zone uint64) (n int, on bool, err error) {
	if d.opt.SampleEvery <= 0 {
		return 0, false, nil
	}
	pieces, err := d.Pieces(ctx, zone)
	if err != nil {
		return 0, true, err
	}
	since := d.queue.Now().Add(-2 * d.opt.SampleEvery)
	for _, p := range pieces {
		good, err := d.SampledSince(ctx, p.CID, since)
		if err != nil {
			return 0, true, err
		}
		providers := make(map[string]bool)
		for _, deal := range good {
			providers[deal.Provider] = true
		}
		n += min(len(providers), p.Replication)
	}
	return n, true, nil
}

// sampleFrom sees that a deal is sampled, at a time of its own: not all that
// became active together are.
func (d *Deals) sampleFrom(tx kv.Tx, uuid string, now time.Time) error {
	if d.opt.SampleEvery <= 0 {
		return nil
	}
	return d.queue.Add(tx, kindSample, uuid, now.Add(rand.N(d.opt.SampleEvery)))
}

// sampleActive has the deals sampled that were active before sampling was on.
func (d *Deals) sampleActive(ctx context.Context) error {
	if d.opt.SampleEvery <= 0 {
		return nil
	}
	all, err := d.Deals(ctx, 0, "", 0, 0)
	if err != nil {
		return err
	}
	for _, deal := range all {
		if deal.State != DealActive {
			continue
		}
		if _, err := d.queue.Job(ctx, kindSample, deal.UUID); err == nil {
			continue
		}
		now := d.queue.Now()
		if err := d.store.Update(ctx, func(tx kv.Tx) error { return d.sampleFrom(tx, deal.UUID, now) }); err != nil {
			return err
		}
	}
	return nil
}

// sample is the job: one sample of one deal.
func (d *Deals) sample(ctx context.Context, uuid string) error {
	row, err := d.dealRow(ctx, uuid)
	if err != nil || row.State != DealActive || d.opt.SampleEvery <= 0 {
		return notGone(err)
	}
	took, bad := d.retrieve.Sample(ctx, row.Provider, row.Piece)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if bad != nil && (retrieve.Ours(bad) || blameless(ctx, bad)) {
		return bad
	}
	next, reason := d.opt.SampleEvery, "the last sample was good"
	if bad != nil {
		next, reason = next/4, "a sample failed: "+short(bad.Error())
		d.met.samples.WithLabelValues("bad").Inc()
		d.log.WarnContext(ctx, "sample failed", "deal", uuid, "miner", row.Provider, "cid", row.Piece, "err", bad)
	} else {
		d.met.samples.WithLabelValues("good").Inc()
		d.met.sampleSeconds.Observe(took.Seconds())
	}
	if err := d.noteSample(ctx, row, took, bad); err != nil {
		return err
	}
	return queue.Later(d.queue.Now().Add(next), reason)
}

// noteSample stores how a sample went, for the deal and for its provider, and
// has a replica that cannot be had back replaced.
func (d *Deals) noteSample(ctx context.Context, row dealRow, took time.Duration, bad error) error {
	now := d.queue.Now()
	if bad == nil {
		d.mu.Lock()
		if d.goodSamples == nil {
			d.goodSamples = map[string]time.Time{}
		}
		d.goodSamples[row.Provider] = now
		d.mu.Unlock()
	}
	turned := false
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		fresh, err := getDeal(tx, row.UUID)
		if err != nil {
			return err
		}
		was := fresh.Unsound
		fresh.Samples.add(now, took, bad)
		switch s := fresh.Samples; {
		case bad == nil:
			fresh.Unsound = false
		case errors.Is(bad, retrieve.ErrWrong), s.Row >= badSamples && d.otherGood(row.Provider, s.Since, now):
			fresh.Unsound = true
		}
		turned = was != fresh.Unsound
		if err := editProvider(tx, row.Provider, func(p *providerRow) {
			if bad == nil {
				p.note(now).Fetched++
			} else {
				p.note(now).Unsound++
			}
		}); err != nil {
			return err
		}
		if turned {
			if err := d.queue.Add(tx, kindReplicate, row.Piece, time.Time{}); err != nil {
				return err
			}
		}
		return putDeal(tx, fresh)
	})
	if notGone(err) != nil {
		return fmt.Errorf("sample of deal %s: %w", row.UUID, err)
	}
	if turned && err == nil {
		if bad != nil {
			d.opt.Endangered(row.Zone, true)
		}
		d.opt.Changed(row.Zone)
	}
	return nil
}

func (s *Samples) add(now time.Time, took time.Duration, bad error) {
	s.Last = now
	if bad == nil {
		if s.Good == 0 {
			s.Latency = took
		}
		s.Good, s.Row, s.Since, s.LastOK = s.Good+1, 0, time.Time{}, now
		s.Latency += (took - s.Latency) / 8
		return
	}
	if s.Row == 0 || s.Since.After(now) { // the clock was ahead then
		s.Since = now
	}
	s.Bad, s.Row, s.Reason = s.Bad+1, s.Row+1, short(bad.Error())
}

// otherGood says whether another provider than this one gave a good sample between two times.
func (d *Deals) otherGood(provider string, since, until time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, at := range d.goodSamples {
		if p != provider && at.After(since) && !at.After(until) {
			return true
		}
	}
	return false
}
