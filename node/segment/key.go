package segment

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
)

// A key names a block in the indexes: its SHA2-256 digest. A block that has
// another multihash is named by the SHA2-256 digest of that multihash.
type key struct {
	sum   [32]byte
	other bool // the sum is that of the multihash
}

func keyOf(mh string) (k key) {
	if len(mh) == 34 && mh[0] == 0x12 && mh[1] == 0x20 {
		copy(k.sum[:], mh[2:])
		return k
	}
	return key{sum: sha256.Sum256([]byte(mh)), other: true}
}

// multihash is the block's multihash, unless the key does not tell.
func (k key) multihash() (mh string, ok bool) { return "\x12\x20" + string(k.sum[:]), !k.other }

// prefix orders keys as their sums do, but for those that begin alike.
func (k key) prefix() uint64 { return binary.BigEndian.Uint64(k.sum[:8]) }

// hash is what stands for the key in a filter.
func (k key) hash() uint64 {
	if k.other {
		return ^k.prefix()
	}
	return k.prefix()
}

// Flags of a record, in memory and in index files.
const (
	flagPrivate = 1 << 0 // in marks too
	flagOther   = 1 << 1 // see key.other
	flagDead    = 1 << 2 // a sweep found that nobody needs it, and left its bytes
	flagBad     = 1 << 7 // in memory only: its bytes were found not to have the block's hash
)

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
func (l loc) dead() bool    { return l.flags&flagDead != 0 }
func (l loc) bad() bool     { return l.flags&flagBad != 0 }

// same says whether l and m are the same copy.
func (l loc) same(m loc) bool { return l.seg == m.seg && l.off == m.off }

// An entry is one record of a segment.
type entry struct {
	key
	loc
}

func newEntry(mh string, l loc) entry {
	e := entry{keyOf(mh), l}
	if e.other {
		e.flags |= flagOther
	}
	return e
}

// byKey orders entries as an index file has them.
func byKey(a, b entry) int {
	return cmp.Or(bytes.Compare(a.sum[:], b.sum[:]), cmp.Compare(a.off, b.off))
}

func byOffset(a, b entry) int { return cmp.Compare(a.off, b.off) }
