package buckets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

var (
	ErrNoPin      = errors.New("no such pin")
	ErrInvalidPin = errors.New("invalid pin") // wrapped with what is wrong
)

// PinState is where a pin is.
type PinState string

const (
	PinQueued  PinState = "queued"  // no block of it has come yet
	PinPinning PinState = "pinning" // some have
	PinPinned  PinState = "pinned"  // it is a content
	PinFailed  PinState = "failed"  // it is not tried any more, unless somebody asks for it
)

// PinStates are all states.
var PinStates = []PinState{PinQueued, PinPinning, PinPinned, PinFailed}

// Bounds of a request for a pin.
const (
	MaxPinName    = 255 // characters, as the Pinning Service API has it
	MaxPinOrigins = 20
	MaxPinMeta    = 16 << 10 // bytes, as JSON
	maxPinBatch   = 1000
)

// PinRequest asks for a DAG to be kept.
type PinRequest struct {
	CID     cid.Cid
	Name    string            // "": the CID
	Origins []string          // multiaddrs with /p2p/ of peers that have it
	Meta    map[string]string // kept for whoever asked
	// Bucket, a uuid, is where it goes; "" is the owner's global bucket. Under
	// Key it becomes the object there; without it it gets a key of its own.
	Bucket, Key string
	MaxBytes    int64 // that it may have; 0, or more than that: what Options.Pins says
	// Also, if not nil, runs in the transaction that stores the request, and is
	// no part of what the package keeps. Its error, returned as it is, refuses
	// the request. It may run more than once.
	Also func(tx kv.Tx, p Pin) error `json:"-"`

	here bool // see Pin.Here
}

// Pin is a request to keep a DAG, and what came of it.
type Pin struct {
	ID       uint64 // time-ordered, below 2^53; no content's
	Owner    uint64 // who asked
	CID      cid.Cid
	Name     string            `json:",omitempty"`
	Origins  []string          `json:",omitempty"`
	Meta     map[string]string `json:",omitempty"`
	Bucket   string            // uuid
	Key      string            `json:",omitempty"` // it asks for
	MaxBytes int64             `json:",omitempty"`
	Created  time.Time         // no two of a process at once

	State   PinState
	Reason  string    // why it is there, and what it waits for, for a person
	Changed time.Time // last change of state
	Tries   int       `json:",omitempty"` // in a row that brought nothing
	Next    time.Time `json:",omitzero"`  // when it is tried again; it may wait for its turn then
	Since   time.Time // the last block came, or it was asked for: it fails a while after that

	Content       uint64 `json:",omitempty"` // once it is pinned
	Size          int64  `json:",omitempty"` // of the content
	Blocks, Bytes int64  // distinct ones it has; until it is pinned, those that were fetched

	Here     bool   `json:",omitempty"` // it was made here, of contents of the owner: none of it is anybody else's
	Replaces uint64 `json:",omitempty"` // a pin that goes when this one is pinned
	Replaced bool   `json:",omitempty"` // it is that pin, and not shown
}

// unfinished says whether a pin is still tried.
func (p Pin) unfinished() bool { return p.State == PinQueued || p.State == PinPinning }

// name is what the object is called.
func (p Pin) name() string {
	if p.Name != "" {
		return p.Name
	}
	return p.CID.String()
}

// check returns ErrInvalidPin, wrapped with what is wrong.
func (r PinRequest) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrInvalidPin, fmt.Sprintf(format, args...))
	}
	if !r.CID.Defined() {
		return bad("it names no CID")
	}
	if r.CID.Prefix().MhType == multihash.IDENTITY {
		return bad("%s is an identity CID, which names no block", r.CID)
	}
	var dag *node.DAGError
	if err := node.Keepable(r.CID); errors.As(err, &dag) {
		return bad("%s", dag.Reason)
	}
	if !utf8.ValidString(r.Name) || utf8.RuneCountInString(r.Name) > MaxPinName || !validKey(idRoom+r.Name) {
		return bad("a name has at most %d characters of UTF-8", MaxPinName)
	}
	if r.Key != "" && !validKey(r.Key) {
		return bad("%v", ErrKey)
	}
	if len(r.Origins) > MaxPinOrigins {
		return bad("%d origins, and at most %d are taken", len(r.Origins), MaxPinOrigins)
	}
	if err := node.CheckPeerAddrs(r.Origins); err != nil {
		return bad("%v", err)
	}
	if meta, err := json.Marshal(r.Meta); err != nil || len(meta) > MaxPinMeta {
		return bad("meta has %d bytes, and at most %d are taken", len(meta), MaxPinMeta)
	}
	if r.MaxBytes < 0 {
		return bad("it may have %d bytes", r.MaxBytes)
	}
	return nil
}

