package buckets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// PinMatch is how a name is compared, as the Pinning Service API has it.
type PinMatch string

const (
	MatchExact    PinMatch = "exact" // also ""
	MatchIExact   PinMatch = "iexact"
	MatchPartial  PinMatch = "partial"
	MatchIPartial PinMatch = "ipartial"
)

// PinMatches are all of them.
var PinMatches = []PinMatch{MatchExact, MatchIExact, MatchPartial, MatchIPartial}

// PinQuery selects pins: what is not its zero value has to hold.
type PinQuery struct {
	Owner         uint64
	IDs           []uint64  // of pins, or of contents, which count as pinned
	CIDs          []cid.Cid // of either version
	Name          string
	Match         PinMatch
	States        []PinState
	Before, After time.Time // made before, and after
	Meta          map[string]string
	Limit         int // of the page; 0: none
}

// PinPage is the newest of the pins that were asked for.
type PinPage struct {
	Count int // how many there are
	Pins  []Pin
}

// Pins lists pins, newest first. A page costs what is in it, and a step in an
// index for each other pin in the states asked for; with a name, Meta, or
// without an owner, each of them is read.
func (b *Buckets) Pins(ctx context.Context, q PinQuery) (PinPage, error) {
	var page PinPage
	roots := map[string]bool{}
	for _, root := range q.CIDs {
		roots[string(rootKey(root))] = true
	}
	err := b.view(ctx, func(tx kv.Tx) error {
		page = PinPage{}
		ids, sure, err := q.candidates(tx)
		if err != nil {
			return err
		}
		slices.SortFunc(ids, func(a, b uint64) int { return cmp.Compare(b, a) })
		for _, id := range slices.Compact(ids) {
			full := q.Limit > 0 && len(page.Pins) >= q.Limit
			if !imported(id) && !q.inTime(pinTime(id)) {
				continue
			}
			if full && sure && !imported(id) && q.Name == "" && len(q.Meta) == 0 {
				page.Count++
				continue
			}
			p, err := q.row(tx, id)
			if err != nil && !errors.Is(err, ErrNoPin) {
				return err
			}
			if err != nil || len(roots) > 0 && !roots[string(rootKey(p.CID))] || !q.takes(p) {
				continue
			}
			if page.Count++; full {
				continue
			}
			if err := p.measure(tx); err != nil {
				return err
			}
			page.Pins = append(page.Pins, p)
		}
		return nil
	})
	if err != nil {
		return PinPage{}, fmt.Errorf("list pins: %w", err)
	}
	return page, nil
}

// candidates returns the ids of pins that may be asked for; sure says that
// owner and state are as asked.
func (q PinQuery) candidates(tx kv.Tx) (ids []uint64, sure bool, err error) {
	switch {
	case len(q.IDs) > 0:
		return slices.Clone(q.IDs), false, nil
	case len(q.CIDs) > 0:
		for _, root := range q.CIDs {
			if ids, err = appendIDs(tx, ids, false, tabPinCID, rootKey(root)); err != nil {
				return nil, false, err
			}
		}
		return ids, false, nil
	case q.Owner != 0:
		states := q.States
		if len(states) == 0 {
			states = PinStates
		}
		for _, state := range states {
			if ids, err = appendIDs(tx, ids, true, tabPinState, q.Owner, string(state)); err != nil {
				return nil, false, err
			}
		}
		return ids, true, nil
	}
	ids, err = appendIDs(tx, nil, true, tabPin)
	return ids, false, err
}

// row returns the pin of a candidate. It is ErrNoPin only if ids were asked for.
func (q PinQuery) row(tx kv.Tx, id uint64) (Pin, error) {
	if len(q.IDs) > 0 {
		return shownPin(tx, q.Owner, id)
	}
	return pinRow(tx, id)
}

// appendIDs appends the last parts of the keys that start with parts.
func appendIDs(tx kv.Tx, ids []uint64, inverted bool, parts ...any) ([]uint64, error) {
	into := make([]any, len(parts)+1)
	for row, err := range tx.Scan(kv.Range(parts...)) {
		var id uint64
		into[len(parts)] = &id
		if err == nil {
			err = kv.Unkey(row.Key, into...)
		}
		if err != nil {
			return nil, err
		}
		if inverted {
			id = ^id
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (q PinQuery) inTime(t time.Time) bool {
	return (q.Before.IsZero() || t.Before(q.Before)) && (q.After.IsZero() || t.After(q.After))
}

func (q PinQuery) takes(p Pin) bool {
	if p.Replaced || q.Owner != 0 && p.Owner != q.Owner {
		return false
	}
	if imported(p.ID) && !q.inTime(p.Created) { // its id does not tell its time
		return false
	}
	if len(q.States) > 0 && !slices.Contains(q.States, p.State) {
		return false
	}
	for k, v := range q.Meta {
		if has, ok := p.Meta[k]; !ok || has != v {
			return false
		}
	}
	switch {
	case q.Name == "":
		return true
	case q.Match == MatchIExact:
		return strings.EqualFold(p.Name, q.Name)
	case q.Match == MatchPartial:
		return strings.Contains(p.Name, q.Name)
	case q.Match == MatchIPartial:
		return strings.Contains(strings.ToLower(p.Name), strings.ToLower(q.Name))
	}
	return p.Name == q.Name
}
