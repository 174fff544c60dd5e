package segment

import (
	"strings"
	"testing"
)

// A sweep knows from the store what is in a segment, not from a scan, which
// misses what is damaged or cannot be read now: here the index file could not
// be written, and the marks of blocks whose own bytes are sound are damaged.
func TestSweepWithoutIndexFile(t *testing.T) {
	d := newMemFiles()
	d.hook = func(op, name string) fault {
		if op == "rename" && strings.HasPrefix(name, indexName(0)) {
			return notApplied
		}
		return noFault
	}
	s := openTest(t, d, Options{})
	blocks := someBlocks(t, 0, 4)
	mustPut(t, s, false, blocks...)
	if err := s.sealActive(); err == nil {
		t.Fatal("sealed with an index file")
	}
	bad := d.files[dataName(0)].data
	for _, end := range recordEnds(bad)[1:3] {
		bad[end+7] ^= 1
	}
	check(t, s, true, blocks...)
	sweep(t, s, liveBlocks(t, map[int]bool{2: true, 3: true}))
	check(t, s, true, blocks[2:]...)
	checkAbsent(t, s, true, blocks[:2]...)
}
