package segment

import (
	"bytes"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/car"
)

// filled is a store's directory with blocks in one segment, as a killed process leaves it.
func filled(t testing.TB, blocks []block) *memFiles {
	t.Helper()
	d := newMemFiles()
	mustPut(t, openTest(t, d, Options{}), false, blocks...)
	return d.killed()
}

// withFile is a copy of d in which name has other contents.
func withFile(d *memFiles, name string, data []byte) *memFiles {
	d = d.killed()
	d.files[name] = &memFile{dir: d, name: name, data: data, synced: slices.Clone(data)}
	return d
}

// recordEnds scans a segment for where its records end; the first is the header.
func recordEnds(data []byte) []int {
	ends := []int{len(header)}
	c, _ := scan(bytes.NewReader(data), int64(len(data)), 0)
	for _, e := range c.entries {
		ends = append(ends, int(e.end()))
	}
	return ends
}

func TestTornTail(t *testing.T) {
	blocks := someBlocks(t, 0, 4)
	d := filled(t, blocks)
	data := d.files[dataName(0)].data
	ends := recordEnds(data)
	if len(ends) != 5 {
		t.Fatalf("%d records, want 4", len(ends)-1)
	}
	last := ends[3]
	for cut := last; cut < ends[4]; cut++ { // zeros fill the page
		flipped := slices.Clone(data)
		flipped[cut] ^= 0x10
		zeroed := slices.Clone(data)
		clear(zeroed[cut:])
		for name, torn := range map[string][]byte{"cut": data[:cut], "changed": flipped, "zeroed": zeroed} {
			if bytes.Equal(torn, data) {
				continue // it ended with zeros
			}
			d := withFile(d, dataName(0), slices.Clone(torn))
			s := openTest(t, d, Options{})
			check(t, s, true, blocks[:3]...)
			checkAbsent(t, s, true, blocks[3])
			if got := len(d.files[dataName(0)].data); got != last {
				t.Fatalf("%s at %d: segment of %d bytes after open, want %d", name, cut, got, last)
			}
			mustPut(t, s, false, blocks[3])
			s = openTest(t, d.killed(), Options{})
			check(t, s, true, blocks...)
		}
	}
}

func TestDamageInTheMiddle(t *testing.T) {
	blocks := someBlocks(t, 0, 5)
	// A user's block may hold records itself; a scan that lost its way must not take them for its own.
	inner := filled(t, someBlocks(t, 100, 102)).files[dataName(0)].data
	blocks[2] = newBlock(t, inner, 0x12)
	d := filled(t, blocks)
	data := d.files[dataName(0)].data
	ends := recordEnds(data)
	r := rand.New(rand.NewPCG(3, 3))
	for at := ends[1]; at < ends[3]; at++ {
		bad := slices.Clone(data)
		bad[at] ^= byte(1 + r.IntN(255))
		s := openTest(t, withFile(d, dataName(0), bad), Options{})
		hit := 1
		if at >= ends[2] {
			hit = 2
		}
		for i, x := range blocks {
			if i == hit {
				if got, err := s.Block(x.cid, true, nil); err == nil && !bytes.Equal(got, x.data) {
					t.Fatalf("damage at %d: wrong bytes", at)
				}
			} else {
				check(t, s, true, x)
			}
		}
	}
}

func TestHeaderDamaged(t *testing.T) {
	blocks := someBlocks(t, 0, 3)
	d := filled(t, blocks)
	bad := slices.Clone(d.files[dataName(0)].data)
	clear(bad[:len(header)])
	check(t, openTest(t, withFile(d, dataName(0), bad), Options{}), true, blocks...)
}

func TestIndexFile(t *testing.T) {
	blocks := someBlocks(t, 0, 6)
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, false, blocks[:5]...)
	mustPut(t, s, true, blocks[5])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good := d.files[indexName(0)].data

	// With an index, opening reads no data.
	same := d.killed()
	same.hook = func(op, name string) fault {
		if op == "read" && name == dataName(0) {
			return notApplied
		}
		return noFault
	}
	openTest(t, same, Options{})

	for name, bad := range map[string][]byte{"missing": nil, "empty": {}, "short": good[:len(good)-1], "footer only": good[len(good)-footerSize:]} {
		d := withFile(d, indexName(0), bad)
		if name == "missing" {
			delete(d.files, indexName(0))
		}
		s := openTest(t, d, Options{})
		check(t, s, true, blocks[:5]...)
		check(t, s, false, blocks[5])
		checkAbsent(t, s, true, blocks[5])
		if !bytes.Equal(d.files[indexName(0)].data, good) {
			t.Errorf("%s index was not made again", name)
		}
	}
	for at := range good {
		bad := slices.Clone(good)
		bad[at] ^= 0x40
		s := openTest(t, withFile(d, indexName(0), bad), Options{})
		check(t, s, true, blocks[:5]...)
		checkAbsent(t, s, true, blocks[5])
	}
	// An index that promises more than there is.
	short := d.files[dataName(0)].data
	short = short[:recordEnds(short)[5]+3]
	s = openTest(t, withFile(d, dataName(0), slices.Clone(short)), Options{})
	check(t, s, true, blocks[:5]...)
	checkAbsent(t, s, false, blocks[5])
}

