package sigv4_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/sigv4"
)

func tryRequest(head string) (*http.Request, bool) {
	head = strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n") + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	return r, err == nil
}

// equivalent reports whether two request heads mean the same, so that one
// signature rightly covers both. The protocol version is not signed.
func equivalent(a, b string) bool {
	ra, ok := tryRequest(a)
	rb, ok2 := tryRequest(b)
	return ok && ok2 && fmt.Sprint(ra.Header) == fmt.Sprint(rb.Header) && ra.Method == rb.Method && ra.Host == rb.Host &&
		ra.URL.Path == rb.URL.Path && fmt.Sprint(ra.URL.Query()) == fmt.Sprint(rb.URL.Query())
}

// A stream writes aws-chunked bodies, independently of the package.
type stream struct {
	key  []byte // nil: unsigned
	prev string
	out  strings.Builder
}

const docScope = "20130524/us-east-1/s3/aws4_request"

// newStream continues from the seed signature of a request at docTime.
func newStream(seed string) *stream {
	key := []byte("AWS4" + docSecret)
	for s := range strings.SplitSeq(docScope, "/") {
		key = sum(key, s)
	}
	return &stream{key: key, prev: seed}
}

func sum(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

func hash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func (s *stream) sign(kind string, lines ...string) string {
	text := "AWS4-HMAC-SHA256-" + kind + "\n20130524T000000Z\n" + docScope + "\n" + s.prev + "\n" + strings.Join(lines, "\n")
	s.prev = hex.EncodeToString(sum(s.key, text))
	return s.prev
}

func (s *stream) head(data string) {
	fmt.Fprintf(&s.out, "%x", len(data))
	if s.key != nil {
		s.out.WriteString(";chunk-signature=" + s.sign("PAYLOAD", emptySum, hash(data)))
	}
	s.out.WriteString("\r\n")
}

func (s *stream) chunks(data ...string) *stream {
	for _, d := range data {
		s.head(d)
		s.out.WriteString(d + "\r\n")
	}
	s.head("")
	return s
}

func (s *stream) end(trailers ...string) string {
	for _, t := range trailers {
		s.out.WriteString(t + "\r\n")
	}
	if s.key != nil && trailers != nil {
		s.out.WriteString("x-amz-trailer-signature:" + s.sign("TRAILER", hash(strings.Join(trailers, "\n")+"\n")) + "\r\n")
	}
	s.out.WriteString("\r\n")
	return s.out.String()
}

// A variant is one framed payload mode with a request head that has it.
type variant struct {
	name, head, seed string
	trailers         []string
	mode             sigv4.Mode
}

const (
	seedChunked = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
	seedTrailer = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
	crcTrailer  = "x-amz-checksum-crc32c:AAAAAA=="
)

// variants sign the documented requests; the length of body bytes varies, so
// tests go through bodyOf, which leaves the declared lengths to them.
func variants() []variant {
	return []variant{
		{"signed", docChunked, seedChunked, nil, sigv4.ModeStreamingSigned},
		{"signed trailer", docTrailer, seedTrailer, []string{crcTrailer}, sigv4.ModeStreamingSignedTrailer},
		{"unsigned trailer", "", "", []string{crcTrailer}, sigv4.ModeStreamingUnsignedTrailer},
	}
}

func (v variant) encode(chunks ...string) string {
	s := &stream{}
	if v.seed != "" {
		s = newStream(v.seed)
	}
	return s.chunks(chunks...).end(v.trailers...)
}

// open verifies v's request and returns its body over raw, with the decoded
// length declared as size, or not at all if that is negative.
func (v variant) open(t testing.TB, raw string, size int64) *sigv4.Body {
	t.Helper()
	return v.openReader(t, strings.NewReader(raw), size)
}

func (v variant) openReader(t testing.TB, raw io.Reader, size int64) *sigv4.Body {
	t.Helper()
	head := v.head
	if head == "" {
		head = "PUT /b/k HTTP/1.1\nHost: h\nx-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\nx-amz-trailer: x-amz-checksum-crc32c"
	}
	r := request(t, head, http.NoBody)
	q, err := sigv4.Verify(r, docKeys, docOptions())
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Del("X-Amz-Decoded-Content-Length")
	if size >= 0 {
		r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(size))
	}
	r.Body, r.ContentLength = io.NopCloser(raw), -1
	b, err := q.Body(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
