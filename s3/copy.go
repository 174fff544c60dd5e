package s3

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/checksum"
)

type copyObjectResult struct {
	XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyObjectResult"`
	LastModified string
	ETag         string
	Checksums    []element
}

// copyObject copies by reference: no byte is read unless the client asks for a
// checksum that the source does not have.
func (s *server) copyObject(w *response, c *call) error {
	cond, err := s.writeConditions(c)
	if err != nil {
		return err
	}
	src, err := s.source(c)
	if err != nil {
		return err
	}
	attr, err := c.copied(src)
	if err != nil {
		return err
	}
	owner, grants, err := s.objectGrants(c)
	if err != nil {
		return err
	}
	attr.Grants = grants
	cycle, err := s.lifecycleOf(c)
	if err != nil {
		return err
	}
	var o buckets.Object
	return s.eventually(w, c, func() (err error) {
		if err := s.recompute(c, src.object, &attr); err != nil {
			return err
		}
		o, err = s.buckets.Copy(c.r.Context(), src.object, c.bucket, c.key, owner, attr, cond)
		return err
	}, func(h http.Header) any {
		tellMade(h, o)
		tellExpiry(h, cycle, o)
		src.tellVersion(h)
		return copyObjectResult{
			LastModified: isoTime(o.Modified), ETag: quote(o.ETag), Checksums: checksumElements(o.Checksums, o.ChecksumType),
		}
	})
}

// copied returns the attributes of a copy of src, if there may be one.
func (c *call) copied(src copySource) (buckets.Attributes, error) {
	replace, err := c.directive("X-Amz-Metadata-Directive")
	if err != nil {
		return buckets.Attributes{}, err
	}
	retag, err := c.directive("X-Amz-Tagging-Directive")
	if err != nil {
		return buckets.Attributes{}, err
	}
	if src.object.Size > maxPut {
		return buckets.Attributes{}, errInvalidRequest.because("The specified copy source is larger than the maximum allowable size for a copy source: " + itoa(maxPut))
	}
	if src.bucket.UUID == c.bucket.UUID && src.key == c.key && src.version == "" && !replace && !c.changes() {
		return buckets.Attributes{}, errInvalidRequest.because("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	attr, err := c.attributes()
	if err != nil {
		return attr, err
	}
	from := src.object.Attributes
	attr.Checksums, attr.ChecksumType, attr.CAR = from.Checksums, from.ChecksumType, from.CAR
	if !retag {
		attr.Tags = from.Tags
	}
	if replace {
		return attr, nil
	}
	attr.Meta = from.Meta
	for _, name := range storage {
		delete(attr.Headers, name)
		if v := from.Headers[name]; v != "" {
			attr.Headers[name] = v
		}
	}
	return attr, nil
}

// changes says whether a copy differs from its source without replacing its
// metadata. Of the tags alone S3 does not take that.
func (c *call) changes() bool {
	return c.h.Get("X-Amz-Storage-Class") != "" || c.h.Get(sseHeader) != "" || c.h.Get(redirect) != ""
}

// directive says whether the request replaces what the header of that name is about.
func (c *call) directive(header string) (replace bool, err error) {
	switch v := c.h.Get(header); v {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, errInvalidArgument.because("Unknown directive.").
			with("ArgumentName", strings.ToLower(header)).with("ArgumentValue", v)
	}
}

// recompute gives the copy the checksum that the request names, if the source
// has another.
func (s *server) recompute(c *call, src buckets.Object, attr *buckets.Attributes) error {
	want := c.h.Get("X-Amz-Checksum-Algorithm")
	if want == "" {
		return nil
	}
	name, ok := checksum.Canonical(want)
	if !ok {
		return checksum.ErrUnknown
	}
	if _, has := src.Checksums[name]; has {
		return nil
	}
	h, _ := checksum.New(name)
	f, err := s.buckets.Open(c.r.Context(), src.CID, src.Size)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := f.WriteTo(h)
	if err == nil && n != src.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("hash %q for its copy: %d of %d bytes: %w", src.Key, n, src.Size, err)
	}
	attr.Checksums = map[string]string{name: checksum.Encode(h.Sum(nil))}
	attr.ChecksumType = string(checksum.TypeFullObject)
	return nil
}

// A copySource is what x-amz-copy-source names.
type copySource struct {
	name, key, version string // as the header has them; version "" is the current one
	bucket             buckets.Bucket
	object             buckets.Object
}

// source finds the object that x-amz-copy-source names, if the caller may read
// it and its conditions hold.
func (s *server) source(c *call) (copySource, error) {
	src, err := parseCopySource(c.h.Get("X-Amz-Copy-Source"))
	if err != nil {
		return src, err
	}
	if src.bucket, err = s.buckets.Bucket(c.r.Context(), src.name); err != nil {
		return src, err
	}
	if src.bucket.Global {
		return src, errAccessDenied
	}
	if want := c.h.Get("X-Amz-Source-Expected-Bucket-Owner"); want != "" && want != ownerID(src.bucket.Owner) {
		return src, errAccessDenied
	}
	if src.object, err = s.mayCopy(c, src.bucket, src.key, src.version); err != nil {
		return src, err
	}
	if src.object.Marker {
		return src, errInvalidRequest.because("The source of a copy request may not specifically refer to a delete marker by version id.")
	}
	if err := copyCondition(c.h, src.object.ETag, src.object.Modified); err != nil {
		return src, err
	}
	r, err := s.buckets.Restoration(c.r.Context(), src.bucket, src.object)
	if err == nil && r.Closed {
		err = closed(src.object)
	}
	return src, err
}

// tellVersion names the version that was copied.
func (src copySource) tellVersion(h http.Header) {
	if src.bucket.Versioning != "" {
		h.Set("X-Amz-Copy-Source-Version-Id", src.object.VersionID())
	}
}

// parseCopySource reads "bucket/key" or "bucket/key?versionId=id", of which the
// key is url-encoded, with or without a leading slash.
func parseCopySource(v string) (src copySource, err error) {
	wrong := errInvalidArgument.because("Copy Source must mention the source bucket and key: sourcebucket/sourcekey").
		with("ArgumentName", "x-amz-copy-source").with("ArgumentValue", v)
	path, version, versioned := strings.Cut(v, "?versionId=")
	if versioned && version == "" {
		return src, errInvalidArgument.because("Version id cannot be the empty string").
			with("ArgumentName", "x-amz-copy-source").with("ArgumentValue", v)
	}
	path, err = url.PathUnescape(path) // a plus is a plus
	if err != nil {
		return src, wrong
	}
	name, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case !ok || name == "" || key == "" || strings.HasPrefix(name, "arn:"):
		return src, wrong
	case len(key) > 1024:
		return src, errKeyTooLong
	}
	return copySource{name: name, key: key, version: version}, nil
}

