package buckets

import (
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// DuplicateError says that the owner has a content with that root already.
type DuplicateError struct {
	CID     cid.Cid
	Content uint64
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("content %d has the root %s already", e.Content, e.CID)
}

// called returns key and name of an upload whose body has ended.
func (up Upload) called(key, name string, root cid.Cid) (string, string, error) {
	switch {
	case up.Key != nil:
		if key = up.Key(root); !validKey(key) {
			return "", "", ErrKey
		}
		name = key
	case up.Name != nil:
		if name = up.Name(root); !validKey(idRoom + name) {
			return "", "", ErrKey
		}
	}
	return key, name, nil
}

// replication is how many deals are asked for by an upload whose body has ended.
func (up Upload) replication() (int, error) {
	if up.Replication == nil {
		return 0, nil
	}
	n := up.Replication()
	if n < 0 || n > MaxReplication {
		return 0, fmt.Errorf("%w: %d", ErrReplication, n)
	}
	return n, nil
}

// also is what the upload asks for in the transaction of its object, or nil.
func (up Upload) also(bucket Bucket) func(kv.Tx, Object) error {
	if !up.Unique {
		return up.Also
	}
	return func(tx kv.Tx, made Object) error {
		all, err := contentsWithRoot(tx, made.CID)
		if err != nil {
			return err
		}
		for _, c := range all {
			if c.Owner == bucket.Owner && !c.Deleted {
				return &DuplicateError{made.CID, c.ID}
			}
		}
		if up.Also == nil {
			return nil
		}
		return up.Also(tx, made)
	}
}
