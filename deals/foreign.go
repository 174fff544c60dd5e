package deals

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

const (
	kindForeign      = "foreign" // the foreign deals are looked for on chain
	singletonForeign = "daily"   // its only job
	foreignEvery     = 24 * time.Hour
	foreignBatch     = 500  // rows of one transaction
	maxForeignRow    = 1000 // that one call stores
)

// Foreign is a deal that another node made for a content that is here now. It
// is shown and looked for on chain. It counts for no piece of this node, as its
// piece is another one, and nothing is done when it ends.
type Foreign struct {
	ID        uint64 // that the other node gave it
	Content   uint64 // the id that the other node gave the content, or what it gathered it into
	Provider  string
	Proposal  string `json:",omitempty"` // CID
	UUID      string `json:",omitempty"`
	ChainID   uint64 `json:",omitempty"` // 0: the other node knew none
	Protocol  string `json:",omitempty"`
	Verified  bool   `json:",omitempty"`
	Created   time.Time
	Accepted  time.Time `json:",omitzero"` // its transfer began
	Published time.Time `json:",omitzero"`
	Active    time.Time `json:",omitzero"`
	Failed    time.Time `json:",omitzero"` // for good, as the other node or the chain has it
	Slashed   bool      `json:",omitempty"`
	Reason    string    `json:",omitempty"` // for a person

	// What the chain said when it was asked last.
	Checked              time.Time `json:",omitzero"`
	Piece                string    `json:",omitempty"`
	StartEpoch, EndEpoch int64     `json:",omitempty"`
	SectorStart          int64     `json:",omitempty"`
}

// followed says whether the chain may still have news of it.
func (f Foreign) followed() bool { return f.ChainID != 0 && f.Failed.IsZero() }

func keyForeign(id uint64) []byte { return kv.Key(prefix, "foreign", id) }
func keyForeignOf(content, id uint64) []byte {
	return kv.Key(prefix, "foreignof", content, id)
}
func keyForeignIn(member uint64) []byte { return kv.Key(prefix, "foreignin", member) }

// ImportForeign stores deals of another node and returns how many were new. What
// is known of one already stays. Ids of own deals will be above theirs.
func (d *Deals) ImportForeign(ctx context.Context, list []Foreign) (added int, err error) {
	if len(list) > maxForeignRow {
		return 0, fmt.Errorf("import %d deals: at most %d at once", len(list), maxForeignRow)
	}
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		added = 0
		last, err := kv.GetJSON[uint64](tx, keyLastID())
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		was := last
		for _, f := range list {
			_, err := tx.Get(keyForeign(f.ID))
			if err == nil {
				continue
			}
			if !errors.Is(err, kv.ErrNotFound) {
				return err
			}
			added++
			last = max(last, f.ID)
			if err := errors.Join(kv.PutJSON(tx, keyForeign(f.ID), f), tx.Put(keyForeignOf(f.Content, f.ID), nil)); err != nil {
				return err
			}
		}
		if last != was {
			err = kv.PutJSON(tx, keyLastID(), last)
		} else {
			err = nil
		}
		if err == nil && added > 0 {
			err = d.queue.Add(tx, kindForeign, singletonForeign, time.Time{})
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("import deals: %w", err)
	}
	return added, nil
}

// ImportAggregates stores which contents another node had gathered into which,
// by member: deals for the aggregate hold its members too. Up to 1000 at once.
func (d *Deals) ImportAggregates(ctx context.Context, of map[uint64]uint64) error {
	if len(of) > maxForeignRow {
		return fmt.Errorf("import %d members of aggregates: at most %d at once", len(of), maxForeignRow)
	}
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		for member, aggregate := range of {
			if err := kv.PutJSON(tx, keyForeignIn(member), aggregate); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("import members of aggregates: %w", err)
	}
	return nil
}