type copyPartResult struct {
	XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyPartResult"`
	LastModified string
	ETag         string
	Checksums    []element
}

// uploadPartCopy stores a span of an object as a part. Its blocks are read and
// imported again, since a part may begin anywhere; those that fall on the same
// boundaries are found to be stored already.
func (s *server) uploadPartCopy(w *response, c *call) error {
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	up, err := s.buckets.Upload(c.r.Context(), c.bucket, c.key, c.q.Get("uploadId"))
	if err != nil {
		return err
	}
	src, err := s.source(c)
	if err != nil {
		return err
	}
	offset, length, err := copyRange(c.h.Get("X-Amz-Copy-Source-Range"), src.object.Size)
	if err != nil {
		return err
	}
	f, err := s.buckets.Open(c.r.Context(), src.object.CID, src.object.Size)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	sums := newSums(partAlgorithm(up))
	var part buckets.Part
	return s.eventually(w, c, func() (err error) {
		part, err = s.buckets.PutPart(c.r.Context(), c.bucket, c.key, up.ID, number, buckets.Upload{
			Body: &exactly{r: f, left: length}, Hashes: sums.hashes(),
			Check: func(a *buckets.Attributes) error {
				a.Checksums = sums.encoded()
				return nil
			},
		})
		return err
	}, func(h http.Header) any {
		tellEncryption(h, up.Attributes)
		src.tellVersion(h)
		return copyPartResult{
			LastModified: isoTime(part.Modified), ETag: quote(part.ETag), Checksums: checksumElements(part.Checksums, ""),
		}
	})
}

// copyRange reads x-amz-copy-source-range, which knows one form only.
func copyRange(header string, size int64) (offset, length int64, err error) {
	if header == "" {
		if size > maxPut {
			return 0, 0, tooLarge(size, maxPut)
		}
		return 0, size, nil
	}
	wrong := errInvalidArgument.because("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy").
		with("ArgumentName", "x-amz-copy-source-range").with("ArgumentValue", header)
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, cut := strings.Cut(spec, "-")
	first, errFirst := digits(from)
	last, errLast := digits(to)
	switch {
	case !ok || !cut || errFirst != nil || errLast != nil || last < first:
		return 0, 0, wrong
	case last >= size:
		return 0, 0, errInvalidRange.because("Range specified is not valid for source object of size: " + itoa(size))
	case last-first+1 > maxPut:
		return 0, 0, tooLarge(last-first+1, maxPut)
	}
	return first, last - first + 1, nil
}

// exactly reads left bytes; fewer are an error.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
