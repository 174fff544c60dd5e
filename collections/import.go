package collections

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/whypfs/whypfs/kv"
)

// Import stores an empty collection of another node under its uuid, which here
// none may have: that is ErrExists.
func (c *Collections) Import(ctx context.Context, col Collection) error {
	id, err := uuid.Parse(col.UUID)
	switch {
	case err != nil || id.String() != col.UUID:
		return fmt.Errorf("%w: %q is no uuid", ErrInvalid, col.UUID)
	case !utf8.ValidString(col.Description) || utf8.RuneCountInString(col.Description) > maxDescription:
		return fmt.Errorf("%w: its description is not UTF-8, or has more than %d characters", ErrInvalid, maxDescription)
	case !utf8.ValidString(col.Name) || utf8.RuneCountInString(col.Name) > maxName:
		return fmt.Errorf("%w: its name is not UTF-8, or has more than %d characters", ErrInvalid, maxName)
	}
	if _, err := c.Collection(ctx, col.Owner, col.UUID); !errors.Is(err, ErrNotFound) {
		return errors.Join(ErrExists, err)
	}
	err = c.store.Update(ctx, func(tx kv.Tx) error {
		if _, err := collectionAt(tx, col.UUID); !errors.Is(err, ErrNotFound) {
			return errors.Join(ErrExists, err)
		}
		return errors.Join(kv.PutJSON(tx, keyCollection(col.UUID), col), tx.Put(keyOwned(col), present))
	})
	if err != nil {
		return fmt.Errorf("import collection %q: %w", col.UUID, err)
	}
	return nil
}
