package s3

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/checksum"
)

const (
	maxPut    = 5 << 30 // bytes of a single PUT or a part
	maxObject = 5 << 40 // bytes of a multipart object
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func (s *server) putObject(w *response, c *call) error {
	attr, err := c.attributes()
	if err != nil {
		return err
	}
	owner, grants, err := s.objectGrants(c)
	if err != nil {
		return err
	}
	attr.Grants = grants
	cond, err := c.writeConditions()
	if err != nil {
		return err
	}
	p, err := c.payload(maxPut)
	if err != nil {
		return err
	}
	if p.algorithm == "" {
		p.sums.add(checksum.CRC64NVME) // as S3 does when the client sends none
	}
	if err := p.needsDigest(attr); err != nil {
		return err
	}
	cycle, err := s.lifecycleOf(c)
	if err != nil {
		return err
	}
	var came map[string]string // checksums of the body, which are not the object's if it is a CAR
	up := p.upload(func(a *buckets.Attributes, sums map[string]string) {
		came = sums
		a.Checksums, a.ChecksumType = sums, string(checksum.TypeFullObject)
	})
	o, err := s.buckets.Put(c.r.Context(), c.bucket, c.key, owner, up, attr, cond)
	if err != nil {
		return err
	}
	h := w.Header()
	h["ETag"] = []string{quote(o.ETag)}
	tellMade(h, o)
	tellExpiry(h, cycle, o)
	tellChecksums(h, came, string(checksum.TypeFullObject))
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// writeConditions reads the conditions on the object that is replaced.
func (c *call) writeConditions() (buckets.Conditions, error) {
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
