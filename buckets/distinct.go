package buckets

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/rowcode"
	"github.com/whypfs/whypfs/kv"
)

// A piece has each block once, so a zone of a hundred copies is one copy in its
// piece, and is not to be sealed as if it were a hundred. While members may
// still come and go, rows therefore count the members with each root.

// repeats is the size from which on contents are looked at as copies. What the
// most members of a zone that are smaller add up to is a fifteenth of the
// default threshold, and there can be millions of them.
const repeats = 16 << 10

// Distinct is the size of the members, those with the same root counted once.
func (z Zone) Distinct() int64 { return z.Size - z.Repeated }

// rootRow counts the members of a zone with a root.
type rootRow struct {
	members uint64
	// size of the first of them; one that was uploaded and one that was pinned
	// may differ in size, though not in blocks.
	size int64
}

// countIn counts a content that becomes a member.
func (z *zoneRow) countIn(tx kv.Tx, c Content) error {
	z.Size += c.Size
	z.Count++
	if c.Size < repeats {
		return nil
	}
	row, err := rootAt(tx, z.ID, c.CID)
	if err != nil {
		return err
	}
	if row.members == 0 {
		row.size = c.Size
	}
	row.members++
	if row.members > 1 {
		z.Repeated += c.Size
	}
	return putRoot(tx, z.ID, c.CID, row)
}

// countOut counts a member that leaves. There is no row for one that was a
// member before such rows were kept.
func (z *zoneRow) countOut(tx kv.Tx, c Content) error {
	z.Size -= c.Size
	z.Count--
	if c.Size < repeats {
		return nil
	}
	row, err := rootAt(tx, z.ID, c.CID)
	if err != nil || row.members == 0 {
		return err
	}
	if row.members--; row.members == 0 {
		z.Repeated -= c.Size - row.size
		return tx.Delete(keyRoot(z.ID, c.CID))
	}
	z.Repeated -= c.Size
	return putRoot(tx, z.ID, c.CID, row)
}

func rootAt(tx kv.Tx, zone uint64, root cid.Cid) (rootRow, error) {
	raw, err := tx.Get(keyRoot(zone, root))
	if errors.Is(err, kv.ErrNotFound) {
		return rootRow{}, nil
	}
	if err != nil {
		return rootRow{}, err
	}
	return decodeRoot(raw)
}

func putRoot(tx kv.Tx, zone uint64, root cid.Cid, row rootRow) error {
	w := rowcode.NewWriter(compact)
	w.Uint(row.members)
	w.Int(row.size)
	return tx.Put(keyRoot(zone, root), w.Bytes())
}

func decodeRoot(raw []byte) (rootRow, error) {
	r := rowcode.NewReader(raw, compact)
	row := rootRow{members: r.Uint(), size: r.Int()}
	if err := r.Err(); err != nil {
		return rootRow{}, fmt.Errorf("decode count of members: %w", err)
	}
	return row, nil
}

// forgetRoots is for a zone whose members are fixed.
func (b *Buckets) forgetRoots(ctx context.Context, zone uint64) error {
	for more := true; more; {
		err := b.update(ctx, func(tx kv.Tx) (err error) {
			more, err = forgetRoots(tx, zone, releaseBatch)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetRoots removes up to max of the rows that count a zone's roots, which
// nobody reads once its members are fixed.
func forgetRoots(tx kv.Tx, zone uint64, max int) (more bool, err error) {
	var keys [][]byte
	for row, err := range tx.Scan(kv.Range(tabRoot, zone)) {
		if err != nil {
			return false, err
		}
		if more = len(keys) == max; more {
			break
		}
		keys = append(keys, append([]byte(nil), row.Key...))
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return false, err
		}
	}
	return more, nil
}

func keyRoot(zone uint64, root cid.Cid) []byte { return kv.Key(tabRoot, zone, rootKey(root)) }
