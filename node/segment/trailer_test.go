package segment

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// A segment that was sealed in order says so itself: whoever has only the file
// knows it from one that was cut or changed.
func TestTrailer(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	blocks := someBlocks(t, 0, 9)
	mustPut(t, s, false, blocks...)
	mustPut(t, s, true, testBlock(t, 9), newBlock(t, []byte("another hash"), 0x13))
	hide(t, s, blocks[1])
	open := slices.Clone(d.files[dataName(0)].data)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data := d.files[dataName(0)].data
	whole := func(b []byte) bool {
		c, err := scan(bytes.NewReader(b), int64(len(b)), 0)
		if err != nil {
			t.Fatal(err)
		}
		return c.whole
	}
	if !whole(data) || !whole(slices.Concat(data, make([]byte, 5000))) {
		t.Error("a sealed segment is not whole")
	}
	if whole(open) {
		t.Error("a segment that was not sealed is whole")
	}
	for cut := len(header); cut < len(data); cut++ {
		if whole(data[:cut]) {
			t.Fatalf("whole when cut at %d of %d", cut, len(data))
		}
		changed := slices.Clone(data)
		changed[cut] ^= 4
		if whole(changed) {
			t.Fatalf("whole when changed at %d of %d", cut, len(data))
		}
	}
	ends := recordEnds(data)
	if whole(slices.Concat(data[:ends[2]], data[ends[3]:])) {
		t.Error("whole without its third record")
	}
}

// Without an index what comes behind a trailer is nothing of the segment's.
func TestNothingBehindTrailer(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, false, testBlock(t, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	more := filled(t, someBlocks(t, 2, 3)).files[dataName(0)].data[len(header):]
	data := d.files[dataName(0)].data
	d = withFile(d, dataName(0), slices.Concat(data, more))
	delete(d.files, indexName(0))
	s = openTest(t, d, Options{})
	check(t, s, true, testBlock(t, 1))
	checkAbsent(t, s, true, testBlock(t, 2))
}

func FuzzTrailer(f *testing.F) {
	c := contents{end: 2000, entries: someEntries(5, rand.New(rand.NewPCG(1, 1)))}
	f.Add(newTrailer(3, c).encode(), true)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		b = slices.Clone(b)
		if sum && len(b) == trailerSize {
			d := b[len(trailerPrefix):][:trailerData]
			encodeSum(d[:trailerData-4], d[trailerData-4:])
			copy(b[len(trailerPrefix)+trailerData:], d)
		}
		if got, ok := parseTrailer(b); ok && !bytes.Equal(got.encode(), b[:trailerSize]) {
			t.Errorf("%+v encodes to other bytes", got)
		}
	})
}

func FuzzVerdict(f *testing.F) {
	o := opinion{keyOf("\x13\x40abc"), verdict{private: true}}
	b := o.encode()
	f.Add(b[:], true)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		b = slices.Clone(b)
		if sum && len(b) == verdictSize {
			d := b[len(verdictPrefix):][:verdictData]
			encodeSum(d[:verdictData-4], d[verdictData-4:])
			copy(b[len(verdictPrefix)+verdictData:], d)
		}
		if got, ok := parseVerdict(b); ok {
			if again := got.encode(); !bytes.Equal(again[:], b[:verdictSize]) {
				t.Errorf("%+v encodes to other bytes", got)
			}
		}
	})
}
