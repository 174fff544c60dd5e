package buckets

import (
	"errors"
	"strconv"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// Whether a content holds its root is the value of the row that lists it with
// that root. Nearly all do, and a row that says so would be one more at a random
// place for each upload. Rows from before have the value present; of them those
// hold that have such a row in ref.
var (
	holding  = []byte{2}
	released = []byte{3}
)

// holdRoot lists a content with its root, which it holds from now on.
func holdRoot(tx kv.Tx, c Content) error { return tx.Put(keyCID(c.CID, c.ID), holding) }

// letGoRoot has a content stay listed with a root that it does not hold any more.
func letGoRoot(tx kv.Tx, c Content) error {
	return errors.Join(tx.Put(keyCID(c.CID, c.ID), released), tx.Delete(keyOldRef(c.CID, c.ID)))
}

// unlist is for a content that goes.
func unlist(tx kv.Tx, c Content) error {
	return errors.Join(tx.Delete(keyCID(c.CID, c.ID)), tx.Delete(keyOldRef(c.CID, c.ID)))
}

// holdsRoot says whether a content holds its root.
func holdsRoot(tx kv.Tx, root cid.Cid, id uint64) (bool, error) {
	value, err := tx.Get(keyCID(root, id))
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return rowHolds(tx, value, root, id)
}

func rowHolds(tx kv.Tx, value []byte, root cid.Cid, id uint64) (bool, error) {
	if string(value) == string(present) {
		return has(tx, keyOldRef(root, id))
	}
	return string(value) == string(holding), nil
}

func keyOldRef(root cid.Cid, id uint64) []byte {
	return kv.Key(tabRef, rootKey(root), "c", strconv.FormatUint(id, 10))
}
