package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// Unpin removes a pin, with its content if it is pinned, and else ends its
// fetch; or the content with that id. It is ErrNoPin or ErrLocked; owner 0 may
// remove any.
func (b *Buckets) Unpin(ctx context.Context, owner, id uint64) error {
	err := b.update(ctx, func(tx kv.Tx) error {
		p, err := shownPin(tx, owner, id)
		if err != nil {
			return err
		}
		return b.removePin(tx, p)
	})
	if err != nil {
		return fmt.Errorf("unpin %d: %w", id, err)
	}
	return nil
}

// removePin removes a pin with its content, and the one that it was to replace.
func (b *Buckets) removePin(tx kv.Tx, p Pin) error {
	tx.OnCommit(func() { b.pinning.cancel(p.ID) })
	if p.State == PinPinned {
		return b.removePinned(tx, p)
	}
	err := dropPin(tx, p)
	if err == nil && p.Replaces != 0 {
		err = b.removeReplaced(tx, p.Replaces, nil)
	}
	return err
}

// removePinned removes the content of a pin, and with it the pin.
func (b *Buckets) removePinned(tx kv.Tx, p Pin) error {
	c, err := contentRow(tx, p.Content)
	if err != nil {
		return err
	}
	bucket, err := bucketRow(tx, c.Bucket)
	if err != nil {
		return err
	}
	o, err := versionOf(tx, c)
	if err != nil {
		return err
	}
	if err := b.remove(tx, o, false); err != nil {
		return err
	}
	return errors.Join(
		promote(tx, o.Bucket, o.Key),
		b.touch(tx, bucket, o.Key),
		b.emit(tx, bucket, EventDelete, o))
}

// removeReplaced removes a pin that was replaced, by made if it is not nil. The
// object at the same key makes room for made as in any other overwriting.
// Another that is locked stays, as an object that is no pin any more.
func (b *Buckets) removeReplaced(tx kv.Tx, id uint64, made *Object) error {
	p, err := pinRow(tx, id)
	if errors.Is(err, ErrNoPin) {
		return nil // its content is gone, and it with it
	}
	if err != nil {
		return err
	}
	if made != nil {
		c, err := contentRow(tx, p.Content)
		if err != nil {
			return err
		}
		if c.Bucket == made.Bucket && c.Key == made.Key {
			return dropPin(tx, p)
		}
	}
	if err := b.removePinned(tx, p); !errors.Is(err, ErrLocked) {
		return err
	}
	return dropPin(tx, p)
}

// Replace puts a new pin in the place of another, or of a content, which is not
// shown as a pin any more. What that has pinned stays until the new one is
// pinned, or removed. With the same root at the same place the new one is pinned
// at once, and only what is said about it changes.
func (b *Buckets) Replace(ctx context.Context, owner, id uint64, r PinRequest) (Pin, error) {
	p, err := b.replace(ctx, owner, id, r)
	if err != nil {
		return Pin{}, fmt.Errorf("replace pin %d: %w", id, err)
	}
	if p.unfinished() && b.pinLocal(ctx, p) {
		return b.PinByID(ctx, owner, p.ID)
	}
	return p, nil
}

func (b *Buckets) replace(ctx context.Context, owner, id uint64, r PinRequest) (Pin, error) {
	if err := r.check(); err != nil {
		return Pin{}, err
	}
	old, err := b.PinByID(ctx, owner, id)
	if err != nil {
		return Pin{}, err
	}
	// Where it goes is not part of what the Pinning Service API can ask for.
	if r.Bucket == "" {
		r.Bucket, r.Key = old.Bucket, old.Key
	}
	made, adopted := b.newPin(old.Owner, r, ""), b.newID()
	p := made
	err = b.update(ctx, func(tx kv.Tx) error {
		p = made
		old, err := b.ownPin(tx, owner, id, adopted)
		if err != nil {
			return err
		}
		if err = b.supersede(tx, old, &p); err == nil && r.Also != nil {
			err = r.Also(tx, p)
		}
		return err
	})
	return p, err
}

// supersede stores p in the place of another pin.
func (b *Buckets) supersede(tx kv.Tx, old Pin, p *Pin) (err error) {
	if old.State == PinPinned && old.CID.Equals(p.CID) && old.Bucket == p.Bucket && old.Key == p.Key {
		return repin(tx, old, p)
	}
	if old.State == PinPinned {
		p.Replaces = old.ID
		old.Replaced = true
		err = errors.Join(putPin(tx, old), tx.Delete(keyPinState(old)), tx.Delete(keyPinCID(old.CID, old.ID)))
	} else {
		p.Replaces = old.Replaces
		tx.OnCommit(func() { b.pinning.cancel(old.ID) })
		err = dropPin(tx, old)
	}
	return errors.Join(err, b.addPin(tx, p))
}

// RetryPin has a pin tried now: one that has failed, or that waits. One that is
// pinned stays as it is.
func (b *Buckets) RetryPin(ctx context.Context, owner, id uint64) (Pin, error) {
	now := time.Now().UTC()
	var p Pin
	err := b.update(ctx, func(tx kv.Tx) (err error) {
		if p, err = shownPin(tx, owner, id); err != nil || p.State == PinPinned {
			return err
		}
		was := p
		p.Tries, p.Next, p.Since = 0, now, now
		if was.State == PinFailed {
			p.Reason = "waiting for its turn"
			err = restatePin(tx, was, &p, PinQueued, now)
		} else {
			err = errors.Join(unqueuePin(tx, was), putPin(tx, p))
		}
		return errors.Join(err, tx.Put(keyPinNew(p.Owner, p.ID), present), b.queuePin(tx, p))
	})
	if err != nil {
		return Pin{}, fmt.Errorf("retry pin %d: %w", id, err)
	}
	return p, nil
}

// RetryPins has all pins tried now that have failed, or wait, and says how many.
func (b *Buckets) RetryPins(ctx context.Context) (n int, err error) {
	page, err := b.Pins(ctx, PinQuery{States: []PinState{PinQueued, PinPinning, PinFailed}})
	if err != nil {
		return 0, err
	}
	for _, p := range page.Pins {
		_, err := b.RetryPin(ctx, 0, p.ID)
		if errors.Is(err, ErrNoPin) {
			continue // it went meanwhile
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
