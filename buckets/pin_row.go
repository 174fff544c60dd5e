package buckets

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// The tables of pins; doc.go says what their rows hold.
const (
	tabPin        = "pin"
	tabPinState   = "pinst"
	tabPinCID     = "pincid"
	tabPinNew     = "pinnew"
	tabPinDue     = "pindue"
	tabPinRun     = "pinrun"
	tabPinContent = "pinof"
)

// pinSlots is how many pins of one owner can be worked on at once. A pin is
// bound to a slot, and a job works on each slot that has any: so however many
// pins wait, the queue has few jobs, and an owner with many has no more of them
// than one with some.
const pinSlots = 16

func pinSlot(id uint64) uint64 { return id % pinSlots }

func keyPin(id uint64) []byte                  { return kv.Key(tabPin, ^id) }
func keyPinState(p Pin) []byte                 { return kv.Key(tabPinState, p.Owner, string(p.State), ^p.ID) }
func keyPinCID(root cid.Cid, id uint64) []byte { return kv.Key(tabPinCID, rootKey(root), id) }
func keyPinNew(owner, id uint64) []byte        { return kv.Key(tabPinNew, owner, pinSlot(id), ^id) }
func keyPinRun(id uint64) []byte               { return kv.Key(tabPinRun, id) }
func keyPinContent(content, id uint64) []byte  { return kv.Key(tabPinContent, content, id) }
func keyPinRef(root cid.Cid, id uint64) []byte {
	return kv.Key(tabRef, rootKey(root), "q", strconv.FormatUint(id, 10))
}
func keyPinDue(p Pin) []byte {
	return kv.Key(tabPinDue, p.Owner, pinSlot(p.ID), uint64(max(p.Next.UnixNano(), 0)), p.ID)
}

func pinJobID(owner, slot uint64) string {
	return strconv.FormatUint(owner, 10) + "/" + strconv.FormatUint(slot, 10)
}

func parsePinJobID(id string) (owner, slot uint64, err error) {
	a, c, _ := strings.Cut(id, "/")
	owner, err = strconv.ParseUint(a, 10, 64)
	if err == nil {
		slot, err = strconv.ParseUint(c, 10, 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("pin job %q: %w", id, err)
	}
	return owner, slot, nil
}

// pinTime is when the pin with that id was made. The low bits of an id, which
// no other has in that millisecond, count as parts of it, so that who pages
// through a list by time misses none.
func pinTime(id uint64) time.Time {
	return idTime(id).Add(time.Duration(id&0xfff) * time.Millisecond / 4096)
}

// pinRun is how far an unfinished pin is.
type pinRun struct {
	node.FetchState
	At time.Time // the last block came
}

func pinRow(tx kv.Tx, id uint64) (Pin, error) {
	p, err := kv.GetJSON[Pin](tx, keyPin(id))
	if errors.Is(err, kv.ErrNotFound) {
		return Pin{}, ErrNoPin
	}
	return p, err
}

func putPin(tx kv.Tx, p Pin) error { return kv.PutJSON(tx, keyPin(p.ID), p) }

// pinRunRow returns how far a pin is; the zero value is its beginning.
func pinRunRow(tx kv.Tx, id uint64) (pinRun, error) {
	r, err := kv.GetJSON[pinRun](tx, keyPinRun(id))
	if errors.Is(err, kv.ErrNotFound) {
		err = nil
	}
	return r, err
}

// queuePin has an unfinished pin tried when it is due.
func (b *Buckets) queuePin(tx kv.Tx, p Pin) error {
	return errors.Join(
		tx.Put(keyPinDue(p), present),
		b.queue.Add(tx, jobPin, pinJobID(p.Owner, pinSlot(p.ID)), p.Next))
}

// unqueuePin has it tried no more. p is as it is stored.
func unqueuePin(tx kv.Tx, p Pin) error {
	return errors.Join(tx.Delete(keyPinDue(p)), tx.Delete(keyPinNew(p.Owner, p.ID)))
}

// restatePin stores a pin in another state. was is how it is stored.
func restatePin(tx kv.Tx, was Pin, p *Pin, state PinState, now time.Time) error {
	p.State, p.Changed = state, now
	return errors.Join(
		tx.Delete(keyPinState(was)),
		tx.Put(keyPinState(*p), present),
		putPin(tx, *p))
}

// endPin lets go of what an unfinished pin has besides its row.
func endPin(tx kv.Tx, p Pin) error {
	return errors.Join(
		unqueuePin(tx, p),
		tx.Delete(keyPinRun(p.ID)),
		tx.Delete(keyPinRef(p.CID, p.ID)))
}

// dropPin removes all rows of a pin, but not its content.
func dropPin(tx kv.Tx, p Pin) error {
	return errors.Join(
		endPin(tx, p),
		tx.Delete(keyPin(p.ID)),
		tx.Delete(keyPinState(p)),
		tx.Delete(keyPinCID(p.CID, p.ID)),
		tx.Delete(keyPinContent(p.Content, p.ID)))
}

// pinsOf returns the pins that have become a content.
func pinsOf(tx kv.Tx, content uint64) (list []Pin, err error) {
	for row, err := range tx.Scan(kv.Range(tabPinContent, content)) {
		if err != nil {
			return nil, err
		}
		var id uint64
		if err := kv.Unkey(row.Key, nil, nil, &id); err != nil {
			return nil, err
		}
		p, err := pinRow(tx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// forgetPins is called when a content is released: its pins go with it.
func forgetPins(tx kv.Tx, content uint64) error {
	list, err := pinsOf(tx, content)
	for _, p := range list {
		err = errors.Join(err, dropPin(tx, p))
	}
	return err
}
