package segment_test

// A reader of the block store's files that was written from docs/format.md, and
// shares nothing with the package.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"strings"
	"testing"
)

var (
	le      = binary.LittleEndian
	table   = crc32.MakeTable(crc32.Castagnoli)
	carHead = unhex("29 a2 65 726f6f7473 81 d8 2a 55 00 01 55 00 10 776879706673207365676d656e742031 67 76657273696f6e 01")
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func crc(b []byte) uint32 { return crc32.Checksum(b, table) }

type docRecord struct {
	key            string
	other, private bool
	off, size      uint32
	head           byte
	multihash      string
	data           []byte
}

func (r docRecord) entry() []byte {
	b := append([]byte(r.key), make([]byte, 8)...)
	le.PutUint32(b[32:], r.off)
	le.PutUint32(b[36:], r.size)
	return append(b, r.head, docFlags(r.private, r.other))
}

func docFlags(private, other bool) (f byte) {
	if private {
		f |= 1
	}
	if other {
		f |= 2
	}
	return f
}

type docVerdict struct {
	key            string
	other, private bool
	off            uint32
}

func (v docVerdict) entry() []byte {
	b := append([]byte(v.key), make([]byte, 4)...)
	le.PutUint32(b[32:], v.off)
	return append(b, docFlags(v.private, v.other), 0, 0, 0)
}

type docSegment struct {
	records  []docRecord
	verdicts []docVerdict
	trailer  []byte
	end      int
}

// own reads the store's own section with n bytes of data at off.
func own(b []byte, off, n int) ([]byte, bool) {
	size := 1 + 4 + 2*n
	if off+size > len(b) || !bytes.Equal(b[off:off+5], []byte{byte(4 + 2*n), 1, 0x55, 0, byte(n)}) {
		return nil, false
	}
	one, two := b[off+5:off+5+n], b[off+5+n:off+size]
	return one, bytes.Equal(one, two)
}

// docSegmentOf reads a segment, "in step": nothing in it is damaged.
func docSegmentOf(t *testing.T, b []byte) (s docSegment) {
	t.Helper()
	if !bytes.HasPrefix(b, carHead) {
		t.Fatalf("the segment begins with %x", b[:min(len(b), 50)])
	}
	off := len(carHead)
	for {
		if d, ok := own(b, off, 30); ok {
			if d[0] != 'T' || d[1] != 1 || le.Uint32(d[26:]) != crc(d[:26]) || le.Uint64(d[14:]) != uint64(off) {
				t.Fatalf("trailer %x at %d", d, off)
			}
			s.trailer, s.end = d, off+65
			return s
		}
		if d, ok := own(b, off, 38); ok {
			if d[0] != 'V' || d[1] > 3 || le.Uint32(d[34:]) != crc(d[:34]) {
				t.Fatalf("verdict %x at %d", d, off)
			}
			s.verdicts = append(s.verdicts, docVerdict{string(d[2:34]), d[1]&2 != 0, d[1]&1 != 0, uint32(off)})
			off += 81
			continue
		}
		d, ok := own(b, off, 13)
		if !ok || le.Uint32(d[9:]) != crc(d[:9]) || off+31+int(le.Uint32(d[1:])) > len(b) {
			s.end = off
			return s
		}
		section := b[off+31:][:le.Uint32(d[1:])]
		if le.Uint32(d[5:]) != crc(section) {
			s.end = off
			return s
		}
		r := docBlock(t, section)
		r.off, r.private = uint32(off), d[0]&1 != 0
		r.head = byte(31 + len(section) - len(r.data))
		s.records = append(s.records, r)
		off += 31 + len(section)
	}
}

// docBlock takes a section apart: varint, CID, data.
func docBlock(t *testing.T, section []byte) (r docRecord) {
	t.Helper()
	n, k := binary.Uvarint(section)
	if k <= 0 || int(n) != len(section)-k {
		t.Fatalf("section of %d bytes says it has %d", len(section)-k, n)
	}
	mh := section[k:]
	if mh[0] != 0x12 { // not a CIDv0, which is a bare multihash
		for range 2 {
			_, k := binary.Uvarint(mh)
			mh = mh[k:]
		}
	}
	code, k1 := binary.Uvarint(mh)
	length, k2 := binary.Uvarint(mh[k1:])
	r.multihash = string(mh[:k1+k2+int(length)])
	r.data = mh[len(r.multihash):]
	r.size = uint32(len(r.data))
	if r.other = code != 0x12 || length != 32; r.other {
		sum := sha256.Sum256([]byte(r.multihash))
		r.key = string(sum[:])
		return r
	}
	r.key = r.multihash[2:]
	if sum := sha256.Sum256(r.data); string(sum[:]) != r.key {
		t.Fatalf("a block does not have its hash")
	}
	return r
}

// checkTrailer wants the trailer to count what the segment has.
func (s docSegment) checkTrailer(t *testing.T, id uint32) {
	t.Helper()
	var all []byte
	for _, r := range s.records {
		all = append(all, r.entry()...)
	}
	for _, v := range s.verdicts {
		all = append(all, v.entry()...)
	}
	d := s.trailer
	if d == nil || le.Uint32(d[2:]) != id || int(le.Uint32(d[6:])) != len(s.records) ||
		int(le.Uint32(d[10:])) != len(s.verdicts) || le.Uint32(d[22:]) != crc(all) {
		t.Errorf("segment %d: trailer %x, want %d records and %d verdicts with CRC %x", id, d, len(s.records), len(s.verdicts), crc(all))
	}
}

type docIndex struct {
	footer, tail []byte
	pages        [][]byte
}

func docIndexOf(t *testing.T, b []byte, id uint32) (x docIndex) {
	t.Helper()
	x.footer = b[len(b)-96:]
	f := x.footer
	pages := int(le.Uint32(f[12:]))
	tail := pages*8 + int(le.Uint32(f[28:]))*2 + int(le.Uint32(f[40:]))*40
	if string(f[:8]) != "WPFSIDX2" || le.Uint32(f[92:]) != crc(f[:92]) || le.Uint32(f[8:]) != id || len(b) != pages*4096+tail+96 {
		t.Fatalf("index of %d bytes with footer %x", len(b), f)
	}
	x.tail = b[pages*4096:][:tail]
	if crc(x.tail) != le.Uint32(f[76:]) {
		t.Fatal("wrong CRC of the tail")
	}
	for n := range pages {
		p := b[n*4096:][:4096]
		if le.Uint32(p[4092:]) != crc(p[:4092]) || le.Uint32(p[4084:]) != uint32(n) || le.Uint32(p[4088:]) != id {
			t.Fatalf("page %d: numbers %x", n, p[4080:])
		}
		if !bytes.Equal(x.tail[n*8:][:8], p[:8]) {
			t.Errorf("page %d begins with %x, the tail says %x", n, p[:8], x.tail[n*8:][:8])
		}
		x.pages = append(x.pages, p)
	}
	return x
}

// find looks a block up as the document says, and returns its entries.
func (x docIndex) find(r docRecord) (found [][]byte) {
	if !x.mayHave(r) {
		return nil
	}
	want := binary.BigEndian.Uint64([]byte(r.key))
	prefix := func(n int) uint64 { return binary.BigEndian.Uint64(x.tail[n*8:]) }
	first := 0
	for n := range x.pages {
		if prefix(n) < want {
			first = n
		}
	}
	for n := first; n < len(x.pages) && prefix(n) <= want; n++ {
		for i := range le.Uint32(x.pages[n][4080:]) {
			e := x.pages[n][i*42:][:42]
			if string(e[:32]) == r.key && e[41]&2 != 0 == r.other {
				found = append(found, e)
			}
		}
	}
	return found
}

func (x docIndex) mayHave(r docRecord) bool {
	f := x.footer
	count, l, c, seed := le.Uint32(f[28:]), le.Uint32(f[32:]), le.Uint32(f[36:]), le.Uint64(f[68:])
	if count == 0 {
		return true
	}
	k := binary.BigEndian.Uint64([]byte(r.key))
	if r.other {
		k = ^k
	}
	h := k + seed
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	hi, _ := bits.Mul64(h, uint64(c*l))
	at := uint32(hi)
	print := func(i uint32) uint16 { return le.Uint16(x.tail[len(x.pages)*8+int(i)*2:]) }
	return uint16(h^h>>32) == print(at)^print((at+l)^(uint32(h>>18)&(l-1)))^print((at+2*l)^(uint32(h)&(l-1)))
}

// check wants the index to say what is in the segment.
func (x docIndex) check(t *testing.T, s docSegment) {
	t.Helper()
	f := x.footer
	var bytesOf, public uint64
	for _, r := range s.records {
		bytesOf += uint64(r.size)
		if !r.private {
			public++
		}
		if got := x.find(r); !slices.ContainsFunc(got, func(e []byte) bool { return bytes.Equal(e, r.entry()) }) {
			t.Errorf("record at %d: the index has %x", r.off, got)
		}
	}
	var verdicts []byte
	for _, v := range s.verdicts {
		verdicts = append(verdicts, v.entry()...)
	}
	if !bytes.HasSuffix(x.tail, verdicts) || int(le.Uint32(f[40:])) != len(s.verdicts) {
		t.Errorf("verdicts %x, want %x", x.tail[len(x.tail)-len(verdicts):], verdicts)
	}
	got := fmt.Sprint(le.Uint32(f[16:]), le.Uint32(f[20:]), le.Uint32(f[24:]), le.Uint64(f[44:]), le.Uint64(f[52:]), le.Uint64(f[60:]))
	if want := fmt.Sprint(len(s.records), len(s.records), public, bytesOf, s.end, 0); got != want {
		t.Errorf("footer counts %s, want %s", got, want)
	}
}
