package segment

import "slices"

// A memIndex holds the records of a segment that has no index file yet. Nearly
// all blocks have one record in it. Store.mu guards it.
type memIndex struct {
	entries []entry           // in order of offset; those that are there never change
	last    map[key]uint32    // the newest record of each block, as an index of entries
	before  map[uint32]uint32 // of those with several, the one before
}

func newMemIndex(entries []entry) *memIndex {
	x := &memIndex{last: make(map[key]uint32, len(entries)), before: map[uint32]uint32{}}
	slices.SortFunc(entries, byOffset)
	for _, e := range entries {
		x.add(e)
	}
	return x
}

// add enters a record behind all others.
func (x *memIndex) add(e entry) {
	n := uint32(len(x.entries))
	if old, ok := x.last[e.key]; ok {
		x.before[n] = old
	}
	x.last[e.key] = n
	x.entries = append(x.entries, e)
}

// each calls fn for the records of a block, newest first, until it returns true, and says whether it did.
func (x *memIndex) each(k key, fn func(loc) bool) bool {
	n, ok := x.last[k]
	for ok {
		if fn(x.entries[n].loc) {
			return true
		}
		n, ok = x.before[n]
	}
	return false
}

// cut forgets all records but the first n, and returns them.
func (x *memIndex) cut(n int) (gone []entry) {
	gone = slices.Clone(x.entries[n:])
	for i := len(x.entries) - 1; i >= n; i-- {
		k := x.entries[i].key
		if old, ok := x.before[uint32(i)]; ok {
			x.last[k] = old
			delete(x.before, uint32(i))
		} else {
			delete(x.last, k)
		}
	}
	x.entries = slices.Clip(x.entries[:n])
	return gone
}
