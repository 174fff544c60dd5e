package buckets

import (
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// A content that nobody asked to be pinned is kept all the same. By its id it
// can be looked at, removed and replaced like the pin that it would be.

// shownPin returns what its owner can see under an id: a pin, or a content as
// the pin that it amounts to, which has that id then.
func shownPin(tx kv.Tx, owner, id uint64) (Pin, error) {
	p, err := pinRow(tx, id)
	if errors.Is(err, ErrNoPin) {
		p, err = contentPin(tx, id)
	}
	if err == nil && (p.Replaced || owner != 0 && p.Owner != owner) {
		err = ErrNoPin
	}
	return p, err
}

// contentPin returns a content as a pin: that which has become it, if there is
// one, and it is Replaced if all of them are.
func contentPin(tx kv.Tx, id uint64) (Pin, error) {
	c, err := contentRow(tx, id)
	if errors.Is(err, ErrNoContent) || err == nil && c.Deleted {
		err = ErrNoPin
	}
	if err != nil {
		return Pin{}, err
	}
	p := asPin(c)
	list, err := pinsOf(tx, id)
	for _, made := range list {
		p = made
		if !p.Replaced {
			break
		}
	}
	p.ID = id
	return p, err
}

// asPin is the pin that a content would be.
func asPin(c Content) Pin {
	return Pin{
		ID: c.ID, Owner: c.Owner, CID: c.CID, Name: c.Name, Bucket: c.Bucket, Key: c.Key, Created: pinTime(c.ID),
		State: PinPinned, Changed: c.Created, Since: c.Created, Content: c.ID, Size: c.Size,
	}
}

// PinsOf returns the pins that some contents came by, by content. A content that
// was uploaded is not among them.
func (b *Buckets) PinsOf(ctx context.Context, contents []uint64) (map[uint64]Pin, error) {
	pins := make(map[uint64]Pin)
	err := b.view(ctx, func(tx kv.Tx) error {
		clear(pins)
		for _, id := range contents {
			list, err := pinsOf(tx, id)
			if err != nil {
				return err
			}
			for _, p := range list {
				if !p.Replaced {
					pins[id] = p
					break
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pins of contents: %w", err)
	}
	return pins, nil
}

// ownPin returns what is shown under an id as a pin that has a row. A content
// that was none is given one.
func (b *Buckets) ownPin(tx kv.Tx, owner, id, candidate uint64) (Pin, error) {
	p, err := shownPin(tx, owner, id)
	if err != nil || p.Content != id {
		return p, err
	}
	list, err := pinsOf(tx, id)
	for _, made := range list {
		if !made.Replaced {
			return made, err
		}
	}
	if err != nil {
		return Pin{}, err
	}
	if p.ID, err = freeID(tx, candidate, keyPin); err != nil {
		return Pin{}, err
	}
	p.Created = pinTime(p.ID)
	return p, putPinned(tx, p)
}

// putPinned stores a pin that is a content.
func putPinned(tx kv.Tx, p Pin) error {
	return errors.Join(
		putPin(tx, p),
		tx.Put(keyPinState(p), present),
		tx.Put(keyPinCID(p.CID, p.ID), present),
		tx.Put(keyPinContent(p.Content, p.ID), present))
}

// repin has another request stand for a content with the same root at the same
// place: its bytes and its object stay as they are.
func repin(tx kv.Tx, old Pin, p *Pin) (err error) {
	if p.ID, err = freeID(tx, p.ID, keyPin); err != nil {
		return err
	}
	p.Created = pinTime(p.ID)
	p.State, p.Reason, p.Changed, p.Since = PinPinned, "", p.Created, old.Since
	p.Content, p.Size, p.Blocks, p.Bytes = old.Content, old.Size, old.Blocks, old.Bytes
	return errors.Join(dropPin(tx, old), putPinned(tx, *p))
}
