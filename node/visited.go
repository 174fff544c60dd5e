package node

import (
	"hash/maphash"

	"github.com/ipfs/go-cid"
)

// visited is a set of CIDs for walks of large DAGs: some 25 bytes for each,
// where the CIDs themselves would take four times that. It keeps 128 bits of a
// hash whose key nobody knows, so that even who chose the CIDs has no two that
// it takes for one.
type visited struct {
	low, high maphash.Seed
	set       map[[2]uint64]struct{}
}

func newVisited() *visited {
	return &visited{low: maphash.MakeSeed(), high: maphash.MakeSeed(), set: map[[2]uint64]struct{}{}}
}

func (v *visited) key(c cid.Cid) [2]uint64 {
	return [2]uint64{maphash.String(v.low, c.KeyString()), maphash.String(v.high, c.KeyString())}
}

// Visit adds c and says whether it is new.
func (v *visited) Visit(c cid.Cid) bool {
	k := v.key(c)
	if _, ok := v.set[k]; ok {
		return false
	}
	v.set[k] = struct{}{}
	return true
}

// Has says whether c is in the set.
func (v *visited) Has(c cid.Cid) bool {
	_, ok := v.set[v.key(c)]
	return ok
}

// Len is how many there are.
func (v *visited) Len() int { return len(v.set) }
