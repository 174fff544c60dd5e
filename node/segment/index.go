package segment

// flagBad marks, in memory only, a copy whose bytes were found not to have the block's hash.
const flagBad = 0x80

// A loc is where one copy of a block is.
type loc struct {
	seg   uint32
	off   uint32 // of the record, which begins with its mark
	size  uint32 // of the data
	head  uint8  // bytes of the record before the data
	flags uint8
}

func (l loc) end() int64    { return int64(l.off) + l.length() }
func (l loc) length() int64 { return int64(l.head) + int64(l.size) }
func (l loc) private() bool { return l.flags&flagPrivate != 0 }
func (l loc) bad() bool     { return l.flags&flagBad != 0 }

// same says whether l and m are the same copy.
func (l loc) same(m loc) bool { return l.seg == m.seg && l.off == m.off }

// better says whether l is to be read rather than m, which was written earlier.
func (l loc) better(m loc) bool {
	if l.bad() != m.bad() {
		return m.bad()
	}
	return !l.private() || m.private()
}

// An index maps multihashes to copies of blocks. Nearly all are SHA2-256, and
// nearly all have one copy, so these take little memory. Store.mu guards it.
type index struct {
	sha   map[[32]byte]loc
	other map[string]loc
	more  map[string][]loc // copies other than the best, by multihash
	bytes int64            // size of all blocks, each counted once
}

func newIndex() *index {
	return &index{sha: map[[32]byte]loc{}, other: map[string]loc{}, more: map[string][]loc{}}
}

func digest(mh string) (d [32]byte, ok bool) {
	if len(mh) != 34 || mh[0] != 0x12 || mh[1] != 0x20 {
		return d, false
	}
	copy(d[:], mh[2:])
	return d, true
}

func (x *index) len() int { return len(x.sha) + len(x.other) }

// best is the copy to read.
func (x *index) best(mh string) (loc, bool) {
	if d, ok := digest(mh); ok {
		l, ok := x.sha[d]
		return l, ok
	}
	l, ok := x.other[mh]
	return l, ok
}

func (x *index) setBest(mh string, l loc) {
	if d, ok := digest(mh); ok {
		x.sha[d] = l
	} else {
		x.other[mh] = l
	}
}

// find is the first copy, best first, that ok accepts.
func (x *index) find(mh string, ok func(loc) bool) (loc, bool) {
	l, found := x.best(mh)
	if !found || ok(l) {
		return l, found
	}
	for _, l := range x.more[mh] {
		if ok(l) {
			return l, true
		}
	}
	return loc{}, false
}

// add enters a copy that is newer than those already here.
func (x *index) add(mh string, l loc) {
	old, ok := x.best(mh)
	if !ok {
		x.bytes += int64(l.size)
		x.setBest(mh, l)
		return
	}
	if l.better(old) {
		x.setBest(mh, l)
		l = old
	}
	x.more[mh] = append(x.more[mh], l)
}

// remove forgets one copy and says whether it was the last.
func (x *index) remove(mh string, gone loc) (last bool) {
	best, ok := x.best(mh)
	if !ok {
		return false
	}
	rest := x.more[mh]
	delete(x.more, mh)
	if best.same(gone) {
		x.bytes -= int64(best.size)
		if d, ok := digest(mh); ok {
			delete(x.sha, d)
		} else {
			delete(x.other, mh)
		}
	}
	for _, l := range rest {
		if !l.same(gone) {
			x.add(mh, l)
		}
	}
	_, ok = x.best(mh)
	return !ok
}

// markBad notes that a copy is damaged.
func (x *index) markBad(mh string, bad loc) {
	l, ok := x.find(mh, bad.same)
	if !ok {
		return
	}
	l.flags |= flagBad
	x.remove(mh, l)
	x.add(mh, l)
}

// each calls fn for the best copy of every block.
func (x *index) each(fn func(mh string, l loc)) {
	for d, l := range x.sha {
		fn("\x12\x20"+string(d[:]), l)
	}
	for mh, l := range x.other {
		fn(mh, l)
	}
}

// of lists all copies in one segment. It looks at every block there is.
func (x *index) of(seg uint32) (entries []entry) {
	collect := func(mh string, l loc) {
		if l.seg == seg {
			entries = append(entries, entry{mh, l})
		}
	}
	x.each(collect)
	for mh, copies := range x.more {
		for _, l := range copies {
			collect(mh, l)
		}
	}
	return entries
}
