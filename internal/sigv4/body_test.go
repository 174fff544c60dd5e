package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/whypfs/whypfs/internal/sigv4"
)

func readCloser(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

// all reads b to its end as a handler would, and verifies it.
func all(b *sigv4.Body) (string, error) {
	var buf bytes.Buffer
	_, err := io.Copy(&buf, b)
	if err != nil {
		return buf.String(), err
	}
	if h := b.Hash(); h != nil {
		h.Write(buf.Bytes())
	}
	return buf.String(), b.Verify()
}

func TestChunkedBodies(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 20000)
	for _, v := range variants() {
		for _, chunks := range [][]string{
			nil, {"a"}, {"hello ", "world"}, {long}, {long, "x", long[:70000]}, {"\r\n0\r\n\r\n"},
		} {
			want := strings.Join(chunks, "")
			for _, size := range []int64{-1, int64(len(want))} {
				raw := v.encode(chunks...)
				got, err := all(v.open(t, raw, size))
				if err != nil || got != want {
					t.Errorf("%s, %d chunks, size %d: read %d bytes, %v", v.name, len(chunks), size, len(got), err)
				}
			}
		}
	}
}

// TestReadSizes: the bytes do not depend on how they are asked for, or on how
// the network delivers them.
func TestReadSizes(t *testing.T) {
	data := strings.Repeat("abcdefghij", 300)
	for _, v := range variants() {
		raw := v.encode(data[:1000], data[1000:1001], data[1001:])
		for _, n := range []int{1, 2, 7, 1000, 5000} {
			b := v.open(t, raw, int64(len(data)))
			var got []byte
			buf := make([]byte, n)
			var err error
			for err == nil {
				var k int
				k, err = b.Read(buf)
				got = append(got, buf[:k]...)
			}
			if err != io.EOF || string(got) != data || b.Verify() != nil {
				t.Errorf("%s by %d: read %d bytes, %v, then %v", v.name, n, len(got), err, b.Verify())
			}
		}
	}
}

// TestTruncated cuts a small body of every mode at every byte.
func TestTruncated(t *testing.T) {
	for _, v := range variants() {
		raw := v.encode("hello ", "world")
		for i := range raw {
			for _, size := range []int64{-1, 11} {
				got, err := all(v.open(t, raw[:i], size))
				if !strings.HasPrefix("hello world", got) {
					t.Fatalf("%s cut at %d: read %q", v.name, i, got)
				}
				wantCode(t, fmt.Sprintf("%s cut at %d of %d, size %d", v.name, i, len(raw), size), err, "IncompleteBody")
			}
		}
	}
}

// TestAlteredBody flips every byte. Signed modes must refuse each; in the
// unsigned one only data and the trailer's value can change unnoticed here.
func TestAlteredBody(t *testing.T) {
	for _, v := range variants() {
		raw := v.encode("hello ", "world")
		for i := range raw {
			for _, flip := range []byte{1, 4, 0x20, 0x80} {
				b := []byte(raw)
				b[i] ^= flip
				body := v.open(t, string(b), 11)
				got, err := all(body)
				if err != nil {
					if e := (*sigv4.Error)(nil); !errors.As(err, &e) {
						t.Errorf("%s: byte %d: %v is not a refusal", v.name, i, err)
					}
					continue
				}
				harmless := v.mode == sigv4.ModeStreamingUnsignedTrailer &&
					(got != "hello world" || body.Trailer().Get("x-amz-checksum-crc32c") != "AAAAAA==" || strings.EqualFold(string(b), raw))
				// A chunk size may be written in either case.
				if !harmless && !(raw[i] >= 'a' && raw[i] <= 'f' && flip == 0x20 && b[i+1] == ';') {
					t.Errorf("%s: byte %d %q → %q is accepted as %q", v.name, i, raw[i], b[i], got)
				}
			}
		}
	}
}

