package deals

import (
	"context"
	"errors"
	"time"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
)

// Verdict is why a provider was taken for a piece or not.
type Verdict string

const (
	VerdictTaken     Verdict = "taken"
	VerdictSpare     Verdict = "spare"     // could have been taken; enough others were drawn before it
	VerdictHolds     Verdict = "holds"     // it has the piece, is about to, or may turn out to
	VerdictOff       Verdict = "off"       // no deals are made at all
	VerdictRule      Verdict = "rule"      // blocked, or not allowed
	VerdictSuspended Verdict = "suspended" // its owner or an admin wants it to get no deals
	VerdictOwner     Verdict = "owner"     // too few owners otherwise
	VerdictRegion    Verdict = "region"    // too few regions otherwise
	VerdictShare     Verdict = "share"     // its owner would have too much of the bucket
	VerdictRefused   Verdict = "refused"   // it refused the piece, or failed it, not long ago
	VerdictCoolDown  Verdict = "cool-down" // left alone after failures
	VerdictFull      Verdict = "full"      // as many deals are under way with it as may be
	VerdictSize      Verdict = "size"      // does not take pieces of this size
	VerdictPrice     Verdict = "price"     // asks more than is paid
)

// A Candidate is a provider as it stood when providers were chosen for a piece.
type Candidate struct {
	Provider string
	Owner    string `json:",omitempty"`
	Region   string `json:",omitempty"`
	Verdict  Verdict
	Why      string    `json:",omitempty"` // for a person
	Until    time.Time `json:",omitzero"`  // not to be taken before
	Score    float64
	Rank     int `json:",omitempty"` // place in the draw, from 1; 0: it was not in it
}

// A Choice is who was chosen for a piece, and why the others were not.
type Choice struct {
	Piece      string
	Time       time.Time
	Wanted     int // replicas
	Have       int // before
	Taken      int
	Doubted    int         `json:",omitempty"` // given up deals that may come on chain, and are not replaced yet
	Candidates []Candidate // those taken first

	doubtUntil time.Time // when the first of them is
	off        string    // why no deals are made at all
}

// Candidates returns the last choice of providers for a piece. One for which
// none was made yet, because nothing is lacking, is weighed now, without
// consequences.
func (d *Deals) Candidates(ctx context.Context, pieceCID string) (Choice, error) {
	var c Choice
	err := d.store.View(ctx, func(tx kv.Tx) (err error) {
		c, err = kv.GetJSON[Choice](tx, keyChoice(pieceCID))
		return err
	})
	if !errors.Is(err, kv.ErrNotFound) {
		return c, err
	}
	p, err := d.pieces.Piece(ctx, pieceCID)
	if err != nil {
		return c, err
	}
	bucket, rules, err := d.rulesOf(ctx, p.Zone)
	if err != nil {
		return c, err
	}
	err = d.store.View(ctx, func(tx kv.Tx) error {
		c, err = d.choose(tx, p, bucket, rules, d.queue.Now())
		return err
	})
	return c, err
}

// rulesOf returns the bucket of a zone, and its rules as they are now.
func (d *Deals) rulesOf(ctx context.Context, zone uint64) (bucket string, r Rules, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		bucket, err = piece.Bucket(tx, zone)
		return err
	})
	if err == nil && d.opt.Rules != nil {
		r, err = d.opt.Rules(ctx, bucket)
	}
	return bucket, r, err
}
