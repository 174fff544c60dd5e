package car_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/car"
)

func sum(t testing.TB, codec uint64, code uint64, data []byte) cid.Cid {
	t.Helper()
	mh, err := multihash.Sum(data, code, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(codec, mh)
}

func raw(t testing.TB, data string) cid.Cid {
	return sum(t, cid.Raw, multihash.SHA2_256, []byte(data))
}

func section(t testing.TB, data string) string {
	return string(car.SectionHead(raw(t, data), len(data))) + data
}

// wrap puts a CARv1 into a CARv2 with room before it and an index behind it.
func wrap(v1 string) string {
	h := make([]byte, 40)
	binary.LittleEndian.PutUint64(h[16:], 60)
	binary.LittleEndian.PutUint64(h[24:], uint64(len(v1)))
	binary.LittleEndian.PutUint64(h[32:], uint64(60+len(v1)))
	return "\x0a\xa1\x67version\x02" + string(h) + "padding.." + v1 + "\x00an index"
}

func blocks(r *car.Reader) (got []string, err error) {
	for {
		_, data, err := r.Next()
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got = append(got, string(data))
	}
}

func TestReader(t *testing.T) {
	v1 := string(car.Header(raw(t, "one"))) + section(t, "one") + section(t, "") + section(t, "three")
	for _, tt := range []struct {
		name, file string
		version    int
	}{
		{"CARv1", v1, 1},
		{"CARv2", wrap(v1), 2},
	} {
		for how, in := range map[string]io.Reader{
			"whole": strings.NewReader(tt.file), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.file)),
		} {
			r, err := car.NewReader(in, 5)
			if err != nil {
				t.Fatalf("%s, %s: %v", tt.name, how, err)
			}
			if r.Version != tt.version || len(r.Roots) != 1 || r.Roots[0] != raw(t, "one") {
				t.Errorf("%s, %s: CARv%d with roots %v", tt.name, how, r.Version, r.Roots)
			}
			if got, err := blocks(r); err != nil || fmt.Sprintf("%q", got) != `["one" "" "three"]` {
				t.Errorf("%s, %s: blocks %q, %v", tt.name, how, got, err)
			}
			if err := r.Drain(); err != nil {
				t.Errorf("%s, %s: Drain: %v", tt.name, how, err)
			}
			if n, err := in.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("%s, %s: %d bytes are left, %v", tt.name, how, n, err)
			}
		}
	}
}

