package deals

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/whypfs/whypfs/internal/clip"
	"github.com/whypfs/whypfs/kv"
)

// Failure is one failed attempt.
type Failure struct {
	Time                  time.Time
	Deal, Piece, Provider string
	Zone                  uint64
	Phase, Message        string // V1's phases: query-ask, propose, send-proposal, check-status, check-chain-deal, data-transfer, fault
}

// The phases of failures, as Estuary V1 names them.
const (
	phaseAsk      = "query-ask"
	phasePropose  = "propose"
	phaseSend     = "send-proposal"
	phaseStatus   = "check-status"
	phaseChain    = "check-chain-deal"
	phaseTransfer = "data-transfer"
	phaseFault    = "fault"
)

// keptFailures bounds the records; the oldest go.
const keptFailures = 10_000

// trimBatch is the number of records that one transaction removes.
const trimBatch = 1000

// Failures returns the records of failed attempts, newest first (V1's dfe
// records). zone 0 means any, limit 0 all that are kept.
func (d *Deals) Failures(ctx context.Context, zone uint64, limit int) ([]Failure, error) {
	var out []Failure
	err := d.store.View(ctx, func(tx kv.Tx) error {
		out = nil
		for f, err := range scanFailures(tx) {
			if err != nil {
				return err
			}
			if zone != 0 && f.Zone != zone {
				continue
			}
			out = append(out, f)
			if limit > 0 && len(out) == limit {
				break
			}
		}
		return nil
	})
	return out, err
}

func scanFailures(tx kv.Tx) func(yield func(Failure, error) bool) {
	return func(yield func(Failure, error) bool) {
		from, to := kv.Range(prefix, "failure")
		for r, err := range tx.Scan(from, to) {
			var f Failure
			if err == nil {
				f, err = kv.GetJSON[Failure](tx, r.Key)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

func putFailure(tx kv.Tx, f Failure) error {
	id := uuid.New()
	return kv.PutJSON(tx, keyFailure(uint64(f.Time.UnixNano()), id[:]), f)
}

// trimFailures removes the oldest records beyond what is kept.
func (d *Deals) trimFailures(ctx context.Context) error {
	var old [][]byte
	err := d.store.View(ctx, func(tx kv.Tx) error {
		old = nil
		n := 0
		from, to := kv.Range(prefix, "failure")
		for r, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			if n++; n > keptFailures {
				old = append(old, append([]byte(nil), r.Key...))
			}
			if len(old) == trimBatch {
				break
			}
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return d.store.Update(ctx, func(tx kv.Tx) error {
		for _, k := range old {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// short cuts a provider's message to what fits into a reason.
func short(s string) string {
	const limit = 300
	return clip.Text(strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " "), limit)
}
