package kv

import (
	"bytes"
	"context"
	"fmt"
)

// copyChunk bounds the bytes that one transaction of Copy writes.
const copyChunk = 4 << 20

// Copy writes every row of a store into another one, as they are at one moment.
// After an error the other store has some of them.
func Copy(ctx context.Context, to, from Store) (rows int, err error) {
	var chunk []Row
	size := 0
	flush := func() error {
		err := to.Update(ctx, func(tx Tx) error {
			for _, r := range chunk {
				if err := tx.Put(r.Key, r.Value); err != nil {
					return err
				}
			}
			return nil
		})
		rows += len(chunk)
		chunk, size = chunk[:0], 0
		return err
	}
	err = from.View(ctx, func(tx Tx) error {
		for r, err := range tx.Scan(nil, nil) {
			if err != nil {
				return err
			}
			chunk = append(chunk, Row{bytes.Clone(r.Key), bytes.Clone(r.Value)})
			if size += len(r.Key) + len(r.Value); size >= copyChunk {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return flush()
	})
	if err != nil {
		return rows, fmt.Errorf("copy rows: %w", err)
	}
	return rows, nil
}