// What is written is what the ecosystem reads, for CIDs short and long.
func TestWrittenIsRead(t *testing.T) {
	data := []byte("data")
	for _, root := range []cid.Cid{
		sum(t, cid.Raw, multihash.IDENTITY, []byte("x")),
		sum(t, cid.DagCBOR, multihash.IDENTITY, bytes.Repeat([]byte("x"), 17)), // 22 bytes: the last that fits into a byte
		sum(t, cid.DagCBOR, multihash.IDENTITY, bytes.Repeat([]byte("x"), 19)),
		cid.NewCidV0(raw(t, "data").Hash()),
		raw(t, "data"),
		sum(t, cid.DagCBOR, multihash.SHA2_512, data),
		sum(t, cid.Raw, multihash.IDENTITY, bytes.Repeat([]byte("x"), 128)),
		sum(t, cid.Raw, multihash.IDENTITY, bytes.Repeat([]byte("x"), 300)),
	} {
		file := car.Header(root)
		section := append(car.SectionHead(raw(t, "data"), len(data)), data...)
		if n := car.SectionSize(raw(t, "data"), len(data)); n != int64(len(section)) {
			t.Errorf("section has %d bytes, SectionSize says %d", len(section), n)
		}
		if c, got, ok := car.ParseSection(section); !ok || c != raw(t, "data") || string(got) != "data" {
			t.Errorf("ParseSection = %v, %q, %v", c, got, ok)
		}
		file = append(file, section...)
		theirs, err := carv2.NewBlockReader(bytes.NewReader(file))
		if err != nil || len(theirs.Roots) != 1 || theirs.Roots[0] != root {
			t.Fatalf("root %s: go-car reads %v, %v", root, theirs, err)
		}
		if b, err := theirs.Next(); err != nil || string(b.RawData()) != "data" {
			t.Errorf("root %s: go-car's block is %v, %v", root, b, err)
		}
		ours, err := car.NewReader(bytes.NewReader(file), 10)
		if err != nil || ours.Roots[0] != root {
			t.Errorf("root %s: read back as %v, %v", root, ours, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	head := string(car.Header(raw(t, "one")))
	v1 := head + section(t, "one")
	v2 := wrap(v1)
	for _, tt := range []struct{ name, file string }{
		{"empty", ""},
		{"not a CAR", "GIF89a..............................................................................................................."},
		{"header without end", "\xff\xff\xff"},
		{"header too long", "\xff\xff\xff\xff\x7f"},
		{"header of no bytes", "\x00"},
		{"header of version 3", strings.Replace(head, "version\x01", "version\x03", 1)},
		{"header without version", "\x0a\xa1\x65roots\x81\x01\x00"},
		{"header without roots", "\x0a\xa1\x67version\x01"},
		{"root that is a number", "\x12\xa2\x65roots\x81\x01\x67version\x01"},
		{"bytes behind the header's end", "\x3c" + head[1:] + "\x00\x00"},
		{"section without end", v1[:len(v1)-1]},
		{"section without data", head + section(t, "one")[:3]},
		{"section of no bytes", v1 + "\x00"},
		{"section too long", head + section(t, "eleven byte")},
		{"section far too long", head + "\xff\xff\xff\xff\x7f"},
		{"length that is not minimal", head + "\x80\x00"},
		{"length without end", head + "\x80"},
		{"CID that is none", head + "\x03abc"},
		{"CARv2 without header", v2[:20]},
		{"CARv2 without payload", v2[:55]},
		{"CARv2 cut in its payload", v2[:100]},
		{"CARv2 in a CARv2", wrap(v2)},
		{"CARv2 whose payload begins in its header", strings.Replace(v2, "\x3c\x00\x00", "\x10\x00\x00", 1)},
	} {
		r, err := car.NewReader(strings.NewReader(tt.file), 10)
		if err == nil {
			_, err = blocks(r)
		}
		if !errors.Is(err, car.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", tt.name, err)
		}
	}
}

// Older writers put the version first, which DAG-CBOR's order of keys forbids.
func TestVersionFirst(t *testing.T) {
	c := raw(t, "one").Bytes()
	head := "\xa2\x67version\x01\x65roots\x81\xd8\x2a\x58" + string(rune(len(c)+1)) + "\x00" + string(c)
	r, err := car.NewReader(strings.NewReader(string(rune(len(head)))+head+section(t, "one")), 10)
	if err != nil || len(r.Roots) != 1 || r.Roots[0] != raw(t, "one") {
		t.Errorf("NewReader = %+v, %v", r, err)
	}
}

// A body that breaks off is the sender's failure, and not a malformed CAR.
func TestBrokenOff(t *testing.T) {
	v1 := string(car.Header(raw(t, "one"))) + section(t, "one")
	for n := range v1 {
		in := io.MultiReader(strings.NewReader(v1[:n]), iotest.ErrReader(io.ErrUnexpectedEOF))
		r, err := car.NewReader(in, 10)
		if err == nil {
			_, err = blocks(r)
		}
		if err != io.ErrUnexpectedEOF {
			t.Errorf("after %d bytes: %v, want %v", n, err, io.ErrUnexpectedEOF)
		}
	}
}

func FuzzReader(f *testing.F) {
	v1 := string(car.Header(raw(f, "one"))) + section(f, "one") + section(f, "")
	f.Add([]byte(v1))
	f.Add([]byte(wrap(v1)))
	f.Add([]byte("\x0a\xa1\x67version\x01"))
	f.Add([]byte("\x12\xa2\x65roots\x81\x01\x67version\x01"))
	f.Add([]byte("\x01a\xff\xff\xff\xff\x0f"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		const most = 100
		r, err := car.NewReader(bytes.NewReader(file), most)
		if err != nil {
			if !errors.Is(err, car.ErrFormat) {
				t.Fatalf("NewReader: %v", err)
			}
			return
		}
		total := 0
		for {
			_, data, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				if !errors.Is(err, car.ErrFormat) {
					t.Fatalf("Next: %v", err)
				}
				break
			}
			if total += len(data); total > len(file) || len(data) > most {
				t.Fatalf("a block of %d bytes, %d in all, from a file of %d", len(data), total, len(file))
			}
		}
		if err := r.Drain(); err != nil {
			t.Fatalf("Drain: %v", err)
		}
	})
}