// ForeignOf returns the deals that another node made for a content, or for what
// it had gathered it into, oldest first.
func (d *Deals) ForeignOf(ctx context.Context, content uint64) (list []Foreign, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		list = nil
		aggregate, err := kv.GetJSON[uint64](tx, keyForeignIn(content))
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		for _, holder := range []uint64{content, aggregate} {
			if holder == 0 {
				continue
			}
			if list, err = appendForeign(tx, list, holder); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("foreign deals of content %d: %w", content, err)
	}
	slices.SortFunc(list, func(a, b Foreign) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

func appendForeign(tx kv.Tx, list []Foreign, holder uint64) ([]Foreign, error) {
	for row, err := range tx.Scan(kv.Range(prefix, "foreignof", holder)) {
		if err != nil {
			return nil, err
		}
		var id uint64
		if err := kv.Unkey(row.Key, nil, nil, nil, &id); err != nil {
			return nil, err
		}
		f, err := kv.GetJSON[Foreign](tx, keyForeign(id))
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// Foreign returns a deal that another node made by the id that it had there, or ErrNoDeal.
func (d *Deals) Foreign(ctx context.Context, id uint64) (f Foreign, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) (err error) {
		f, err = kv.GetJSON[Foreign](tx, keyForeign(id))
		return err
	})
	if errors.Is(err, kv.ErrNotFound) {
		err = ErrNoDeal
	}
	if err != nil {
		return Foreign{}, fmt.Errorf("foreign deal %d: %w", id, err)
	}
	return f, nil
}

// lookForeign is the job that looks for foreign deals on chain, once a day. One
// that cannot be asked for is asked for the next day, and stops no other.
func (d *Deals) lookForeign(ctx context.Context, _ string) error {
	again := queue.Later(d.queue.Now().Add(foreignEvery), "runs daily")
	if d.chain == nil {
		return again
	}
	head, err := d.head(ctx)
	if err != nil {
		return err
	}
	var failed error
	for from := uint64(0); ; {
		page, next, err := d.foreignPage(ctx, from)
		if err != nil {
			return err
		}
		for _, f := range page {
			if err := d.askForeign(ctx, f, head); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				failed = errors.Join(failed, err)
			}
		}
		if next == 0 {
			break
		}
		from = next
	}
	if failed != nil {
		d.log.WarnContext(ctx, "foreign deals that could not be looked for on chain are tried again tomorrow", "err", failed)
	}
	return again
}

// foreignPage returns the deals to look for among some rows from an id on, and
// where the next rows begin: 0 says that there are none.
func (d *Deals) foreignPage(ctx context.Context, from uint64) (page []Foreign, next uint64, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		page, next = nil, 0
		_, end := kv.Range(prefix, "foreign")
		n := 0
		for row, err := range tx.Scan(keyForeign(from), end) {
			if err != nil {
				return err
			}
			var id uint64
			if err := kv.Unkey(row.Key, nil, nil, &id); err != nil {
				return err
			}
			if n++; n > foreignBatch {
				next = id
				return nil
			}
			var f Foreign
			if err := json.Unmarshal(row.Value, &f); err != nil {
				d.log.ErrorContext(ctx, "foreign deal's row cannot be read", "deal", id, "err", err)
				continue
			}
			if f.followed() {
				page = append(page, f)
			}
		}
		return nil
	})
	return page, next, err
}

// askForeign takes over what the chain says of a deal of another node.
func (d *Deals) askForeign(ctx context.Context, f Foreign, head int64) error {
	got, err := d.chain.Deal(ctx, f.ChainID)
	gone := errors.Is(err, chain.ErrNotOnChain)
	if err != nil && !gone {
		return fmt.Errorf("foreign deal %d: %w", f.ID, err)
	}
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		row, err := kv.GetJSON[Foreign](tx, keyForeign(f.ID))
		if err != nil {
			return err
		}
		row.settle(got, gone, head, time.Now().UTC())
		return kv.PutJSON(tx, keyForeign(f.ID), row)
	})
	if err != nil {
		return fmt.Errorf("foreign deal %d: %w", f.ID, err)
	}
	return nil
}

// isWith says whether it is with that provider, whichever network's prefix it is written with.
func (f *Foreign) isWith(provider address.Address) bool {
	a, err := address.NewFromString(f.Provider)
	return err == nil && a == provider
}

// settle takes over what the chain said at a time.
func (f *Foreign) settle(got chain.Deal, gone bool, head int64, now time.Time) {
	f.Checked = now
	end := func(reason string) { f.Failed, f.Reason = now, reason }
	switch {
	case gone && f.EndEpoch != 0 && head >= f.EndEpoch:
		end(fmt.Sprintf("ended at epoch %d", f.EndEpoch))
		return
	case gone && !f.Active.IsZero():
		// One look is no proof: an endpoint that lags does not know it either.
		f.Reason = "the chain has no deal with this id any more: it ended, or was slashed"
		return
	case gone:
		f.Reason = "not on chain yet, or not any more"
		return
	case !f.isWith(got.Proposal.Provider):
		end(fmt.Sprintf("the chain has deal %d with %s", f.ChainID, got.Proposal.Provider))
		return
	}
	f.Piece, f.StartEpoch, f.EndEpoch = got.Proposal.PieceCID.String(), int64(got.Proposal.StartEpoch), int64(got.Proposal.EndEpoch)
	f.SectorStart = got.State.SectorStartEpoch
	switch {
	case got.State.SlashEpoch > -1:
		f.Slashed = true
		end(fmt.Sprintf("slashed at epoch %d", got.State.SlashEpoch))
	case head >= f.EndEpoch:
		end(fmt.Sprintf("ended at epoch %d", f.EndEpoch))
	case f.SectorStart > -1:
		if f.Reason = ""; f.Active.IsZero() {
			f.Active = now
		}
	default:
		f.Reason = "published, not sealed yet"
	}
	if f.Published.IsZero() {
		f.Published = now
	}
}
