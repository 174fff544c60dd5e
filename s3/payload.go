package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"io"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/checksum"
	"github.com/whypfs/whypfs/internal/sigv4"
)

// A payload is a request body and everything the client said must hold of it.
type payload struct {
	body      *sigv4.Body
	limit     int64
	md5       []byte // from Content-MD5, or nil
	algorithm string // of the checksum the client sends, or ""
	sum       string // its value; "" while it is to come in the trailer
	sums      sums   // the client's algorithm, and what we keep besides
}

// payload prepares to read an object's or a part's bytes, at most limit of
// them. An upload that says nothing of its length is refused: it may be one
// whose body was lost on its way.
func (c *call) payload(limit int64) (*payload, error) {
	r := c.r
	if r.ProtoMajor == 1 && r.ContentLength == 0 && r.Header.Get("Content-Length") == "" && len(r.TransferEncoding) == 0 {
		return nil, errMissingLength
	}
	return c.reads(limit)
}

// reads prepares to read a body of at most limit bytes.
func (c *call) reads(limit int64) (*payload, error) {
	p := &payload{limit: limit, sums: sums{}}
	var err error
	if p.md5, err = contentMD5(c.h); err != nil {
		return nil, err
	}
	if err = p.announced(c.h); err != nil {
		return nil, err
	}
	if p.algorithm != "" {
		p.sums.add(p.algorithm)
	}
	if p.body, err = c.auth.Body(c.r); err != nil {
		return nil, err
	}
	if p.body.Size() > limit {
		return nil, tooLarge(p.body.Size(), limit)
	}
	return p, nil
}

func contentMD5(h http.Header) ([]byte, error) {
	v, ok := h["Content-Md5"]
	if !ok {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(v[0])
	if err != nil || len(sum) != md5.Size {
		return nil, errInvalidDigest.with("Content-MD5", v[0])
	}
	return sum, nil
}

// announced reads which checksum the client sends, and its value unless that
// follows the body.
func (p *payload) announced(h http.Header) error {
	var err error
	if p.algorithm, p.sum, err = checksum.FromHeader(h); err != nil {
		return err
	}
	if t := strings.Join(h.Values("X-Amz-Trailer"), ","); t != "" {
		name, ok := trailing(t)
		switch {
		case !ok:
			return errUnsupportedTrailer
		case p.algorithm != "":
			return checksum.ErrMany
		}
		p.algorithm = name
	}
	want := h.Get("X-Amz-Sdk-Checksum-Algorithm")
	if want == "" {
		return nil
	}
	name, ok := checksum.Canonical(want)
	switch {
	case !ok:
		return checksum.ErrUnknown
	case p.algorithm == "":
		return errInvalidRequest.because("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
	case p.algorithm != name:
		return errInvalidRequest.because("Value for x-amz-sdk-checksum-algorithm header is invalid.")
	}
	return nil
}

// trailing returns the algorithm whose checksum a trailer of that name carries.
func trailing(trailer string) (string, bool) {
	trailer = strings.ToLower(strings.TrimSpace(trailer))
	suffix, ok := strings.CutPrefix(trailer, "x-amz-checksum-")
	if !ok {
		return "", false
	}
	return checksum.Canonical(suffix)
}

// upload is the payload as buckets stores it; keep, if not nil, is told the
// checksums once all is verified.
func (p *payload) upload(keep func(a *buckets.Attributes, sums map[string]string)) buckets.Upload {
	up := buckets.Upload{Body: &limited{r: p.body, left: p.limit, limit: p.limit}, ContentMD5: p.md5, Expect: max(p.body.Size(), 0)}
	if h := p.body.Hash(); h != nil {
		up.Hashes = append(up.Hashes, h)
	}
	up.Hashes = append(up.Hashes, p.sums.hashes()...)
	up.Check = func(a *buckets.Attributes) error {
		sums, err := p.verify()
		if err == nil {
			keep(a, sums)
		}
		return err
	}
	return up
}

// verify compares what the client promised with what came, and returns the
// checksums by algorithm. The body has been read and hashed.
func (p *payload) verify() (map[string]string, error) {
	if err := p.body.Verify(); err != nil {
		return nil, err
	}
	if p.algorithm != "" && p.sum == "" {
		name, sum, err := checksum.FromHeader(p.body.Trailer())
		if err != nil {
			return nil, err
		}
		if name != p.algorithm {
			return nil, errBadDigest.because("The checksum trailer that was announced did not arrive.")
		}
		p.sum = sum
	}
	sums := p.sums.encoded()
	if p.algorithm != "" && sums[p.algorithm] != p.sum {
		return nil, errBadDigest.because("The " + p.algorithm + " you specified did not match the calculated checksum.")
	}
	return sums, nil
}

// document reads and verifies a body of at most limit bytes. If needed, the
// client must have sent a digest of it.
func (c *call) document(limit int64, needed bool) ([]byte, error) {
	p, err := c.reads(maxPut) // ReadAll has the real limit, and its own error
	if err != nil {
		return nil, err
	}
	if needed && p.md5 == nil && p.algorithm == "" {
		return nil, errInvalidRequest.because("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	data, err := p.body.ReadAll(limit)
	if err != nil {
		return nil, err
	}
	for _, h := range p.sums {
		h.Write(data)
	}
	if _, err := p.verify(); err != nil {
		return nil, err
	}
	return data, compareMD5(data, p.md5)
}

// compareMD5 compares a document with its Content-MD5, if it came with one.
func compareMD5(data, want []byte) error {
	if sum := md5.Sum(data); want != nil && !bytes.Equal(sum[:], want) {
		return errBadDigest
	}
	return nil
}

func tooLarge(size, limit int64) error {
	return errTooLarge.with("ProposedSize", itoa(size)).with("MaxSizeAllowed", itoa(limit))
}

// limited fails with EntityTooLarge where a body of unknown length passes its limit.
type limited struct {
	r     io.Reader
	left  int64
	limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, tooLarge(l.limit-l.left, l.limit)
	}
	return n, err
}
