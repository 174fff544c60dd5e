package buckets

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// Usage is how much an owner keeps: the contents that some object names, each
// with its own size, and the parts of uploads in progress, which have bytes only.
type Usage struct{ Bytes, Objects int64 }

// usageSlots are how many rows the usage of an owner is the sum of, so that his
// writers share a row less often: whoever adds or takes away reads and writes
// one of them. Only commits for an owner with a quota read all.
const usageSlots = 16

var errUsageRow = errors.New("malformed usage row")

func keyUsage(owner, slot uint64) []byte { return kv.Key(tabUsage, owner, slot%usageSlots) }

// keyCounted is there once the usage of everybody was counted: stores from
// before have contents that are in no row of tabUsage.
func keyCounted() []byte { return kv.Key(tabCounted) }

func (u Usage) plus(v Usage) Usage { return Usage{u.Bytes + v.Bytes, u.Objects + v.Objects} }

func (u Usage) encode() []byte {
	return binary.AppendVarint(binary.AppendVarint(nil, u.Bytes), u.Objects)
}

func decodeUsage(value []byte) (u Usage, err error) {
	var n int
	if u.Bytes, n = binary.Varint(value); n <= 0 {
		return Usage{}, errUsageRow
	}
	value = value[n:]
	if u.Objects, n = binary.Varint(value); n <= 0 || n != len(value) {
		return Usage{}, errUsageRow
	}
	return u, nil
}

// use adds to an owner's usage, in the transaction that changes what he keeps.
// A slot may be below zero; the sum is what counts.
func use(tx kv.Tx, owner, slot uint64, more Usage) error {
	if more == (Usage{}) {
		return nil
	}
	key := keyUsage(owner, slot)
	raw, err := tx.Get(key)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err == nil {
		had, err := decodeUsage(raw)
		if err != nil {
			return err
		}
		more = more.plus(had)
	}
	if more == (Usage{}) {
		return tx.Delete(key)
	}
	return tx.Put(key, more.encode())
}

// contentUse is what a content adds to its owner's usage.
func (c Content) use() Usage { return Usage{Bytes: c.Size, Objects: 1} }

func (u Usage) negative() Usage { return Usage{-u.Bytes, -u.Objects} }

func usageOf(tx kv.Tx, owner uint64) (sum Usage, err error) {
	for row, err := range tx.Scan(kv.Range(tabUsage, owner)) {
		if err != nil {
			return Usage{}, err
		}
		u, err := decodeUsage(row.Value)
		if err != nil {
			return Usage{}, err
		}
		sum = sum.plus(u)
	}
	return sum, nil
}

// Usage returns what an owner keeps now. It is exact.
func (b *Buckets) Usage(ctx context.Context, owner uint64) (Usage, error) {
	var u Usage
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		u, err = usageOf(tx, owner)
		return err
	})
	if err != nil {
		return Usage{}, fmt.Errorf("usage of user %d: %w", owner, err)
	}
	return u, nil
}

// Usages returns what every owner keeps who keeps anything.
func (b *Buckets) Usages(ctx context.Context) (map[uint64]Usage, error) {
	var all map[uint64]Usage
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		all, err = usages(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("usage: %w", err)
	}
	return all, nil
}

func usages(tx kv.Tx) (map[uint64]Usage, error) {
	all := map[uint64]Usage{}
	for row, err := range tx.Scan(kv.Range(tabUsage)) {
		if err != nil {
			return nil, err
		}
		var owner uint64
		if err := kv.Unkey(row.Key, nil, &owner, nil); err != nil {
			return nil, err
		}
		u, err := decodeUsage(row.Value)
		if err != nil {
			return nil, err
		}
		if all[owner] = all[owner].plus(u); all[owner] == (Usage{}) {
			delete(all, owner)
		}
	}
	return all, nil
}

// CountUsage counts what everybody keeps, once: later calls do nothing. It comes
// before anything else is done with a store that may be from before usage was
// kept.
func (b *Buckets) CountUsage(ctx context.Context) error {
	counted := false
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		counted, err = has(tx, keyCounted())
		return err
	})
	if err != nil || counted {
		return err
	}
	return b.RecountUsage(ctx)
}

// RecountUsage counts what everybody keeps and replaces the rows that say it. It
// is for a store in which fsck has found them wrong; writers wait meanwhile.
func (b *Buckets) RecountUsage(ctx context.Context) error {
	err := b.update(ctx, func(tx kv.Tx) error {
		all, err := countUsages(tx)
		if err != nil {
			return err
		}
		var old [][]byte
		for row, err := range tx.Scan(kv.Range(tabUsage)) {
			if err != nil {
				return err
			}
			old = append(old, append([]byte(nil), row.Key...))
		}
		for _, key := range old {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		for owner, u := range all {
			if err := use(tx, owner, 0, u); err != nil {
				return err
			}
		}
		return tx.Put(keyCounted(), present)
	})
	if err != nil {
		return fmt.Errorf("count usage: %w", err)
	}
	return nil
}

// countUsages adds up what there is, without the rows that say it.
func countUsages(tx kv.Tx) (map[uint64]Usage, error) {
	all := map[uint64]Usage{}
	for c, err := range contentRows(tx) {
		if err != nil {
			return nil, err
		}
		if !c.Deleted {
			all[c.Owner] = all[c.Owner].plus(c.use())
		}
	}
	for row, err := range tx.Scan(kv.Range(tabUpload)) {
		if err != nil {
			return nil, err
		}
		var uuid, id string
		if err := kv.Unkey(row.Key, nil, &uuid, nil, &id); err != nil {
			return nil, err
		}
		bucket, err := bucketRow(tx, uuid)
		if errors.Is(err, ErrNoBucket) {
			continue
		}
		if err != nil {
			return nil, err
		}
		parts, _, err := partRows(tx, id, 0, maxParts)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			all[bucket.Owner] = all[bucket.Owner].plus(Usage{Bytes: p.Size})
		}
	}
	return all, nil
}
