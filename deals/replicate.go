package deals

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/google/uuid"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// The kinds of this package's jobs.
const (
	kindReplicate = "replicate" // one per piece: enough deals under way
	kindDeal      = "deal"      // one per deal: send it, then follow it

	replicateWorkers = 4
	dealWorkers      = 16
)

// noChain is the reason of everything when no chain is configured.
const noChain = "no Filecoin chain is configured (--rpc)"

// Start makes sure that the zone's pieces have a job that keeps them replicated.
func (d *Deals) Start(ctx context.Context, zone uint64) error {
	pieces, err := d.pieces.OfZone(ctx, zone)
	if err != nil {
		return err
	}
	if len(pieces) == 0 {
		return fmt.Errorf("zone %d is not packed: %w", zone, piece.ErrNoPiece)
	}
	return d.store.Update(ctx, func(tx kv.Tx) error {
		for _, p := range pieces {
			if err := d.queue.Add(tx, kindReplicate, p.CID, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// replicate is the job that keeps a piece with enough providers. It ends when
// enough deals are active or under way; a deal that ends starts it again.
func (d *Deals) replicate(ctx context.Context, pieceCID string) error {
	if done, err := d.giveUpNeedless(ctx, pieceCID); err != nil || done {
		return notGone(err)
	}
	if d.chain == nil {
		if err := d.explainPiece(ctx, pieceCID, noChain); err != nil {
			return notGone(err)
		}
		return queue.Later(d.queue.Now().Add(time.Hour), noChain)
	}
	p, err := d.pieces.Piece(ctx, pieceCID)
	if err != nil {
		return notGone(err)
	}
	bucket, rules, err := d.rulesOf(ctx, p.Zone)
	if err != nil {
		return notGone(err)
	}
	d.noteVerifiable(ctx)
	var (
		made   []dealRow
		lost   bool // a replica that there was is replaced
		found  Choice
		reason string
		again  time.Time
	)
	err = d.store.Update(ctx, func(tx kv.Tx) (err error) {
		made, lost, reason, again = nil, false, "", time.Time{}
		if p, err = piece.Get(tx, pieceCID); err != nil {
			return err
		}
		now := d.queue.Now()
		if found, err = d.choose(tx, p, bucket, rules, now); err != nil {
			return err
		}
		if !found.settled() || found.Taken > 0 {
			if made, lost, err = d.proposeAll(tx, p, bucket, found, now); err != nil {
				return err
			}
			if err := kv.PutJSON(tx, keyChoice(pieceCID), found); err != nil {
				return err
			}
			reason, again = d.whyNot(p, found, now)
		}
		return piece.SetReason(tx, pieceCID, reason)
	})
	if err != nil {
		return notGone(err)
	}
	if lost {
		d.opt.Endangered(p.Zone, false)
	}
	for _, m := range made {
		d.moved(ctx, m)
	}
	if found.settled() {
		return nil
	}
	d.opt.Changed(p.Zone)
	return queue.Later(again, reason)
}

// proposeAll makes a deal with each provider that was taken. lost says that they
// replace replicas that there were.
func (d *Deals) proposeAll(tx kv.Tx, p piece.Piece, bucket string, found Choice, now time.Time) (made []dealRow, lost bool, err error) {
	for _, x := range found.Candidates[:found.Taken] {
		deal, err := d.propose(tx, p, bucket, x.Provider, now)
		if err != nil {
			return nil, false, err
		}
		made = append(made, deal)
	}
	if len(made) > 0 {
		lost, err = replaced(tx, p.CID)
	}
	return made, lost, err
}

// replaced says whether a piece had a replica that is lost, or does not count any more.
func replaced(tx kv.Tx, pieceCID string) (bool, error) {
	for row, err := range scanDeals(tx, 0, pieceCID) {
		if err != nil {
			return false, err
		}
		if !row.Times[DealActive].IsZero() && (row.State.Over() || row.Unsound) {
			return true, nil
		}
	}
	return false, nil
}

// notGone hides that what a job worked on was forgotten meanwhile.
func notGone(err error) error {
	if errors.Is(err, kv.ErrNotFound) || errors.Is(err, piece.ErrNoPiece) || errors.Is(err, ErrNoDeal) {
		return nil
	}
	return err
}

// A holding is who has a piece, or is about to.
type holding struct {
	busy     map[string]string // providers that are not asked for it, and why
	counted  map[string]bool   // providers whose replica counts
	underWay int               // deals of the piece that are not published yet
	doubts   []time.Time       // until when given up deals are not replaced, as they may come on chain
	off      string            // why no deals are made at all
}

// holders says which providers have a piece or are about to. A deal near its
// end counts no more, so that a new one is made in time; its provider may be
// asked again. That of a loose deal may not, as it could end up being paid
// twice, nor one whose samples fail.
func holders(tx kv.Tx, pieceCID string) (holding, error) {
	off, err := getSwitch(tx)
	h := holding{busy: make(map[string]string), counted: make(map[string]bool), off: off.reason()}
	if err != nil {
		return h, err
	}
	for row, err := range scanDeals(tx, 0, pieceCID) {
		switch {
		case err != nil:
			return h, err
		case row.Loose, row.Seen != 0 && row.ChainID == 0 && row.State.Over():
			h.busy[row.Provider] = "a deal that was given up may still come on chain"
			until := row.Doubt
			if row.Seen != 0 { // it has come: its job is about to count it
				until = seenDoubt
			}
			h.doubts = append(h.doubts, until)
		case row.counts():
			h.counted[row.Provider] = true
			h.busy[row.Provider] = "has the piece: deal " + row.UUID
			if row.State != DealActive {
				h.busy[row.Provider] = "a deal is under way: " + row.UUID
			}
		case row.Unsound && !row.State.Over():
			h.busy[row.Provider] = "has the piece, while samples of it fail"
		}
		if row.State == DealProposed || row.State == DealAccepted {
			h.underWay++
		}
	}
	return h, nil
}

// propose stores a deal with a provider, not yet signed, and the job that sends it.
func (d *Deals) propose(tx kv.Tx, p piece.Piece, bucket, provider string, now time.Time) (dealRow, error) {
	id := uuid.NewString()
	token := newToken()
	sum := sha256.Sum256([]byte(token))
	cfg, _, err := d.config(tx, provider)
	if err != nil {
		return dealRow{}, err
	}
	row := dealRow{
		Deal: Deal{UUID: id, Piece: p.CID, Zone: p.Zone, Provider: provider, Created: now,
			Offline: cfg.Engine == EngineOffline},
		Token: d.box.Seal([]byte(token), tokenSeal(id)), TokenHash: sum[:],
		Bucket: bucket, Size: p.PaddedSize,
	}
	enter(&row, DealProposed, "about to ask "+provider, now)
	row, err = newDeal(tx, row)
	if err != nil {
		return row, err
	}
	return row, d.queue.Add(tx, kindDeal, id, time.Time{})
}

// seenDoubt is until when a deal is in doubt that the chain was seen to have.
var seenDoubt = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// lack is how many replicas are wanted beyond those that there are, that were
// asked for, and that may turn out to be there.
func (c Choice) lack() int { return c.Wanted - c.Have - c.Taken - c.Doubted }

// settled says that nothing is to be waited for.
func (c Choice) settled() bool { return c.lack() <= 0 && c.Doubted == 0 }

// whyNot says why replicas are lacking, and when to look again.
func (d *Deals) whyNot(p piece.Piece, c Choice, now time.Time) (reason string, again time.Time) {
	if c.settled() {
		return "", time.Time{}
	}
	lack := c.lack()
	if lack <= 0 {
		return doubtReason(c.Doubted), minTime(c.doubtUntil, now.Add(time.Hour))
	}
	if c.Doubted > 0 { // looks again as soon as they are none
		defer func() { again = minTime(again, c.doubtUntil) }()
	}
	if c.off != "" {
		return fmt.Sprintf("%d more replicas wanted; %s", lack, c.off), now.Add(switchedLook)
	}
	if len(c.Candidates) == 0 {
		return "there are no providers to choose from (--provider, `whypfs provider add`)", now.Add(time.Hour)
	}
	again = now.Add(maxCool)
	kinds := make(map[Verdict]int)
	var each []string
	n := 0
	for _, x := range c.Candidates[c.Taken:] {
		if x.Verdict == VerdictHolds {
			continue
		}
		n++
		kinds[x.Verdict]++
		each = append(each, x.Provider+": "+x.Why)
		if !x.Until.IsZero() && x.Until.Before(again) {
			again = x.Until
		}
	}
	slices.Sort(each)
	// A rule or the operator's list may change, and a deal under way may end, without a word to this job.
	if again.After(now.Add(time.Hour)) && (n == 0 || len(kinds) > 0 && !onlyWaits(kinds)) {
		again = now.Add(time.Hour)
	}
	switch {
	case c.Taken > 0:
		reason = fmt.Sprintf("%d more replicas wanted than there are providers to ask now", lack)
	case n == 0:
		reason = fmt.Sprintf("%d more replicas wanted, but there are only %d providers to choose from", lack, len(c.Candidates))
	case kinds[VerdictSize] == n:
		reason = fmt.Sprintf("no provider accepts %s pieces", humanize.IBytes(uint64(p.PaddedSize)))
	case kinds[VerdictPrice] == n:
		reason = fmt.Sprintf("no provider takes %s attoFIL per GiB and epoch", d.opt.MaxPrice)
	case kinds[VerdictSpare] == n:
		reason = fmt.Sprintf("%d more replicas wanted; waiting for those under way", lack)
		again = now.Add(20 * d.opt.Poll)
	default:
		reason = fmt.Sprintf("%d more replicas wanted; waiting until a provider may be asked again", lack)
	}
	if n > 0 {
		reason += " (" + strings.Join(each, "; ") + ")"
	}
	return reason, again
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// onlyWaits says that all that speaks against the candidates ends by itself.
func onlyWaits(kinds map[Verdict]int) bool {
	for _, v := range []Verdict{VerdictRule, VerdictSuspended, VerdictOwner, VerdictRegion, VerdictShare} {
		if kinds[v] > 0 {
			return false
		}
	}
	return true
}

func (d *Deals) explainPiece(ctx context.Context, pieceCID, reason string) error {
	var zone uint64
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		row, err := piece.Get(tx, pieceCID)
		if err != nil || row.Reason == reason {
			return err
		}
		zone = row.Zone
		return piece.SetReason(tx, pieceCID, reason)
	})
	if err == nil && zone != 0 {
		d.opt.Changed(zone)
	}
	return err
}
