package deals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// DealState is a step in a deal's life.
type DealState string

const (
	DealProposed  DealState = "proposed"  // stored, being sent or sent
	DealAccepted  DealState = "accepted"  // the provider took it and pulls the data
	DealPublished DealState = "published" // on chain, not yet in a sector
	DealActive    DealState = "active"    // sealed, seen on chain
	DealRejected  DealState = "rejected"  // the provider said no
	DealFailed    DealState = "failed"    // slashed, vanished, not sealed in time …
	DealExpired   DealState = "expired"   // reached its end
)

// Pending says that the deal is under way to active.
func (s DealState) Pending() bool {
	return s == DealProposed || s == DealAccepted || s == DealPublished
}

// Over says that the deal is worth nothing any more.
func (s DealState) Over() bool { return !s.Pending() && s != DealActive }

// Deal is one replica of one piece with one provider.
type Deal struct {
	UUID       string
	ID         uint64 // a number of ours for V1's API
	Piece      string
	Zone       uint64
	Provider   string // f0…
	State      DealState
	Reason     string // why it is in this state and what it waits for, for a person
	ChainID    uint64 // deal id on chain, 0: none yet
	StartEpoch int64
	EndEpoch   int64
	Proposal   string // CID of the signed proposal
	Client     string // address that signed it and pays for it
	Offline    bool   // its provider does not pull: someone imports the piece there
	Verified   bool   `json:",omitempty"` // it takes the client's datacap
	Ordinary   string `json:",omitempty"` // why it is no verified deal, where those are wanted
	Created    time.Time
	Changed    time.Time
	ActiveAt   time.Time
	Times      map[DealState]time.Time
	Samples    Samples `json:",omitzero"`
}

// dealRow is a deal as stored.
type dealRow struct {
	Deal
	Signed    []byte `json:",omitempty"` // CBOR of the ClientDealProposal
	Token     []byte `json:",omitempty"` // bearer token, sealed
	TokenHash []byte `json:",omitempty"` // its SHA-256, what a request is checked against
	Sent      bool   `json:",omitempty"` // the provider may have heard of it
	Publish   string `json:",omitempty"` // message that published it, as the provider says
	Tries     int    `json:",omitempty"` // failed talks with the provider in a row
	Missing   int64  `json:",omitempty"` // epoch at which the chain first said that it is gone, or slashed
	Expiring  bool   `json:",omitempty"` // near its end: no longer counted as a replica to keep
	Loose     bool   `json:",omitempty"` // over for us, while its provider may still bring it on chain
	Settled   bool   `json:",omitempty"` // loose after its start epoch: the chain has locked its price, or never will
	Unsound   bool   `json:",omitempty"` // samples of what it stores fail: no longer counted
	Asked     int64  `json:",omitempty"` // head of the chain when it was signed
	Seen      uint64 `json:",omitempty"` // id that an event of the chain named, until it is taken over
	SeenIn    string `json:",omitempty"` // message of that event
	// Doubt is until when a loose deal is looked for on chain before it is replaced.
	Doubt  time.Time `json:",omitzero"`
	Bucket string    `json:",omitempty"` // of its zone
	Size   int64     `json:",omitempty"` // of its piece, padded
}

// Deal returns one deal, or ErrNoDeal.
func (d *Deals) Deal(ctx context.Context, uuid string) (Deal, error) {
	row, err := d.dealRow(ctx, uuid)
	return row.Deal, err
}

func (d *Deals) dealRow(ctx context.Context, uuid string) (row dealRow, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		row, err = getDeal(tx, uuid)
		return err
	})
	return row, err
}

func getDeal(tx kv.Tx, uuid string) (dealRow, error) {
	raw, err := tx.Get(keyDeal(uuid))
	if errors.Is(err, kv.ErrNotFound) {
		err = ErrNoDeal
	}
	if err != nil {
		return dealRow{}, err
	}
	var row dealRow
	if err := json.Unmarshal(raw, &row); err != nil {
		return dealRow{}, fmt.Errorf("%w: deal %s: %w", errDamaged, uuid, err)
	}
	return row, nil
}

// errDamaged says that a row cannot be read. It is for those whom that one deal
// concerns: it stops nothing that is about others.
var errDamaged = errors.New("stored deal cannot be read")

// skips says that a row among several is to be passed over, and logs it.
func (d *Deals) skips(ctx context.Context, err error) bool {
	damaged := errors.Is(err, errDamaged) || errors.Is(err, ErrNoDeal) // a list may name one that is lost
	if damaged {
		d.log.ErrorContext(ctx, "deal passed over", "err", err)
	}
	return damaged
}

