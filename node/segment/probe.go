package segment

import "math/bits"

// A probe asks one segment's filter. Probes are packed, each into one line of the
// processor's cache, because a look for a block asks those of all segments.
type probe struct {
	segment *segment
	disk    *diskIndex // nil: the records are in memory
	seed    uint64
	length  uint32 // of the filter's segments
	counts  uint32 // length times their count
	prints  []uint16
}

// murmur is the hash that binary fuse filters are made with.
func murmur(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// mayHold says whether a block, whose key.hash with p.seed has the hash h, may be in the segment.
func (p *probe) mayHold(h uint64) bool {
	if len(p.prints) == 0 {
		return p.disk == nil || len(p.disk.prefixes) > 0
	}
	hi, _ := bits.Mul64(h, uint64(p.counts))
	mask := p.length - 1
	a := uint32(hi)
	b := (a + p.length) ^ uint32(h>>18)&mask
	c := (a + 2*p.length) ^ uint32(h)&mask
	return uint16(h^h>>32)^p.prints[a]^p.prints[b]^p.prints[c] == 0
}

func newProbe(g *segment) probe {
	p := probe{segment: g}
	if g.mem != nil {
		return p
	}
	p.disk = g.disk
	if f := g.disk.filter; f != nil {
		p.seed, p.length, p.counts, p.prints = f.Seed, f.SegmentLength, f.SegmentCountLength, f.Fingerprints
	}
	return p
}

// reprobe makes the probes anew after segments came or went, or got another
// index. The caller holds s.mu.
func (s *Store) reprobe() {
	probes := make([]probe, len(s.order))
	for i, g := range s.order {
		probes[i] = newProbe(g)
	}
	s.probes = probes
}
