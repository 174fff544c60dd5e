package buckets

import (
	"encoding/json"
	"fmt"
	"iter"

	"github.com/whypfs/whypfs/kv"
)

// contentRows yields every content, newest first.
func contentRows(tx kv.Tx) iter.Seq2[Content, error] {
	return decodedBy(tx, tabContent, decodeContent)
}

// zoneRows yields every zone, newest first.
func zoneRows(tx kv.Tx) iter.Seq2[zoneRow, error] {
	return decoded[zoneRow](tx, tabZone)
}

// decoded yields the JSON rows of a table in order of their keys.
func decoded[T any](tx kv.Tx, table string) iter.Seq2[T, error] {
	return decodedBy(tx, table, func(value []byte) (v T, err error) {
		err = decode(value, &v)
		return v, err
	})
}

// decodedBy yields the rows of a table in order of their keys.
func decodedBy[T any](tx kv.Tx, table string, decode func([]byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for row, err := range tx.Scan(kv.Range(table)) {
			var v T
			if err == nil {
				v, err = decode(row.Value)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// decode reads the value of a row.
func decode(value []byte, v any) error {
	if err := json.Unmarshal(value, v); err != nil {
		return fmt.Errorf("decode row: %w", err)
	}
	return nil
}