// Deals returns deals newest first; zone 0 and piece "" mean any, limit 0 means all.
func (d *Deals) Deals(ctx context.Context, zone uint64, piece string, limit, offset int) ([]Deal, error) {
	var out []Deal
	err := d.store.View(ctx, func(tx kv.Tx) error {
		out = nil
		skip := offset
		for row, err := range scanDeals(tx, zone, piece) {
			if d.skips(ctx, err) {
				continue
			}
			if err != nil {
				return err
			}
			if skip > 0 {
				skip--
				continue
			}
			out = append(out, row.Deal)
			if limit > 0 && len(out) == limit {
				break
			}
		}
		return nil
	})
	return out, err
}

// scanDeals yields deals newest first. One that cannot be read is an error for
// itself: the others follow.
func scanDeals(tx kv.Tx, zone uint64, piece string) func(yield func(dealRow, error) bool) {
	return func(yield func(dealRow, error) bool) {
		from, to := kv.Range(prefix, "byid")
		switch {
		case piece != "":
			from, to = kv.Range(prefix, "bypiece", piece)
		case zone != 0:
			from, to = kv.Range(prefix, "byzone", zone)
		}
		for r, err := range tx.Scan(from, to) {
			if err != nil {
				yield(dealRow{}, err)
				return
			}
			row, err := getDeal(tx, string(r.Value))
			if err == nil && zone != 0 && row.Zone != zone {
				continue
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func (d *Deals) dealsOf(ctx context.Context, tx kv.Tx, zone uint64) ([]dealRow, error) {
	var out []dealRow
	for row, err := range scanDeals(tx, zone, "") {
		if d.skips(ctx, err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// newDeal stores a deal under a number of its own.
func newDeal(tx kv.Tx, row dealRow) (dealRow, error) {
	last, err := kv.GetJSON[uint64](tx, keyLastID())
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return row, err
	}
	row.ID = last + 1
	if err := kv.PutJSON(tx, keyLastID(), row.ID); err != nil {
		return row, err
	}
	for _, k := range dealIndexes(row.Deal) {
		if err := tx.Put(k, []byte(row.UUID)); err != nil {
			return row, err
		}
	}
	return row, putDeal(tx, row)
}

func dealIndexes(d Deal) [][]byte {
	return [][]byte{keyByID(d.ID), keyByZone(d.Zone, d.ID), keyByPiece(d.Piece, d.ID)}
}

// putDeal stores a deal that exists, and keeps the lists that it may be in.
func putDeal(tx kv.Tx, row dealRow) error {
	if err := listDeal(tx, row); err != nil {
		return err
	}
	return kv.PutJSON(tx, keyDeal(row.UUID), row)
}

// listDeal keeps the lists of those deals that are pending, or may turn out to
// be, with what they were promised; that their providers still have to publish; that are replicas to keep;
// that are signed, by their proposals, which never change.
func listDeal(tx kv.Tx, row dealRow) error {
	list := func(on bool, key, value []byte) error {
		if on {
			return tx.Put(key, value)
		}
		return tx.Delete(key)
	}
	pending, cost := row.State.Pending() || row.Loose, "0"
	if pending {
		var err error
		if cost, err = row.promise(); err != nil {
			return err
		}
	}
	if err := list(pending, keyPending(row.UUID), []byte(cost)); err != nil {
		return err
	}
	if err := list(row.State == DealProposed || row.State == DealAccepted, keyFlight(row.Provider, row.UUID), nil); err != nil {
		return err
	}
	if row.Proposal != "" {
		if err := tx.Put(keyByProposal(row.Proposal), []byte(row.UUID)); err != nil {
			return err
		}
	}
	return list(row.counts(), keyHeld(row.Bucket, row.Provider, row.UUID), strconv.AppendInt(nil, row.Size, 10))
}

// counts says that a deal is a replica to keep, or will be.
func (r *dealRow) counts() bool { return !r.State.Over() && !r.Expiring && !r.Unsound }

func dropDeal(tx kv.Tx, row dealRow) error {
	for _, k := range append(dealIndexes(row.Deal), keyPending(row.UUID), keyFlight(row.Provider, row.UUID),
		keyHeld(row.Bucket, row.Provider, row.UUID), keyByProposal(row.Proposal), keyDeal(row.UUID)) {
		if err := tx.Delete(k); err != nil {
			return fmt.Errorf("drop deal %s: %w", row.UUID, err)
		}
	}
	return nil
}
