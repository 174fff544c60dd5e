package s3

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/checksum"
)

// maxCompleteBody holds 10000 parts with an ETag and a checksum each.
const maxCompleteBody = 4 << 20

// completeRequest is the body of CompleteMultipartUpload.
type completeRequest struct {
	XMLName xml.Name        `xml:"CompleteMultipartUpload"`
	Parts   completeEntries `xml:"Part"`
}

type completeEntry struct {
	PartNumber string
	ETag       string
	Checksums  checksumEntries `xml:",any"`
}

// completeEntries grows no further than an upload may: the document has room
// for many more empty entries.
type completeEntries []completeEntry

// UnmarshalXML implements xml.Unmarshaler; it is called for each entry.
func (l *completeEntries) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	if len(*l) == maxParts {
		return errInvalidArgument.because("An upload has 10000 parts at most")
	}
	var e completeEntry
	if err := d.DecodeElement(&e, &start); err != nil {
		return err
	}
	*l = append(*l, e)
	return nil
}

// checksumEntries are a part's checksums by the names of their elements.
// Elements that are none are passed over.
type checksumEntries map[string]string

// UnmarshalXML implements xml.Unmarshaler.
func (m *checksumEntries) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	name, ok := strings.CutPrefix(start.Name.Local, "Checksum")
	if !ok {
		return d.Skip()
	}
	var value string
	if err := d.DecodeElement(&value, &start); err != nil {
		return err
	}
	if value == "" {
		return nil
	}
	if err := checksum.Valid(name, value); err != nil {
		return err
	}
	if *m == nil {
		*m = checksumEntries{}
	}
	(*m)[strings.ToUpper(name)] = value
	return nil
}

type completeResult struct {
	XMLName   xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
	Location  string
	Bucket    text
	Key       text
	ETag      string
	Checksums []element
}

func (s *server) completeUpload(w *response, c *call) error {
	cond, err := s.writeConditions(c)
	if err != nil {
		return err
	}
	// On this operation a checksum header is the object's, not the document's.
	want, err := c.completeChecksum()
	if err != nil {
		return err
	}
	parts, err := c.parts()
	if err != nil {
		return err
	}
	cycle, err := s.lifecycleOf(c)
	if err != nil {
		return err
	}
	var o buckets.Object
	return s.eventually(w, c, func() (err error) {
		o, err = s.buckets.Complete(c.r.Context(), c.bucket, c.key, c.q.Get("uploadId"), parts, want.check, cond)
		return err
	}, func(h http.Header) any {
		tellMade(h, o)
		tellExpiry(h, cycle, o)
		return completeResult{
			Location: c.location(), Bucket: text(c.name), Key: text(c.key), ETag: quote(o.ETag),
			Checksums: checksumElements(o.Checksums, o.ChecksumType),
		}
	})
}

// parts reads the document of a completion.
func (c *call) parts() ([]buckets.CompletedPart, error) {
	sum, err := contentMD5(c.h)
	if err != nil {
		return nil, err
	}
	body, err := c.auth.Body(c.r)
	if err != nil {
		return nil, err
	}
	data, err := body.ReadAll(maxCompleteBody)
	if err != nil {
		return nil, err
	}
	if err := compareMD5(data, sum); err != nil {
		return nil, err
	}
	return parseParts(data)
}

// location is the object's own URL.
func (c *call) location() string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: c.r.Host, Path: "/" + c.name + "/" + c.key}).String()
}

// parseParts reads the list of parts. That they ascend is checked before any of
// them is looked up, as S3 does.
func parseParts(data []byte) ([]buckets.CompletedPart, error) {
	var req completeRequest
	if err := parseXML(data, &req); err != nil {
		return nil, err
	}
	if len(req.Parts) == 0 {
		return nil, errMalformedXML
	}
	parts := make([]buckets.CompletedPart, len(req.Parts))
	for i, p := range req.Parts {
		n, err := strconv.Atoi(strings.TrimSpace(p.PartNumber))
		if err != nil || p.ETag == "" {
			return nil, errMalformedXML
		}
		if n < 1 || n > maxParts {
			return nil, errInvalidArgument.because("PartNumber must be >= 1 and <= 10000")
		}
		if i > 0 && n <= parts[i-1].Number {
			return nil, errInvalidPartOrder
		}
		parts[i] = buckets.CompletedPart{Number: n, ETag: strings.Trim(strings.TrimSpace(p.ETag), `"`), Checksums: p.Checksums}
	}
	return parts, nil
}

