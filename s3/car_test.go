package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/s3"
)

// A block of a CAR.
type ipld struct {
	cid  cid.Cid
	data string
}

func newIPLD(t *testing.T, codec uint64, data string) ipld {
	t.Helper()
	mh, err := multihash.Sum([]byte(data), multihash.SHA2_256, -1)
	must(t, err)
	return ipld{cid.NewCidV1(codec, mh), data}
}

func newCAR(root ipld, blocks ...ipld) string {
	b := car.Header(root.cid)
	for _, x := range blocks {
		b = append(append(b, car.SectionHead(x.cid, len(x.data))...), x.data...)
	}
	return string(b)
}

// fileOf is a UnixFS file of raw leaves, each under 128 bytes.
func fileOf(t *testing.T, leaves ...ipld) ipld {
	var links, sizes []byte
	total := 0
	for _, l := range leaves {
		link := append([]byte{0x0a, byte(l.cid.ByteLen())}, l.cid.Bytes()...)
		link = append(link, 0x12, 0, 0x18, byte(len(l.data)))
		links = append(append(links, 0x12, byte(len(link))), link...)
		sizes = append(sizes, 0x20, byte(len(l.data)))
		total += len(l.data)
	}
	fs := append(binary.AppendUvarint([]byte{8, 2, 0x18}, uint64(total)), sizes...)
	return newIPLD(t, cid.DagProtobuf, string(links)+string([]byte{0x0a, byte(len(fs))})+string(fs))
}

// linkTo is a DAG-CBOR link.
func linkTo(t *testing.T, to ipld) ipld {
	return newIPLD(t, cid.DagCBOR, "\xd8\x2a\x58\x25\x00"+string(to.cid.Bytes()))
}

func crc32c(s string) string {
	sum := crc32.Checksum([]byte(s), crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestPutCAR(t *testing.T) {
	a := *newAPI(t, s3.Options{})
	one, two := newIPLD(t, cid.Raw, "one "), newIPLD(t, cid.Raw, "two")
	file := fileOf(t, one, two)
	list := linkTo(t, file)
	for _, tt := range []struct {
		name, car string
		root      ipld
		kind      string // of the upload
		wantKind  string
		body      string
	}{
		{"file", newCAR(file, one, two, file), file, "text/plain", "text/plain", "one two"},
		{"file sent as a CAR", newCAR(file, file, one, two), file, car.MediaType + "; version=1", "binary/octet-stream", "one two"},
		{"leaf", newCAR(two, two), two, "", "binary/octet-stream", "two"},
		{"dag", newCAR(list, two, one, file, list), list, "text/plain", car.MediaType, newCAR(list, list, file, one, two)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := a
			a.t = t
			h := headers{"x-amz-meta-import": "car", "x-amz-meta-who": "me", "x-amz-checksum-crc32c": crc32c(tt.car)}
			if tt.kind != "" {
				h["Content-Type"] = tt.kind
			}
			put := a.ok("PUT", "/box/key", h, tt.car)
			sum := md5.Sum([]byte(tt.car))
			etag := `"` + md5Hex(string(sum[:])) + `-1"`
			if put.header.Get("ETag") != etag || put.header.Get("x-amz-meta-cid") != tt.root.cid.String() ||
				put.header.Get("x-amz-checksum-crc32c") != h["x-amz-checksum-crc32c"] {
				t.Errorf("PUT answers %v", put.header)
			}
			for _, method := range []string{"HEAD", "GET"} {
				got := a.ok(method, "/box/key", headers{"x-amz-checksum-mode": "ENABLED"}, "")
				for name, want := range map[string]string{
					"ETag": etag, "x-amz-meta-cid": tt.root.cid.String(), "x-amz-meta-import": "car", "x-amz-meta-who": "me",
					"Content-Type": tt.wantKind, "Content-Length": fmt.Sprint(len(tt.body)),
					"x-amz-checksum-crc32c": "", "x-amz-checksum-crc64nvme": "", // they would be of other bytes
				} {
					if v := got.header.Get(name); v != want {
						t.Errorf("%s: %s = %q, want %q", method, name, v, want)
					}
				}
				if method == "GET" && got.body != tt.body {
					t.Errorf("GET = %q, want %q", got.body, tt.body)
				}
			}
			got := a.do("GET", "/box/key", headers{"Range": "bytes=-2"}, "")
			if got.status != 206 || got.body != tt.body[len(tt.body)-2:] {
				t.Errorf("last bytes: %d %q", got.status, got.body)
			}
			a.ok("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/key"}, "")
			if got := a.ok("GET", "/box/copy", nil, ""); got.body != tt.body || got.header.Get("Content-Type") != tt.wantKind {
				t.Errorf("copy = %q, %v", got.body, got.header)
			}
			if got := a.ok("GET", "/box/key?partNumber=1", nil, ""); got.body != tt.body {
				t.Errorf("part 1 = %q", got.body)
			}
		})
	}
}