// Pin keeps a DAG for the owner: it is durable as a request when Pin returns,
// and fetched by the job pin. If all of it is here, and the owner may read it,
// it is pinned at once.
func (b *Buckets) Pin(ctx context.Context, owner uint64, r PinRequest) (Pin, error) {
	list, err := b.PinAll(ctx, owner, []PinRequest{r})
	if err != nil {
		return Pin{}, err
	}
	return list[0], nil
}

// PinAll is Pin for up to 1000 requests: all are taken, or none.
func (b *Buckets) PinAll(ctx context.Context, owner uint64, requests []PinRequest) ([]Pin, error) {
	if len(requests) > maxPinBatch {
		return nil, fmt.Errorf("pin: %w: %d at once, and at most %d are taken", ErrInvalidPin, len(requests), maxPinBatch)
	}
	var global Bucket
	list := make([]Pin, len(requests))
	for i, r := range requests {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("pin: %w", err)
		}
		if r.Bucket == "" && global.UUID == "" {
			var err error
			if global, err = b.GlobalBucket(ctx, owner); err != nil {
				return nil, err
			}
		}
		list[i] = b.newPin(owner, r, global.UUID)
	}
	// The size of a DAG is known at its end; whoever is at his limit need not begin.
	if _, err := b.admit(ctx, owner, Usage{Bytes: 1, Objects: int64(len(list))}, nil); err != nil {
		return nil, fmt.Errorf("pin: %w", err)
	}
	err := b.update(ctx, func(tx kv.Tx) error {
		for i := range list {
			if err := b.addPin(tx, &list[i]); err != nil {
				return err
			}
			if also := requests[i].Also; also != nil {
				if err := also(tx, list[i]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pin: %w", err)
	}
	for i, p := range list {
		if b.pinLocal(ctx, p) {
			if list[i], err = b.PinByID(ctx, owner, p.ID); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// newPin is the pin of a request, with a candidate for its id.
func (b *Buckets) newPin(owner uint64, r PinRequest, global string) Pin {
	p := Pin{
		ID: b.newID(), Owner: owner, CID: r.CID, Name: r.Name, Origins: r.Origins, Meta: r.Meta,
		Bucket: r.Bucket, Key: r.Key, MaxBytes: r.MaxBytes,
		State: PinQueued, Reason: "waiting for its turn", Here: r.here,
	}
	if p.Bucket == "" {
		p.Bucket = global
	}
	return p
}

// addPin stores a new pin, and sees that it will be tried.
func (b *Buckets) addPin(tx kv.Tx, p *Pin) error {
	if _, err := bucketRow(tx, p.Bucket); err != nil {
		return err
	}
	var err error
	if p.ID, err = freeID(tx, p.ID, keyPin); err != nil {
		return err
	}
	p.Created = pinTime(p.ID)
	p.Changed, p.Since, p.Next = p.Created, p.Created, p.Created
	if !p.Here {
		return b.storePin(tx, *p)
	}
	// Nobody else has its blocks, so none may be swept before its job runs.
	p.State, p.Reason = PinPinning, "being looked through"
	return errors.Join(
		tx.Put(keyPinRef(p.CID, p.ID), present),
		kv.PutJSON(tx, keyPinRun(p.ID), pinRun{At: p.Since}),
		b.storePin(tx, *p))
}

// storePin stores the rows of a pin that is to be fetched.
func (b *Buckets) storePin(tx kv.Tx, p Pin) error {
	return errors.Join(
		putPin(tx, p),
		tx.Put(keyPinState(p), present),
		tx.Put(keyPinCID(p.CID, p.ID), present),
		tx.Put(keyPinNew(p.Owner, p.ID), present),
		b.queuePin(tx, p))
}

// PinByID returns the pin with that id, or the content with it as a pin, or
// ErrNoPin; owner 0: of whoever it is.
func (b *Buckets) PinByID(ctx context.Context, owner, id uint64) (Pin, error) {
	var p Pin
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		if p, err = shownPin(tx, owner, id); err == nil {
			err = p.measure(tx)
		}
		return err
	})
	if err != nil {
		return Pin{}, fmt.Errorf("pin %d: %w", id, err)
	}
	return p, nil
}

// PinAt is PinByID in the caller's transaction, of whoever it is.
func PinAt(tx kv.Tx, id uint64) (Pin, error) {
	p, err := shownPin(tx, 0, id)
	if err == nil {
		err = p.measure(tx)
	}
	return p, err
}

// measure fills in how far an unfinished pin is.
func (p *Pin) measure(tx kv.Tx) error {
	if p.State != PinPinning {
		return nil
	}
	run, err := pinRunRow(tx, p.ID)
	p.Blocks, p.Bytes = run.Blocks, run.Bytes
	if run.At.After(p.Since) {
		p.Since = run.At
	}
	return err
}

// PinsOf returns the pins that have become a content, also those not shown any more.
func PinsOf(tx kv.Tx, content uint64) ([]Pin, error) { return pinsOf(tx, content) }
