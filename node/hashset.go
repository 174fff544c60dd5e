package node

import "github.com/multiformats/go-multihash"

// A hashSet is a set of multihashes.
type hashSet struct {
	sha   map[[32]byte]struct{} // SHA2-256 digests, which nearly all are
	other map[string]struct{}
}

func newHashSet() hashSet {
	return hashSet{sha: map[[32]byte]struct{}{}, other: map[string]struct{}{}}
}

func (s hashSet) len() int { return len(s.sha) + len(s.other) }

func (s hashSet) add(mh multihash.Multihash) {
	if d, ok := digest(mh); ok {
		s.sha[d] = struct{}{}
	} else {
		s.other[string(mh)] = struct{}{}
	}
}

func (s hashSet) has(mh multihash.Multihash) bool {
	d, ok := digest(mh)
	if !ok {
		_, ok = s.other[string(mh)]
		return ok
	}
	_, ok = s.sha[d]
	return ok
}

func digest(mh multihash.Multihash) (d [32]byte, ok bool) {
	if len(mh) != 34 || mh[0] != multihash.SHA2_256 || mh[1] != 32 {
		return d, false
	}
	return [32]byte(mh[2:]), true
}
