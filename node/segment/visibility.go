package segment

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// A verdict is a record in a segment that says who may see a block from there
// on. The newest verdict about a block decides, whatever the flags of its copies
// are; without one a block is public if any copy is.
type verdict struct {
	seg     uint32
	off     uint32
	private bool
}

const (
	verdictData = 1 + 1 + 32 + 4        // kind, flags, sum, CRC32C of these
	verdictSize = 1 + 4 + 2*verdictData // length, CID prefix, identity digest, data
	verdictKind = 'V'
)

// verdictPrefix begins every verdict, which is a section like a mark.
var verdictPrefix = []byte{verdictSize - 1, 0x01, 0x55, 0x00, verdictData}

func (v verdict) end() int64 { return int64(v.off) + verdictSize }

// newer says whether v was written after w.
func (v verdict) newer(w verdict) bool {
	return v.seg > w.seg || v.seg == w.seg && v.off > w.off
}

// An opinion is a verdict and the block that it is about.
type opinion struct {
	key
	verdict
}

func (o opinion) flags() (f byte) {
	if o.private {
		f |= flagPrivate
	}
	if o.other {
		f |= flagOther
	}
	return f
}

// setFlags is the reverse of flags, and says whether these can be.
func (o *opinion) setFlags(f byte) bool {
	o.private, o.other = f&flagPrivate != 0, f&flagOther != 0
	return f&^(flagPrivate|flagOther) == 0
}

const verdictEntrySize = 32 + 4 + 1 + 3 // sum, offset, flags, zeros

// appendOpinion appends a verdict as index and checkpoint files have it.
func appendOpinion(b []byte, o opinion) []byte {
	b = append(b, o.sum[:]...)
	b = binary.LittleEndian.AppendUint32(b, o.off)
	return append(b, o.flags(), 0, 0, 0)
}

func parseOpinion(b []byte, seg uint32) (o opinion, ok bool) {
	copy(o.sum[:], b)
	o.seg, o.off = seg, binary.LittleEndian.Uint32(b[32:])
	return o, o.setFlags(b[36])
}

func (o opinion) encode() (b [verdictSize]byte) {
	n := copy(b[:], verdictPrefix)
	d := b[n : n+verdictData]
	d[0], d[1] = verdictKind, o.flags()
	copy(d[2:], o.sum[:])
	binary.LittleEndian.PutUint32(d[34:], crc32.Checksum(d[:34], castagnoli))
	copy(b[n+verdictData:], d)
	return b
}

// parseVerdict reads the verdict that b begins with.
func parseVerdict(b []byte) (o opinion, ok bool) {
	if len(b) < verdictSize || !bytes.HasPrefix(b, verdictPrefix) {
		return o, false
	}
	d, again := b[len(verdictPrefix):][:verdictData], b[len(verdictPrefix)+verdictData:][:verdictData]
	if !bytes.Equal(d, again) || d[0] != verdictKind ||
		binary.LittleEndian.Uint32(d[34:]) != crc32.Checksum(d[:34], castagnoli) {
		return o, false
	}
	copy(o.sum[:], d[2:])
	return o, o.setFlags(d[1])
}

// verdicts are all that the segments hold. Store.mu guards it.
type verdicts struct {
	last  map[key]verdict
	older map[key][]verdict // of those with several, the others, from the oldest on
}

func newVerdicts() *verdicts {
	return &verdicts{last: map[key]verdict{}, older: map[key][]verdict{}}
}

// add enters a verdict.
func (x *verdicts) add(o opinion) {
	v := o.verdict
	last, ok := x.last[o.key]
	if !ok || v.newer(last) {
		x.last[o.key] = v
		v = last
	}
	if !ok {
		return
	}
	all := append(x.older[o.key], v)
	slices.SortFunc(all, func(a, b verdict) int {
		if a.newer(b) {
			return 1
		}
		return -1
	})
	x.older[o.key] = all
}

// remove forgets the verdicts about a block that gone accepts.
func (x *verdicts) remove(k key, gone func(verdict) bool) {
	last, ok := x.last[k]
	if !ok {
		return
	}
	all := slices.DeleteFunc(append(x.older[k], last), gone)
	delete(x.last, k)
	delete(x.older, k)
	if n := len(all); n > 0 {
		x.last[k] = all[n-1]
		if n > 1 {
			x.older[k] = all[:n-1]
		}
	}
}

// removeSegments forgets the verdicts in segments that gone accepts.
func (x *verdicts) removeSegments(gone func(seg uint32) bool) {
	var keys []key
	for k, v := range x.last {
		if gone(v.seg) || slices.ContainsFunc(x.older[k], func(v verdict) bool { return gone(v.seg) }) {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		x.remove(k, func(v verdict) bool { return gone(v.seg) })
	}
}

// of lists the verdicts in one segment. It looks at all there are.
func (x *verdicts) of(seg uint32) (all []opinion) {
	for k, v := range x.last {
		if v.seg == seg {
			all = append(all, opinion{k, v})
		}
		for _, v := range x.older[k] {
			if v.seg == seg {
				all = append(all, opinion{k, v})
			}
		}
	}
	return all
}

// private says whether the copy l of a block is private, given the verdicts about
// it. Store.mu is held.
func (s *Store) private(k key, l loc) bool {
	if v, ok := s.verdicts.last[k]; ok {
		return v.private
	}
	return l.private()
}
