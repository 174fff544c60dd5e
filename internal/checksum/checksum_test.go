package checksum_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/whypfs/whypfs/internal/checksum"
)

func sum(t testing.TB, name string, data []byte) string {
	t.Helper()
	h, ok := checksum.New(name)
	if !ok {
		t.Fatalf("New(%q) knows nothing", name)
	}
	h.Write(data)
	return checksum.Encode(h.Sum(nil))
}

// TestCheckValues: "123456789" is the check input of the CRC catalogues; the
// digests were made with another implementation.
func TestCheckValues(t *testing.T) {
	for name, want := range map[string]string{
		checksum.CRC32:     "y/Q5Jg==",     // cbf43926
		checksum.CRC32C:    "4waSgw==",     // e3069283
		checksum.CRC64NVME: "rosUhgp5mIg=", // ae8b14860a799888
		checksum.SHA1:      "98O8HYCOBHMq32eZZczDTKeuNEE=",
		checksum.SHA256:    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
		checksum.SHA512:    "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==",
		checksum.MD5:       "JfnnlDI7RTiF9RgfG2JNCw==",
	} {
		if got := sum(t, name, []byte("123456789")); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}

// TestAgreesWithMinio compares every algorithm with another implementation of
// the S3 client side: name, header and sum.
func TestAgreesWithMinio(t *testing.T) {
	data := []byte("the same bytes on both sides")
	theirs := map[string]minio.ChecksumType{
		checksum.CRC32: minio.ChecksumCRC32, checksum.CRC32C: minio.ChecksumCRC32C, checksum.CRC64NVME: minio.ChecksumCRC64NVME,
		checksum.SHA1: minio.ChecksumSHA1, checksum.SHA256: minio.ChecksumSHA256, checksum.SHA512: minio.ChecksumSHA512,
		checksum.MD5: minio.ChecksumMD5, checksum.XXHash64: minio.ChecksumXXHash64,
		checksum.XXHash3: minio.ChecksumXXHash3, checksum.XXHash128: minio.ChecksumXXHash128,
	}
	if len(theirs) != len(checksum.Names()) {
		t.Errorf("%d algorithms compared, %d known", len(theirs), len(checksum.Names()))
	}
	for _, name := range checksum.Names() {
		c := theirs[name]
		if got, want := sum(t, name, data), c.ChecksumBytes(data).Encoded(); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
		if c.Key() != checksum.Header(name) || c.String() != name {
			t.Errorf("%s has header %s, want %s of %s", name, checksum.Header(name), c.Key(), c)
		}
		if got, ok := checksum.Canonical(strings.ToLower(name)); !ok || got != name {
			t.Errorf("Canonical(%q) = %q, %v", strings.ToLower(name), got, ok)
		}
	}
}

// TestFullObject cuts data anywhere, also into empty parts, and compares the
// combined sum with that of the bytes.
func TestFullObject(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{checksum.CRC32, checksum.CRC32C, checksum.CRC64NVME} {
		for range 200 {
			data := make([]byte, random.IntN(5000))
			for i := range data {
				data[i] = byte(random.Uint32())
			}
			var parts []checksum.Part
			for rest := data; ; {
				n := random.IntN(len(rest) + 1)
				if len(parts) == 9 {
					n = len(rest)
				}
				parts = append(parts, checksum.Part{Sum: sum(t, name, rest[:n]), Size: int64(n)})
				if rest = rest[n:]; len(rest) == 0 {
					break
				}
			}
			got, err := checksum.FullObject(name, parts)
			if want := sum(t, name, data); err != nil || got != want {
				t.Fatalf("%s of %d bytes in %v = %s, %v, want %s", name, len(data), parts, got, err, want)
			}
		}
	}
}

// TestFullObjectLarge: lengths beyond 32 bits, against zeros hashed for real
// by doubling.
func TestFullObjectLarge(t *testing.T) {
	for _, name := range []string{checksum.CRC32, checksum.CRC32C, checksum.CRC64NVME} {
		block := bytes.Repeat([]byte{0}, 1<<20)
		part := checksum.Part{Sum: sum(t, name, block), Size: 1 << 20}
		many := make([]checksum.Part, 1<<13) // 8 GiB by addition
		for i := range many {
			many[i] = part
		}
		want, err := checksum.FullObject(name, many)
		if err != nil {
			t.Fatal(err)
		}
		for part.Size < 8<<30 { // and by doubling
			s, err := checksum.FullObject(name, []checksum.Part{part, part})
			if err != nil {
				t.Fatal(err)
			}
			part = checksum.Part{Sum: s, Size: part.Size * 2}
		}
		if part.Sum != want {
			t.Errorf("%s of 8 GiB: %s by doubling, %s by addition", name, part.Sum, want)
		}
	}
}

func TestComposite(t *testing.T) {
	a, b := []byte("part one"), []byte("part two")
	for _, name := range checksum.Names() {
		got, err := checksum.Composite(name, []string{sum(t, name, a), sum(t, name, b)})
		if name == checksum.CRC64NVME {
			if !errors.Is(err, checksum.ErrType) {
				t.Errorf("composite %s: %v, want ErrType", name, err)
			}
			continue
		}
		h, _ := checksum.New(name)
		for _, data := range [][]byte{a, b} {
			p, _ := checksum.New(name)
			p.Write(data)
			h.Write(p.Sum(nil))
		}
		if want := checksum.Encode(h.Sum(nil)) + "-2"; err != nil || got != want {
			t.Errorf("composite %s = %s, %v, want %s", name, got, err, want)
		}
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		name            string
		full, composite bool
		def             checksum.Type
	}{
		{checksum.CRC32, true, true, checksum.TypeComposite},
		{checksum.CRC32C, true, true, checksum.TypeComposite},
		{checksum.CRC64NVME, true, false, checksum.TypeFullObject},
		{checksum.SHA1, false, true, checksum.TypeComposite},
		{checksum.SHA256, false, true, checksum.TypeComposite},
		{"CRC16", false, false, ""},
	} {
		full, composite := checksum.Allows(c.name, checksum.TypeFullObject), checksum.Allows(c.name, checksum.TypeComposite)
		if full != c.full || composite != c.composite || checksum.DefaultType(c.name) != c.def || checksum.Allows(c.name, "") {
			t.Errorf("%s: full %v, composite %v, default %q", c.name, full, composite, checksum.DefaultType(c.name))
		}
	}
	for _, name := range []string{checksum.SHA1, checksum.SHA256, checksum.MD5, "CRC16"} {
		if _, err := checksum.FullObject(name, nil); !errors.Is(err, checksum.ErrType) {
			t.Errorf("full object %s: %v, want ErrType", name, err)
		}
	}
	if _, err := checksum.FullObject(checksum.CRC32, []checksum.Part{{Sum: "AAAA", Size: 3}}); !errors.Is(err, checksum.ErrValue) {
		t.Errorf("malformed part sum: %v", err)
	}
	if _, err := checksum.FullObject(checksum.CRC32, []checksum.Part{{Sum: "AAAAAA==", Size: -1}}); !errors.Is(err, checksum.ErrValue) {
		t.Errorf("negative part size: %v", err)
	}
	if _, err := checksum.Composite(checksum.CRC32, []string{"AAAA"}); !errors.Is(err, checksum.ErrValue) {
		t.Errorf("malformed part sum: %v", err)
	}
}

func TestFromHeader(t *testing.T) {
	for _, c := range []struct {
		header, name, value string
		err                 error
		complete            error // of FromComplete
	}{
		{"", "", "", nil, nil},
		{"x-amz-checksum-algorithm: CRC32\nx-amz-checksum-type: COMPOSITE\nx-amz-checksum-mode: ENABLED", "", "", nil, nil},
		{"x-amz-checksum-crc32: y/Q5Jg==", "CRC32", "y/Q5Jg==", nil, nil},
		{"x-amz-checksum-crc64nvme: rosUhgp5mIg=", "CRC64NVME", "rosUhgp5mIg=", nil, nil},
		{"x-amz-checksum-crc32: y/Q5Jg==\nx-amz-checksum-sha1: 98O8HYCOBHMq1cgpQfAWt1eUt6A=", "", "", checksum.ErrMany, checksum.ErrMany},
		{"x-amz-checksum-crc32: y/Q5Jg==\nx-amz-checksum-crc32: y/Q5Jg==", "", "", checksum.ErrMany, checksum.ErrMany},
		{"x-amz-checksum-crc16: y/Q5Jg==", "", "", checksum.ErrUnknown, checksum.ErrUnknown},
		{"x-amz-checksum-: y/Q5Jg==", "", "", checksum.ErrUnknown, checksum.ErrUnknown},
		{"x-amz-checksum-crc32: cbf43926", "", "", checksum.ErrValue, checksum.ErrValue},
		{"x-amz-checksum-crc32: y/Q5Jg", "", "", checksum.ErrValue, checksum.ErrValue},
		{"x-amz-checksum-crc32: y/Q5Jh==", "", "", checksum.ErrValue, checksum.ErrValue}, // stray bits
		{"x-amz-checksum-crc32:", "", "", checksum.ErrValue, checksum.ErrValue},
		{"x-amz-checksum-crc32: y/Q5Jg==-3", "CRC32", "y/Q5Jg==-3", checksum.ErrValue, nil},
		{"x-amz-checksum-crc32: y/Q5Jg==-0", "", "", checksum.ErrValue, checksum.ErrValue},
		{"x-amz-checksum-crc32: y/Q5Jg==-", "", "", checksum.ErrValue, checksum.ErrValue},
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(c.header, "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				h.Add(name, strings.TrimSpace(value))
			}
		}
		check := func(what, name, value string, err, wantErr error) {
			t.Helper()
			if !errors.Is(err, wantErr) || err == nil && (name != c.name || value != c.value) {
				t.Errorf("%s(%q) = %q, %q, %v, want %q, %q, %v", what, c.header, name, value, err, c.name, c.value, wantErr)
			}
		}
		name, value, err := checksum.FromHeader(h)
		check("FromHeader", name, value, err, c.err)
		name, value, err = checksum.FromComplete(h)
		check("FromComplete", name, value, err, c.complete)
	}
}

