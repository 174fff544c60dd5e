package segment

// A holeFinder knows which bytes of a file were never written.
type holeFinder interface {
	// hole says whether some of the n bytes at off were never written. Where a
	// file system cannot tell, none were.
	hole(off, n int64) bool
}

// cutUnwritten cuts c, which a scan found behind known in a segment of size
// bytes that a crash left, at the first gap that was not written in whole. A tail
// has several writes under way, and a process may die between a later one and an
// earlier: but Sync waits for all that came before, so nothing behind such a gap was
// ever durable. A gap that was written is damage, and what follows it stays.
//
// BUG: a file system that makes holes of written zeros (ZFS that compresses, a
// sparse copy) makes a damaged block of zeros look like that, in a segment that
// a crash left and nobody has opened since.
func cutUnwritten(f data, size, known int64, c contents) contents {
	h, ok := f.(holeFinder)
	// A segment that was cut ends with its last record: what is in it has been
	// served since, and may have been counted on.
	if !ok || c.whole || c.skipped == 0 || c.end == size {
		return c
	}
	off, skipped := known, int64(0)
	for _, p := range c.extents() {
		switch {
		case p.from < known:
			continue
		case p.from > off && h.hole(off, p.from-off):
			return c.until(off, skipped)
		case p.from > off:
			skipped += p.from - off
		}
		off = p.to
	}
	return c
}

// until is c up to end, of which so many bytes are damaged.
func (c contents) until(end, skipped int64) contents {
	d := contents{end: end, skipped: skipped}
	for _, e := range c.entries {
		if e.end() <= end {
			d.entries = append(d.entries, e)
		}
	}
	for _, o := range c.verdicts {
		if o.end() <= end {
			d.verdicts = append(d.verdicts, o)
		}
	}
	return d
}
