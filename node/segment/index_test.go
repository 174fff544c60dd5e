package segment

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/multiformats/go-multihash"
)

// someEntries are n records, one behind the other, of blocks that exist nowhere.
func someEntries(n int, r *rand.Rand) (entries []entry) {
	off := uint32(len(header))
	for range n {
		var mh [34]byte
		mh[0], mh[1] = 0x12, 0x20
		for i := 2; i < len(mh); i++ {
			mh[i] = byte(r.Uint32())
		}
		e := newEntry(string(mh[:]), loc{off: off, size: uint32(r.IntN(300)), head: markSize + 38, flags: byte(r.IntN(2))})
		if r.IntN(10) == 0 {
			e = newEntry("\x13\x40"+string(mh[:]), e.loc)
		}
		off += uint32(e.length())
		entries = append(entries, e)
	}
	return entries
}

func indexOf(t testing.TB, d files, id uint32, entries []entry) *diskIndex {
	t.Helper()
	end := int64(len(header))
	if n := len(entries); n > 0 {
		end = entries[n-1].end()
	}
	for i := range entries {
		entries[i].seg = id
	}
	if _, err := writeIndex(d, id, contents{end: end, entries: entries}); err != nil {
		t.Fatal(err)
	}
	x, _, err := openIndex(d, id, end)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Every record is found through its filter and its page, also where many begin
// alike or have one name, and nearly nothing else is.
func TestIndexFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 5, perPage, perPage + 1, 3*perPage - 1, 3 * perPage, 20_000} {
		entries := someEntries(n, r)
		for i := range entries {
			switch i % 7 {
			case 0: // several copies of one block
				entries[i].key = entries[i/2].key
				entries[i].flags = entries[i].flags&flagPrivate | entries[i/2].flags&flagOther
			case 1: // a name that differs in its end only
				copy(entries[i].sum[:20], entries[0].sum[:20])
			case 2: // the same digest as another block's name
				entries[i].sum, entries[i].other = entries[0].sum, !entries[0].other
				entries[i].flags = entries[i].flags&flagPrivate | ^entries[0].flags&flagOther
			}
		}
		x := indexOf(t, newMemFiles(), 7, entries)
		want := map[key][]loc{}
		for _, e := range entries {
			want[e.key] = append([]loc{e.loc}, want[e.key]...)
		}
		for k, locs := range want {
			got, err := x.find(k)
			if p := newProbe(&segment{disk: x}); !p.mayHold(murmur(k.hash()+p.seed)) || !x.mayHold(k.hash()) || err != nil || !slices.Equal(got, locs) {
				t.Fatalf("%d records: find = %v, %v, filter %v; want %v", n, got, err, x.mayHold(k.hash()), locs)
			}
		}
		all, err := x.all()
		slices.SortFunc(all, byOffset)
		if err != nil || !slices.Equal(all, entries) {
			t.Errorf("%d records: all lists %d, %v", n, len(all), err)
		}
		for range 1000 {
			k := someEntries(1, r)[0].key
			if got, err := x.find(k); len(got) > 0 || err != nil {
				t.Errorf("find of a block that is not there = %v, %v", got, err)
			}
		}
	}
}

// What an index keeps in memory, and how often its filter is wrong.
func TestIndexMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n, asked = 100_000, 200_000
	x := indexOf(t, newMemFiles(), 1, someEntries(n, r))
	if per := float64(x.memory()) / n; per > 3 {
		t.Errorf("%.2f bytes of memory a block, want at most 3", per)
	}
	wrong, p := 0, newProbe(&segment{disk: x})
	for range asked {
		k := r.Uint64()
		if x.mayHold(k) {
			wrong++
		}
		if got := p.mayHold(murmur(k + p.seed)); got != x.mayHold(k) {
			t.Fatalf("probe of %x = %v", k, got)
		}
	}
	if wrong > asked/5000 { // 3 are expected
		t.Errorf("the filter is wrong %d times of %d", wrong, asked)
	}
}

func TestFooterCounts(t *testing.T) {
	entries := someEntries(300, rand.New(rand.NewPCG(5, 6)))
	var want totals
	for i := range entries {
		if i%5 == 0 {
			entries[i].flags |= flagDead
			continue
		}
		want.live++
		want.bytes += uint64(entries[i].size)
		if !entries[i].private() {
			want.public++
		}
	}
	x := indexOf(t, newMemFiles(), 3, entries)
	if x.totals != want || x.records != 300 || x.end != uint64(entries[299].end()) || x.footer.seg != 3 {
		t.Errorf("footer %+v, want %+v of 300", x.footer, want)
	}
}

