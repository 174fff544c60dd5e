package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// MaxImportedID bounds the ids that pins of another node may keep. Ids made here
// count from 2024 on, and these are those of its first minutes, before the first
// of them was made.
const MaxImportedID = 1 << 30

// ErrPinTaken says that something else has the id of a pin to be imported.
var ErrPinTaken = errors.New("another content or pin has this id")

// An ImportedPin asks for what another node kept, under the id and from the time
// that it had there.
type ImportedPin struct {
	PinRequest
	ID      uint64
	Owner   uint64
	Created time.Time
}

func imported(id uint64) bool { return id <= MaxImportedID }

// ImportPins stores pins of another node, up to 1000: all are taken, or none. One
// that is here already is left as it is; added counts the others. ErrPinTaken
// says that an id names something else here.
func (b *Buckets) ImportPins(ctx context.Context, list []ImportedPin) (added int, err error) {
	if len(list) > maxPinBatch {
		return 0, fmt.Errorf("import pins: %w: %d at once, and at most %d are taken", ErrInvalidPin, len(list), maxPinBatch)
	}
	pins := make([]Pin, len(list))
	global := map[uint64]string{} // uuid by owner
	for i, r := range list {
		if err := r.check(); err != nil {
			return 0, fmt.Errorf("import pin %d: %w", r.ID, err)
		}
		if r.ID == 0 || !imported(r.ID) {
			return 0, fmt.Errorf("import pin %d: %w: ids from 1 to %d are taken", r.ID, ErrInvalidPin, MaxImportedID)
		}
		if r.Bucket == "" && global[r.Owner] == "" {
			bucket, err := b.GlobalBucket(ctx, r.Owner)
			if err != nil {
				return 0, err
			}
			global[r.Owner] = bucket.UUID
		}
		pins[i] = b.newPin(r.Owner, r.PinRequest, global[r.Owner])
		pins[i].ID, pins[i].Created = r.ID, r.Created.UTC()
		pins[i].Changed = time.Now().UTC()
		pins[i].Since, pins[i].Next = pins[i].Changed, pins[i].Changed
	}
	err = b.update(ctx, func(tx kv.Tx) error {
		added = 0
		for _, p := range pins {
			fresh, err := b.importPin(tx, p)
			if err != nil {
				return fmt.Errorf("import pin %d: %w", p.ID, err)
			}
			if fresh {
				added++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}

func (b *Buckets) importPin(tx kv.Tx, p Pin) (fresh bool, err error) {
	old, err := pinRow(tx, p.ID)
	switch {
	case err == nil && old.Owner == p.Owner && old.CID.Equals(p.CID):
		return false, nil
	case err == nil:
		return false, ErrPinTaken
	case !errors.Is(err, ErrNoPin):
		return false, err
	}
	if taken, err := has(tx, keyContent(p.ID)); err != nil || taken {
		return false, errors.Join(err, ErrPinTaken)
	}
	return true, b.storePin(tx, p)
}