// An index of the time before there were pages is replaced.
func TestOldIndex(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, false, someBlocks(t, 0, 5)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good := d.files[indexName(0)].data
	d = withFile(d, indexName(0), slices.Concat(oldMagic, make([]byte, 200)))
	if _, _, err := openIndex(d, 0, 1<<20); !errors.Is(err, errOldIndex) {
		t.Errorf("openIndex = %v, want %v", err, errOldIndex)
	}
	check(t, openTest(t, d, Options{}), true, someBlocks(t, 0, 5)...)
	if !bytes.Equal(d.files[indexName(0)].data, good) {
		t.Error("the old index was not replaced")
	}
}

func TestDamagedBlock(t *testing.T) {
	blocks := someBlocks(t, 0, 3)
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, false, blocks...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(d.files[dataName(0)].data)
	bad[recordEnds(bad)[2]-1] ^= 1 // in the data of the second block
	d = withFile(d, dataName(0), bad)
	s = openTest(t, d, Options{})
	for range 2 {
		if _, err := s.Block(blocks[1].cid, true, nil); !errors.Is(err, ErrDamaged) {
			t.Fatalf("Block = %v, want %v", err, ErrDamaged)
		}
		if _, ok := s.Has(blocks[1].cid, true); ok {
			t.Fatal("Has says that the damaged block is here")
		}
	}
	mustPut(t, s, false, blocks[1]) // not taken for stored
	check(t, s, true, blocks...)
	s = openTest(t, d.killed(), Options{})
	check(t, s, true, blocks...)
}

// A read that fails is no proof of damage: it may succeed the next time.
func TestReadError(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	x := testBlock(t, 1)
	mustPut(t, s, false, x)
	if err := s.sealActive(); err != nil { // its last page is in memory
		t.Fatal(err)
	}
	d.hook = func(op, _ string) fault {
		if op == "read" {
			return notApplied
		}
		return noFault
	}
	if _, err := s.Block(x.cid, true, nil); !errors.Is(err, errFault) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotFound) {
		t.Errorf("Block = %v, want %v", err, errFault)
	}
	d.hook = nil
	check(t, s, true, x)
}

func TestJunkIsSetAside(t *testing.T) {
	d := newMemFiles()
	d.files[dataName(3)] = &memFile{dir: d, name: dataName(3), data: make([]byte, MaxBlock+4096)}
	d.files[dataName(4)] = &memFile{dir: d, name: dataName(4), data: slices.Clone(header)}
	d.files[indexName(5)] = &memFile{dir: d, name: indexName(5)}
	d.files[indexName(6)+".tmp"] = &memFile{dir: d, name: indexName(6) + ".tmp"}
	s := openTest(t, d, Options{})
	mustPut(t, s, false, testBlock(t, 1))
	names, err := d.list()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{dataName(3) + ".bad", dataName(5)}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
}

func FuzzScan(f *testing.F) {
	f.Add(filled(f, someBlocks(f, 0, 3)).files[dataName(0)].data)
	f.Add(slices.Clone(header))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := scan(bytes.NewReader(data), int64(len(data)), 9)
		if err != nil {
			t.Errorf("scan = %v", err)
		}
		end, skipped := c.end, c.skipped
		if end > int64(len(data)) || skipped < 0 || skipped > int64(len(data)) {
			t.Errorf("scan of %d bytes: end %d, skipped %d", len(data), end, skipped)
		}
		at := int64(len(header))
		for _, e := range c.entries {
			if int64(e.off) < at || e.end() > end {
				t.Errorf("record at %d+%d after %d, end %d", e.off, e.end()-int64(e.off), at, end)
			}
			at = e.end()
		}
	})
}

// A file that is closed is not taken for one that is synced.
func TestSyncAfterClose(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	if err := (&osFile{File: f}).Sync(); err != nil {
		t.Errorf("Sync = %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := (&osFile{File: f}).Sync(); err == nil {
		t.Error("Sync after Close succeeded")
	}
}

// A scan that lost its way must not believe a record that a user's data contains:
// this one says that a private block is public.
func TestForgedRecord(t *testing.T) {
	secret := testBlock(t, 1)
	head := car.SectionHead(secret.cid, 5)
	section := append(slices.Clone(head), "wrong"...)
	m := mark{length: uint32(len(section)), crc: crc32.Checksum(section, castagnoli)}.encode()
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, true, secret)
	mustPut(t, s, false, newBlock(t, append(m[:], section...), multihash.SHA2_256), testBlock(t, 2))
	d = d.killed()
	bad := slices.Clone(d.files[dataName(0)].data)
	bad[recordEnds(bad)[1]+1] ^= 1 // in the mark of the block that holds the forgery
	s = openTest(t, withFile(d, dataName(0), bad), Options{})
	checkAbsent(t, s, true, secret)
	if _, ok := s.Has(secret.cid, true); ok {
		t.Error("a forged record makes a private block public")
	}
	check(t, s, false, secret, testBlock(t, 2))
}

// No bit of a record can change unnoticed by one who trusts its CRC.
func TestStoredNoticesEveryBit(t *testing.T) {
	x := testBlock(t, 1)
	d := filled(t, []block{testBlock(t, 0), x})
	openTest(t, d, Options{}) // gives the segment its index
	data := d.files[dataName(0)].data
	ends := recordEnds(data)
	for off := ends[1]; off < ends[2]; off++ {
		for bit := range 8 {
			data[off] ^= 1 << bit
			got, err := openTest(t, d.killed(), Options{}).Stored(x.cid, true, nil)
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("bit %d at %d of the record changed: Stored = %d bytes, %v; want %v", bit, off-ends[1], len(got), err, ErrDamaged)
			}
			data[off] ^= 1 << bit
		}
	}
}
