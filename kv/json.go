package kv

import (
	"encoding/json"
	"fmt"
)

// GetJSON reads the row at key, or returns ErrNotFound.
func GetJSON[T any](tx Tx, key []byte) (T, error) {
	var v T
	raw, err := tx.Get(key)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("row %q: %w", key, err)
	}
	return v, nil
}

// PutJSON stores v at key.
func PutJSON(tx Tx, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("row %q: %w", key, err)
	}
	return tx.Put(key, raw)
}