func TestUnknown(t *testing.T) {
	if h, ok := checksum.New("CRC16"); ok || h != nil || checksum.Header("CRC16") != "" {
		t.Error("CRC16 is known")
	}
	if name, ok := checksum.Canonical("crc16"); ok || name != "" {
		t.Error("CRC16 is known")
	}
	if err := checksum.Valid("CRC16", "AAAA"); !errors.Is(err, checksum.ErrUnknown) {
		t.Errorf("Valid: %v, want ErrUnknown", err)
	}
}

// FuzzFromHeader: an accepted value is one that Encode could have written.
func FuzzFromHeader(f *testing.F) {
	f.Add("crc32", "y/Q5Jg==")
	f.Add("crc64nvme", "rosUhgp5mIg=-4")
	f.Fuzz(func(t *testing.T, suffix, value string) {
		h := http.Header{http.CanonicalHeaderKey("x-amz-checksum-" + suffix): {value}}
		name, got, err := checksum.FromHeader(h)
		if err != nil || name == "" {
			return
		}
		if got != value || checksum.Valid(name, value) != nil {
			t.Fatalf("%q is accepted as %s %q", value, name, got)
		}
		if _, err := checksum.FullObject(name, []checksum.Part{{Sum: value, Size: int64(len(suffix))}}); err != nil && !errors.Is(err, checksum.ErrType) {
			t.Fatal(err)
		}
	})
}

func BenchmarkFullObject(b *testing.B) {
	parts := make([]checksum.Part, 10000)
	for i := range parts {
		parts[i] = checksum.Part{Sum: sum(b, checksum.CRC64NVME, []byte(strconv.Itoa(i))), Size: 5 << 20}
	}
	for b.Loop() {
		if _, err := checksum.FullObject(checksum.CRC64NVME, parts); err != nil {
			b.Fatal(err)
		}
	}
}
