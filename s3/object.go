package s3

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/checksum"
	"github.com/whypfs/whypfs/internal/lifecycle"
)

const (
	maxPut    = 5 << 30 // bytes of a single PUT or a part
	maxObject = 5 << 40 // bytes of a multipart object
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func (s *server) putObject(w *response, c *call) error {
	o, err := s.store(c, maxPut, func() error { return nil })
	if err != nil {
		return err
	}
	h := w.Header()
	o.tell(h)
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// uploaded is an object that was uploaded at once, and what its uploader is told
// besides.
type uploaded struct {
	buckets.Object
	sums  map[string]string // of the body, which are not the object's if it is a CAR
	cycle *lifecycle.Config
}

// tell sets the headers of the answer.
func (o uploaded) tell(h http.Header) {
	h["ETag"] = []string{quote(o.ETag)}
	tellMade(h, o.Object)
	tellExpiry(h, o.cycle, o.Object)
	tellChecksums(h, o.sums, string(checksum.TypeFullObject))
}

// store stores the body of a call, at most limit bytes, as an object. When all
// of it was read, and before the object appears, check has a word too.
func (s *server) store(c *call, limit int64, check func() error) (o uploaded, err error) {
	attr, err := c.attributes()
	if err != nil {
		return o, err
	}
	owner, grants, err := s.objectGrants(c)
	if err != nil {
		return o, err
	}
	attr.Grants = grants
	cond, err := s.writeConditions(c)
	if err != nil {
		return o, err
	}
	p, err := c.payload(limit)
	if err != nil {
		return o, err
	}
	if p.algorithm == "" {
		p.sums.add(checksum.CRC64NVME) // as S3 does when the client sends none
	}
	if err := p.needsDigest(attr); err != nil {
		return o, err
	}
	if o.cycle, err = s.lifecycleOf(c); err != nil {
		return o, err
	}
	up := p.upload(func(a *buckets.Attributes, sums map[string]string) {
		o.sums = sums
		a.Checksums, a.ChecksumType = sums, string(checksum.TypeFullObject)
	})
	promises := up.Check
	up.Check = func(a *buckets.Attributes) error {
		if err := check(); err != nil {
			return err
		}
		return promises(a)
	}
	o.Object, err = s.buckets.Put(c.r.Context(), c.bucket, c.key, owner, up, attr, cond)
	return o, err
}

// writeConditions reads the conditions on the object that is replaced. One on
// its ETag is for who may read it, as in S3.
func (s *server) writeConditions(c *call) (buckets.Conditions, error) {
	var cond buckets.Conditions
	if v := strings.Join(c.h.Values("If-None-Match"), ","); v != "" {
		if strings.Contains(v, ",") {
			return cond, errNotImplemented.with("Header", "If-None-Match")
		}
		cond.IfNoneMatch = ifMatch(v)
	}
	if v := strings.Join(c.h.Values("If-Match"), ","); v != "" {
		if strings.Contains(v, ",") {
			return cond, errNotImplemented.with("Header", "If-Match")
		}
		cond.IfMatch = ifMatch(v)
	}
	if cond.IfMatch != "" && cond.IfMatch != "*" {
		return cond, s.askToRead(c, c.key, c.q.Get("versionId"))
	}
	return cond, nil
}

// ifMatch is a condition on the ETag without its quotes. Where nothing would be
// left, or the star that stands for any object, the quotes stay: such a
// condition never holds, and must not become none.
func ifMatch(v string) string {
	v = strings.TrimSpace(v)
	if tag := strings.Trim(v, `"`); v == "*" || tag != "" && tag != "*" {
		return tag
	}
	return `"` + v
}

// tellChecksums sets the checksum headers of an object or part.
func tellChecksums(h http.Header, sums map[string]string, kind string) {
	for name, sum := range sums {
		h.Set(checksum.Header(name), sum)
	}
	if len(sums) > 0 && kind != "" {
		h.Set(checksumType, kind)
	}
}

// checksumElements are the same as elements of a document.
func checksumElements(sums map[string]string, kind string) []element {
	var out []element
	for _, name := range checksum.Names() {
		if sum, ok := sums[name]; ok {
			out = append(out, newElement("Checksum"+name, sum))
		}
	}
	if len(out) > 0 && kind != "" {
		out = append(out, newElement("ChecksumType", kind))
	}
	return out
}
