package kv

import (
	"bytes"
	"slices"
)

// overlay is what one transaction has written, for a driver that applies it as
// a whole at the end. Most transactions write a few rows and read them by key;
// the order is made when a scan needs it.
type overlay struct {
	index map[string]int // of a key in rows
	rows  []write
	order []int // of rows by key; as many as were sorted last
	bytes int
}

// write is a row as the transaction leaves it.
type write struct {
	key, value []byte // value nil: deleted
}

// get returns what was written under key.
func (o *overlay) get(key []byte) (w write, found bool) {
	if len(o.rows) == 0 {
		return write{}, false
	}
	i, found := o.index[string(key)]
	if !found {
		return write{}, false
	}
	return o.rows[i], true
}

// put keeps copies.
func (o *overlay) put(key, value []byte) {
	// An empty value is a value.
	o.write(write{bytes.Clone(key), append([]byte{}, value...)})
}

func (o *overlay) remove(key []byte) { o.write(write{key: bytes.Clone(key)}) }

func (o *overlay) write(w write) {
	o.bytes += len(w.key) + len(w.value)
	if o.index == nil {
		o.index = make(map[string]int, 16)
	}
	if i, found := o.index[string(w.key)]; found {
		o.rows[i] = w
		return
	}
	o.index[string(w.key)] = len(o.rows)
	o.rows = append(o.rows, w)
}

// in returns the writes with from <= key < to in order of keys, as they are now.
func (o *overlay) in(from, to []byte) []write {
	if len(o.rows) == 0 {
		return nil
	}
	if len(o.order) != len(o.rows) {
		o.order = o.order[:0]
		for i := range o.rows {
			o.order = append(o.order, i)
		}
		slices.SortFunc(o.order, func(a, b int) int { return bytes.Compare(o.rows[a].key, o.rows[b].key) })
	}
	lo, _ := slices.BinarySearchFunc(o.order, from, func(i int, key []byte) int { return bytes.Compare(o.rows[i].key, key) })
	var all []write
	for _, i := range o.order[lo:] {
		if to != nil && bytes.Compare(o.rows[i].key, to) >= 0 {
			break
		}
		all = append(all, o.rows[i])
	}
	return all
}