func TestBadSignatureYieldsNothing(t *testing.T) {
	v := variants()[0]
	raw := strings.Replace(v.encode("secret"), "secret", "Secret", 1)
	b := v.open(t, raw, 6)
	n, err := b.Read(make([]byte, 100))
	if n != 0 {
		t.Errorf("read %d bytes of a chunk with a bad signature", n)
	}
	wantCode(t, "first read", err, "SignatureDoesNotMatch")
	_, err = b.Read(make([]byte, 100))
	wantCode(t, "second read", err, "SignatureDoesNotMatch")
	wantCode(t, "Verify", b.Verify(), "SignatureDoesNotMatch")
}

// TestReplayed: every signature signs the one before, so chunks cannot be
// moved, repeated, left out or taken from another upload.
func TestReplayed(t *testing.T) {
	for _, v := range variants()[:2] {
		raw := v.encode("aaaa", "bbbb", "cccc")
		const head = len("4;chunk-signature=") + 64 + len("\r\n")
		cut := func(data string) (string, int) {
			i := strings.Index(raw, data+"\r\n")
			return raw[i-head : i+len(data)+2], i - head
		}
		a, _ := cut("aaaa")
		b, _ := cut("bbbb")
		c, at := cut("cccc")
		tail := raw[at+len(c):]
		other := variant{seed: strings.Repeat("0", 64)}.encode("aaaa", "bbbb", "cccc")
		for name, body := range map[string]string{
			"swapped":  b + a + c + tail,
			"repeated": a + a + b + tail,
			"omitted":  a + c + tail,
			"early":    a + b + tail,
			"foreign":  other,
		} {
			_, err := all(v.open(t, body, -1))
			wantCode(t, v.name+" "+name, err, "SignatureDoesNotMatch")
		}
		if _, err := all(v.open(t, a+b+c+tail, -1)); err != nil {
			t.Errorf("%s: the pieces themselves: %v", v.name, err)
		}
	}
}