// wanted is what a completion says of the whole object.
type wanted struct {
	algorithm, sum string
	kind           string
	size           int64 // -1: not said
}

func (c *call) completeChecksum() (wanted, error) {
	want := wanted{kind: c.h.Get(checksumType), size: -1}
	var err error
	if want.algorithm, want.sum, err = checksum.FromComplete(c.h); err != nil {
		return want, err
	}
	if v := c.h.Get("X-Amz-Mp-Object-Size"); v != "" {
		if want.size, err = digits(v); err != nil {
			return want, errInvalidArgument.because("x-amz-mp-object-size is not a size").
				with("ArgumentName", "x-amz-mp-object-size").with("ArgumentValue", v)
		}
	}
	return want, nil
}

// check is called by buckets with the stored parts in order, before the object
// becomes visible. The attributes are those of the upload.
func (want wanted) check(parts []buckets.Part, a *buckets.Attributes) error {
	var size int64
	for _, p := range parts {
		size += p.Size
	}
	if size > maxObject {
		return tooLarge(size, maxObject)
	}
	if want.size >= 0 && want.size != size {
		return errInvalidRequest.because("The provided 'x-amz-mp-object-size' header value " + itoa(want.size) +
			" does not match what was computed: " + itoa(size))
	}
	name, kind := objectChecksum(parts, a.ChecksumType)
	a.Checksums, a.ChecksumType = nil, ""
	if name != "" {
		sum, err := joinSums(parts, name, kind)
		if err != nil {
			return err
		}
		a.Checksums, a.ChecksumType = map[string]string{name: sum}, string(kind)
	}
	return want.compare(a)
}

func (want wanted) compare(a *buckets.Attributes) error {
	if want.kind != "" && want.kind != a.ChecksumType {
		return errInvalidRequest.because("The upload was created using the " + a.ChecksumType + " checksum mode. The complete request must use the same checksum mode.")
	}
	if want.algorithm == "" {
		return nil
	}
	sum, ok := a.Checksums[want.algorithm]
	if a.ChecksumType == string(checksum.TypeComposite) && !strings.Contains(want.sum, "-") {
		sum, _, _ = strings.Cut(sum, "-") // minio-go leaves the number of parts out
	}
	switch {
	case !ok:
		return errInvalidRequest.because("The upload was created with another checksum algorithm than " + want.algorithm + ".")
	case sum != want.sum && !isCompositeOf(sum, want.sum):
		return errBadDigest.because("The " + want.algorithm + " you specified did not match the calculated checksum.")
	}
	return nil
}

// isCompositeOf says whether sum is a composite one and bare is it without the
// number of parts: minio-go sends it so.
func isCompositeOf(sum, bare string) bool {
	base, _, composite := strings.Cut(sum, "-")
	return composite && base == bare
}

// objectChecksum finds the algorithm that all parts have a sum of. kind is set
// if the upload named an algorithm; otherwise it is our own choice.
func objectChecksum(parts []buckets.Part, kind string) (string, checksum.Type) {
	for _, name := range checksum.Names() {
		t := checksum.Type(kind)
		if kind == "" {
			if name != checksum.CRC64NVME {
				continue
			}
			t = checksum.TypeFullObject
		}
		if checksum.Allows(name, t) && allHave(parts, name) {
			return name, t
		}
	}
	return "", ""
}

func allHave(parts []buckets.Part, name string) bool {
	for _, p := range parts {
		if p.Checksums[name] == "" {
			return false
		}
	}
	return true
}

func joinSums(parts []buckets.Part, name string, kind checksum.Type) (string, error) {
	if kind == checksum.TypeComposite {
		sums := make([]string, len(parts))
		for i, p := range parts {
			sums[i] = p.Checksums[name]
		}
		return checksum.Composite(name, sums)
	}
	list := make([]checksum.Part, len(parts))
	for i, p := range parts {
		list[i] = checksum.Part{Sum: p.Checksums[name], Size: p.Size}
	}
	return checksum.FullObject(name, list)
}