// A record begins with its mark, so one that is shorter is none: readers rely on that.
func TestPageEntryThatCannotBe(t *testing.T) {
	good := loc{seg: 1, off: 100, size: 20, head: markSize + 38}
	for name, tt := range map[string]struct {
		change func(*loc)
		want   error
	}{
		"good":             {func(*loc) {}, nil},
		"only a mark":      {func(l *loc) { l.head = markSize }, errBadIndex},
		"no head":          {func(l *loc) { l.head = 0 }, errBadIndex},
		"behind the end":   {func(l *loc) { l.off = 1000 }, errBadIndex},
		"far too large":    {func(l *loc) { l.size = MaxBlock + 1 }, errBadIndex},
		"offset of 32 bit": {func(l *loc) { l.off = math.MaxUint32 }, errBadIndex},
	} {
		l := good
		tt.change(&l)
		b := make([]byte, indexPage)
		encodePage(b, 1, 2, []entry{{loc: l}})
		if _, err := decodePage(b, 1, 2, 1000); !errors.Is(err, tt.want) {
			t.Errorf("%s: decodePage = %v, want %v", name, err, tt.want)
		}
		for name, p := range map[string][2]int{"segment": {9, 2}, "place": {1, 3}} {
			if _, err := decodePage(b, uint32(p[0]), p[1], 1000); !errors.Is(err, errBadIndex) {
				t.Errorf("page of another %s: decodePage = %v, want %v", name, err, errBadIndex)
			}
		}
	}
}

// encodeSum makes a checksum right, which a fuzzer hardly does.
func encodeSum(b, sum []byte) {
	binary.LittleEndian.PutUint32(sum, crc32.Checksum(b, castagnoli))
}

func FuzzDecodePage(f *testing.F) {
	b := make([]byte, indexPage)
	encodePage(b, 1, 0, someEntries(90, rand.New(rand.NewPCG(1, 1))))
	f.Add(b, false)
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		if sum && len(b) == indexPage { // else the fuzzer hardly gets past it
			encodeSum(b[:pageSum], b[pageSum:])
		}
		p, err := decodePage(b, 1, 0, 1<<20)
		if err != nil {
			return
		}
		var entries []entry
		for i := range p.count {
			e := p.entry(i)
			if e.end() > 1<<20 || e.seg != 1 {
				t.Errorf("entry %+v", e)
			}
			p.find(e.key, nil)
			entries = append(entries, e)
		}
		again := make([]byte, indexPage)
		encodePage(again, 1, 0, entries)
		if p2, err := decodePage(again, 1, 0, 1<<20); err != nil || p2.count != p.count {
			t.Errorf("encoded again: %v", err)
		}
	})
}

// fuzzed index files open, or are refused, and answer without a panic.
func FuzzOpenIndex(f *testing.F) {
	for _, n := range []int{0, 3, 300} {
		d := newMemFiles()
		indexOf(f, d, 1, someEntries(n, rand.New(rand.NewPCG(1, 1))))
		f.Add(d.files[indexName(1)].data, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, sum bool) {
		b = slices.Clone(b)
		if n := len(b) - footerSize; sum && n >= 0 {
			encodeSum(b[n:n+footerSize-4], b[n+footerSize-4:])
			if ff, err := decodeFooter(b[n:]); err == nil && ff.tailSize() <= int64(n) {
				encodeSum(b[int64(n)-ff.tailSize():n], b[n+76:])
				encodeSum(b[n:n+footerSize-4], b[n+footerSize-4:])
			}
		}
		d := newMemFiles()
		d.files[indexName(1)] = &memFile{dir: d, name: indexName(1), data: b}
		x, _, err := openIndex(d, 1, math.MaxUint32)
		if err != nil {
			return
		}
		r := rand.New(rand.NewPCG(1, 1))
		for _, e := range someEntries(300, r) {
			if x.mayHold(e.hash()) {
				x.find(e.key) // an error or not
			}
		}
		entries, _ := x.all()
		if len(entries) > len(b)/entrySize {
			t.Errorf("%d entries in %d bytes", len(entries), len(b))
		}
	})
}