func TestPutCARRefused(t *testing.T) {
	a := newAPI(t, s3.Options{})
	one, two := newIPLD(t, cid.Raw, "one"), newIPLD(t, cid.Raw, "two")
	file := fileOf(t, one, two)
	bad := newCAR(file, file, one, ipld{two.cid, "tWo"})
	for _, tt := range []struct{ name, body, message string }{
		{"not a CAR", "hello", "malformed CAR"},
		{"incomplete", newCAR(file, file, one), two.cid.String()},
		{"bad block", bad, two.cid.String()},
		{"cut", newCAR(one, one)[:62], "ends too early"},
	} {
		h := headers{"x-amz-meta-import": "CAR"}
		if r := a.fails("PUT", "/box/key", h, tt.body, 400, "InvalidRequest"); !strings.Contains(r.body, tt.message) {
			t.Errorf("%s: %s", tt.name, r.body)
		}
		a.absent("/box/key")
	}
	// A whole CAR whose sums are wrong is not stored either.
	whole := newCAR(one, one)
	a.fails("PUT", "/box/key", headers{"x-amz-meta-import": "car", "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, whole, 400, "BadDigest")
	a.fails("PUT", "/box/key", headers{"x-amz-meta-import": "car", "x-amz-checksum-crc32": "AAAAAA=="}, whole, 400, "BadDigest")
	a.absent("/box/key")
	// Of other values the metadata is just metadata.
	a.ok("PUT", "/box/key", headers{"x-amz-meta-import": "zip"}, whole)
	if got := a.ok("GET", "/box/key", nil, ""); got.body != whole {
		t.Errorf("GET = %q", got.body)
	}
}

func TestMultipartCAR(t *testing.T) {
	a := newAPI(t, s3.Options{})
	var leaves []ipld
	for i := range 6 {
		leaves = append(leaves, newIPLD(t, cid.Raw, strings.Repeat(string(rune('a'+i)), 1<<20)))
	}
	list := linkTo(t, leaves[0])
	root := newIPLD(t, cid.DagCBOR, "\x86"+func() (s string) {
		for _, l := range leaves {
			s += "\xd8\x2a\x58\x25\x00" + string(l.cid.Bytes())
		}
		return s
	}())
	whole := newCAR(root, append([]ipld{root}, leaves...)...)
	cutAt := 5<<20 + 17 // within a block

	upload := func(body string) (id string, parts []string) {
		r := a.ok("POST", "/box/key?uploads", headers{"x-amz-meta-import": "car"}, "")
		_, id, _ = strings.Cut(r.body, "<UploadId>")
		id, _, _ = strings.Cut(id, "<")
		for i, part := range []string{body[:cutAt], body[cutAt:]} {
			p := a.ok("PUT", fmt.Sprintf("/box/key?uploadId=%s&partNumber=%d", id, i+1), nil, part)
			if p.header.Get("ETag") != `"`+md5Hex(part)+`"` {
				t.Errorf("part %d has ETag %s", i+1, p.header.Get("ETag"))
			}
			parts = append(parts, fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, md5Hex(part)))
		}
		return id, parts
	}
	complete := func(parts []string) string {
		return "<CompleteMultipartUpload>" + strings.Join(parts, "") + "</CompleteMultipartUpload>"
	}

	id, parts := upload(whole + "trash")
	a.fails("POST", "/box/key?uploadId="+id, nil, complete(parts), 400, "InvalidRequest")
	a.absent("/box/key")
	a.ok("DELETE", "/box/key?uploadId="+id, nil, "")

	id, parts = upload(whole + string(car.SectionHead(list.cid, len(list.data))) + list.data) // not reached from the root
	for range 2 {                                                                             // completing again gives the same
		r := a.ok("POST", "/box/key?uploadId="+id, nil, complete(parts))
		if r.header.Get("x-amz-meta-cid") != root.cid.String() {
			t.Errorf("Complete answers %v", r.header)
		}
	}
	got := a.ok("GET", "/box/key", nil, "")
	if got.body != whole || !strings.HasSuffix(got.header.Get("ETag"), `-2"`) || got.header.Get("x-amz-meta-cid") != root.cid.String() {
		t.Errorf("GET: %d bytes of %d, %v", len(got.body), len(whole), got.header)
	}
	a.fails("GET", "/box/key?partNumber=2", nil, "", 416, "InvalidPartNumber")

	// A part is a copy of the bytes that the object has.
	r := a.ok("POST", "/box/copy?uploads", nil, "")
	_, id, _ = strings.Cut(r.body, "<UploadId>")
	id, _, _ = strings.Cut(id, "<")
	r = a.ok("PUT", "/box/copy?partNumber=1&uploadId="+id, headers{"x-amz-copy-source": "/box/key", "x-amz-copy-source-range": "bytes=10-99"}, "")
	if want := md5Hex(whole[10:100]); !strings.Contains(r.body, want) {
		t.Errorf("copied part: %s, want ETag %s", r.body, want)
	}
	if !bytes.Contains([]byte(a.ok("GET", "/box/?list-type=2", nil, "").body), fmt.Appendf(nil, "<Size>%d</Size>", len(whole))) {
		t.Error("the listing has another size")
	}
}