func TestMalformedChunks(t *testing.T) {
	unsigned := variants()[2]
	const end = "0\r\n" + crcTrailer + "\r\n\r\n"
	for _, c := range []struct {
		name, raw string
		size      int64
		code      string
	}{
		{"not a number", "xyz\r\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"no number", "\r\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"sign", "+3\r\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"prefix", "0x3\r\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"underscore", "0_3\r\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"space", "3 \r\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"extension", "3;a=b\r\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"huge", "fffffffffffffff\r\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"overflow", "ffffffffffffffffffff\r\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"endless line", strings.Repeat("0", 100000), -1, "InvalidChunkSizeError"},
		{"bare LF", "3\nabc\r\n" + end, -1, "InvalidChunkSizeError"},
		{"LF after data", "3\r\nabc\n" + end, -1, "InvalidChunkSizeError"},
		{"longer than said", "3\r\nabcd\r\n" + end, -1, "InvalidChunkSizeError"},
		{"shorter than said", "3\r\nab\r\n" + end, -1, "InvalidChunkSizeError"},
		{"more than declared", "3\r\nabc\r\n" + end, 2, "IncompleteBody"},
		{"less than declared", "3\r\nabc\r\n" + end, 4, "IncompleteBody"},
		{"after the end", "3\r\nabc\r\n" + end + "x", -1, "InvalidRequest"},
		{"second body", "3\r\nabc\r\n" + end + end, -1, "InvalidRequest"},
		{"not framed", "plain data", -1, "IncompleteBody"},
		{"trailer missing", "3\r\nabc\r\n0\r\n\r\n", -1, "MalformedTrailerError"},
		{"trailer unannounced", "0\r\n" + crcTrailer + "\r\nx-amz-checksum-sha1:AA==\r\n\r\n", -1, "MalformedTrailerError"},
		{"trailer twice", "0\r\n" + crcTrailer + "\r\n" + crcTrailer + "\r\n\r\n", -1, "MalformedTrailerError"},
		{"trailer without value", "0\r\nx-amz-checksum-crc32c:\r\n\r\n", -1, "MalformedTrailerError"},
		{"trailer without colon", "0\r\nx-amz-checksum-crc32c\r\n\r\n", -1, "MalformedTrailerError"},
		{"trailer control byte", "0\r\nx-amz-checksum-crc32c:a\x00b\r\n\r\n", -1, "MalformedTrailerError"},
		{"trailer ended by LF", "0\r\n" + crcTrailer + "\r\n\n", -1, "MalformedTrailerError"},
		{"unexpected signature", "0\r\n" + crcTrailer + "\r\nx-amz-trailer-signature:" + emptySum + "\r\n\r\n", -1, "MalformedTrailerError"},
		{"documented form cut", "0\r\n" + crcTrailer + "\n\r\n", -1, "IncompleteBody"},
	} {
		_, err := all(unsigned.open(t, c.raw, c.size))
		wantCode(t, c.name, err, c.code)
	}
	for name, raw := range map[string]string{
		"no signature":   "3\r\nabc\r\n",
		"short":          "3;chunk-signature=abc\r\nabc\r\n",
		"other name":     "3;signature=" + emptySum + "\r\nabc\r\n",
		"upper case":     "3;chunk-signature=" + strings.ToUpper(emptySum) + "\r\nabc\r\n",
		"something more": "3;chunk-signature=" + emptySum + ";x=y\r\nabc\r\n",
	} {
		_, err := all(variants()[0].open(t, raw, -1))
		wantCode(t, name, err, "InvalidChunkSizeError")
	}
}

// TestTrailerForms: the form of the AWS documentation and minio-go, and names
// in any case.
func TestTrailerForms(t *testing.T) {
	for _, end := range []string{
		"0\r\n" + crcTrailer + "\n\r\n\r\n",
		"0\r\nX-Amz-Checksum-Crc32c: AAAAAA==\r\n\r\n",
	} {
		b := variants()[2].open(t, "3\r\nabc\r\n"+end, 3)
		got, err := all(b)
		if err != nil || got != "abc" || b.Trailer().Get("x-amz-checksum-crc32c") != "AAAAAA==" {
			t.Errorf("%q: read %q with %v, %v", end, got, b.Trailer(), err)
		}
	}
	v := variants()[1]
	raw := strings.Replace(v.encode("abc"), crcTrailer+"\r\n", crcTrailer+"\n\r\n", 1)
	if got, err := all(v.open(t, raw, 3)); err != nil || got != "abc" {
		t.Errorf("signed: read %q, %v", got, err)
	}
	unsigned := strings.Replace(v.encode("abc"), "x-amz-trailer-signature:", "x-amz-trailer-signature:0", 1)
	_, err := all(v.open(t, unsigned, 3))
	wantCode(t, "odd trailer signature", err, "MalformedTrailerError")
	i := strings.Index(raw, "x-amz-trailer-signature")
	_, err = all(v.open(t, raw[:i]+"\r\n", 3))
	wantCode(t, "no trailer signature", err, "MalformedTrailerError")
}

func plain(t *testing.T, headers, body string, length int64) (*sigv4.Body, error) {
	t.Helper()
	r := request(t, "PUT /b/k HTTP/1.1\nHost: h\n"+headers, http.NoBody)
	q, err := sigv4.Verify(r, docKeys, docOptions())
	if err != nil {
		t.Fatal(err)
	}
	r.Body, r.ContentLength = readCloser(body), length
	return q.Body(r)
}

func TestPlainBodies(t *testing.T) {
	signed := "x-amz-content-sha256: " + hash("hello")
	for _, c := range []struct {
		name, headers, body string
		length              int64
		code                string
	}{
		{"none", "", "hello", 5, ""},
		{"none, unknown length", "", "hello", -1, ""},
		{"signed", signed, "hello", 5, ""},
		{"signed, unknown length", signed, "hello", -1, ""},
		{"signed upper case", "x-amz-content-sha256: " + strings.ToUpper(hash("hello")), "hello", 5, ""},
		{"other bytes", signed, "hullo", 5, "XAmzContentSHA256Mismatch"},
		{"nothing", signed, "", 0, "XAmzContentSHA256Mismatch"},
		{"short", "", "hell", 5, "IncompleteBody"},
		{"long", "", "hello!", 5, "IncompleteBody"},
	} {
		b, err := plain(t, c.headers, c.body, c.length)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if b.Size() != c.length {
			t.Errorf("%s: Size = %d, want %d", c.name, b.Size(), c.length)
		}
		got, err := all(b)
		switch {
		case c.code != "":
			wantCode(t, c.name, err, c.code)
		case err != nil || got != c.body:
			t.Errorf("%s: read %q, %v", c.name, got, err)
		}
	}
}

func TestContradictingHeaders(t *testing.T) {
	for name, headers := range map[string]string{
		"decoded length of plain":   "x-amz-content-sha256: UNSIGNED-PAYLOAD\nx-amz-decoded-content-length: 5",
		"trailer of plain":          "x-amz-content-sha256: " + hash("x") + "\nx-amz-trailer: x-amz-checksum-crc32",
		"trailer signature":         "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\nx-amz-trailer: x-amz-trailer-signature",
		"odd trailer":               "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\nx-amz-trailer: a b",
		"trailer announced twice":   "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\nx-amz-trailer: a, a",
		"negative decoded length":   "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\nx-amz-decoded-content-length: -5",
		"decoded length of letters": "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\nx-amz-decoded-content-length: five",
	} {
		if b, err := plain(t, headers, "", 0); err == nil {
			t.Errorf("%s: Body = %+v, want a refusal", name, b)
		} else if e := (*sigv4.Error)(nil); !errors.As(err, &e) || e.Status != http.StatusBadRequest {
			t.Errorf("%s: %v, want a refusal with status 400", name, err)
		}
	}
}

// TestVerifyEarly: who stops reading at the declared size has not seen the
// final chunk; Verify has to.
func TestVerifyEarly(t *testing.T) {
	v := variants()[1]
	good := v.encode("hello ", "world")
	b := v.open(t, good, 11)
	if _, err := io.ReadFull(b, make([]byte, 11)); err != nil {
		t.Fatal(err)
	}
	if err := b.Verify(); err != nil {
		t.Errorf("whole body: %v", err)
	}
	b = v.open(t, good[:len(good)-4], 11)
	if _, err := io.ReadFull(b, make([]byte, 11)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "cut in the trailer", b.Verify(), "IncompleteBody")
	b = v.open(t, good, 11)
	if _, err := io.ReadFull(b, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "half read", b.Verify(), "IncompleteBody")
}

// TestReadErrors: a failure that is not the client's keeps its identity.
func TestReadErrors(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, v := range variants() {
		raw := v.encode("hello")
		for i := range raw {
			b := v.openReader(t, io.MultiReader(strings.NewReader(raw[:i]), iotest.ErrReader(broken)), -1)
			_, err := all(b)
			if !errors.Is(err, broken) {
				t.Fatalf("%s broken at %d: %v", v.name, i, err)
			}
		}
	}
	b, err := plain(t, "", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	_, err = all(b)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short body: %v, want its cause kept", err)
	}
}

func TestReadAllLimit(t *testing.T) {
	for _, length := range []int64{5, -1} {
		b, err := plain(t, "", "hello", length)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.ReadAll(4)
		wantCode(t, "over the limit", err, "MaxMessageLengthExceeded")
	}
}

func TestContentEncoding(t *testing.T) {
	for _, c := range []struct {
		in   []string
		want string
	}{
		{nil, ""},
		{[]string{"aws-chunked"}, ""},
		{[]string{"gzip"}, "gzip"},
		{[]string{"aws-chunked,gzip"}, "gzip"},
		{[]string{"gzip, AWS-Chunked , br"}, "gzip, br"},
		{[]string{"deflate, gzip"}, "deflate, gzip"}, // as it was written
		{[]string{"gzip", "aws-chunked"}, "gzip"},
	} {
		if got := sigv4.ContentEncoding(http.Header{"Content-Encoding": c.in}); got != c.want {
			t.Errorf("ContentEncoding(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// TestToldSum: a sum that was computed elsewhere is compared like one's own.
func TestToldSum(t *testing.T) {
	for text, code := range map[string]string{"hello": "", "hullo": "XAmzContentSHA256Mismatch"} {
		b, err := plain(t, "x-amz-content-sha256: "+hash("hello"), text, 5)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, b); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(text))
		b.Hash().(interface{ SetSHA256([]byte) }).SetSHA256(sum[:])
		if err := b.Verify(); code != "" {
			wantCode(t, text, err, code)
		} else if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