// An index page that cannot be read costs the blocks in it nothing: the index is
// made again, once, from the segment.
func TestIndexDamagedInUse(t *testing.T) {
	for _, tt := range []struct{ how, full string }{{"changed", ""}, {"unreadable", ""}, {"changed", "disk full"}} {
		t.Run(tt.how+" "+tt.full, func(t *testing.T) {
			d := newMemFiles()
			s := openTest(t, d, Options{})
			blocks := someBlocks(t, 0, 3*perPage)
			mustPut(t, s, false, blocks...)
			mustPut(t, s, true, testBlock(t, 1000))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTest(t, d, Options{})
			scans := 0
			d.hook = func(op, name string) fault {
				if op == "read" && name == dataName(0) {
					scans++
				}
				if op == "read" && name == indexName(0) && tt.how == "unreadable" || op == "create" && tt.full != "" {
					return notApplied
				}
				return noFault
			}
			d.files[indexName(0)].data[indexPage+50] ^= 1
			check(t, s, true, blocks...)
			checkAbsent(t, s, true, testBlock(t, 1000))
			check(t, s, false, testBlock(t, 1000))
			if u := s.Usage(); u.Blocks != int64(len(blocks)+1) {
				t.Errorf("Usage() = %+v, want %d blocks", u, len(blocks)+1)
			}
			if most := len(blocks) + 5; scans > most {
				t.Errorf("%d reads of the segment, want at most %d: it was scanned again and again", scans, most)
			}
			d.hook = nil
			mustPut(t, s, false, testBlock(t, 2000))
			sweep(t, s, liveBlocks(t, map[int]bool{1: true, 2: true}))
			check(t, s, true, blocks[1:3]...)
			checkAbsent(t, s, false, blocks[3:]...)
		})
	}
}

// While neither an index nor its segment can be read, its blocks are not absent:
// reads fail, puts write them again, and a sweep removes nothing of it.
func TestIndexLostForNow(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, false, someBlocks(t, 0, 10)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, d, Options{})
	mustPut(t, s, false, someBlocks(t, 20, 30)...)
	d.hook = func(op, name string) fault {
		if op == "read" && (name == indexName(0) || name == dataName(0)) {
			return notApplied
		}
		return noFault
	}
	if _, err := s.Block(testBlock(t, 1).cid, true, nil); !errors.Is(err, errFault) || errors.Is(err, ErrNotFound) {
		t.Errorf("Block = %v, want %v", err, errFault)
	}
	if _, ok := s.Find(t.Context(), testBlock(t, 1).cid); ok {
		t.Error("Find promises a block that cannot be read")
	}
	mustPut(t, s, false, testBlock(t, 1))
	check(t, s, true, testBlock(t, 1))
	if _, err := s.Sweep(t.Context(), liveFunc(liveBlocks(t, map[int]bool{1: true, 21: true}))); !errors.Is(err, errFault) {
		t.Errorf("Sweep = %v, want %v", err, errFault)
	}
	check(t, s, true, testBlock(t, 1), testBlock(t, 21))
	checkAbsent(t, s, false, testBlock(t, 22))
	d.hook = nil
	for _, s := range []*Store{s, openTest(t, d.killed(), Options{})} {
		check(t, s, true, someBlocks(t, 0, 10)...)
	}
}

// The list of public blocks misses none that a sweep moves meanwhile.
func TestMultihashesDuringSweep(t *testing.T) {
	s := openTest(t, newMemFiles(), Options{SegmentSize: 3000})
	live := map[int]bool{}
	mustPut(t, s, false, someBlocks(t, 0, 100)...)
	mustPut(t, s, true, testBlock(t, 200))
	other := newBlock(t, []byte("another hash"), 0x13)
	mustPut(t, s, false, other)
	for i := 0; i < 100; i += 3 {
		live[i] = true
	}
	isLive := liveBlocks(t, live)
	got, n := map[string]bool{}, 0
	for mh, err := range s.Multihashes() {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 5 {
			sweep(t, s, func(mh multihash.Multihash) bool { return isLive(mh) || string(mh) == multihashOf(other.cid) })
		}
		got[string(mh)] = true
	}
	for i := range live {
		if !got[multihashOf(testBlock(t, i).cid)] {
			t.Errorf("block %d is missing", i)
		}
	}
	if got[multihashOf(testBlock(t, 200).cid)] || !got[multihashOf(other.cid)] {
		t.Errorf("private %v, with another hash %v; want the latter only", got[multihashOf(testBlock(t, 200).cid)], got[multihashOf(other.cid)])
	}
	for range s.Multihashes() {
		break // and its segment is let go: a sweep of all leaves no file
	}
	sweep(t, s, func(multihash.Multihash) bool { return false })
	if names, err := s.files.list(); err != nil || len(names) > 0 {
		t.Errorf("files %q, %v", names, err)
	}
}
