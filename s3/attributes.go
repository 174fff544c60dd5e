package s3

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"

	"github.com/whypfs/whypfs/buckets"
)

const (
	attributesHeader = "X-Amz-Object-Attributes"
	maxAttributes    = 1000 // parts on a page
)

// attributeNames are those that x-amz-object-attributes can ask for.
var attributeNames = []string{"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}

type objectAttributes struct {
	XMLName      xml.Name        `xml:"http://s3.amazonaws.com/doc/2006-03-01/ GetObjectAttributesResponse"`
	ETag         string          `xml:",omitempty"` // without quotes, here only
	Checksum     *attributeSums  `xml:",omitempty"`
	ObjectParts  *attributeParts `xml:",omitempty"`
	StorageClass string          `xml:",omitempty"`
	ObjectSize   *int64          `xml:",omitempty"`
}

type attributeSums struct{ Checksums []element }

type attributeParts struct {
	PartsCount           int
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	Part                 []attributePart
}

type attributePart struct {
	PartNumber int
	Size       int64
	Checksums  []element
}

func (s *server) getObjectAttributes(w *response, c *call) error {
	want, err := c.wantedAttributes()
	if err != nil {
		return err
	}
	o, err := s.object(c)
	if err != nil {
		return err
	}
	var res objectAttributes
	if slices.Contains(want, "ETag") {
		res.ETag = o.ETag
	}
	if slices.Contains(want, "Checksum") && len(o.Checksums) > 0 {
		res.Checksum = &attributeSums{checksumElements(o.Checksums, o.ChecksumType)}
	}
	if slices.Contains(want, "ObjectParts") && len(o.Parts) > 0 {
		if res.ObjectParts, err = s.partsPage(c, o); err != nil {
			return err
		}
	}
	if slices.Contains(want, "StorageClass") {
		res.StorageClass = storageClass(o)
	}
	if slices.Contains(want, "ObjectSize") {
		res.ObjectSize = &o.Size
	}
	c.tellVersion(w.Header(), o)
	tellCID(w.Header(), o)
	w.Header().Set("Last-Modified", httpTime(o.Modified))
	return writeXML(w, http.StatusOK, res)
}

// wantedAttributes reads what the request asks for; clients send one header
// with a list, or one header for each.
func (c *call) wantedAttributes() ([]string, error) {
	var want []string
	for name := range strings.SplitSeq(strings.Join(c.h.Values(attributesHeader), ","), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(attributeNames, name) {
			return nil, errInvalidArgument.because("Invalid attribute name specified.").
				with("ArgumentName", strings.ToLower(attributesHeader)).with("ArgumentValue", name)
		}
		want = append(want, name)
	}
	if len(want) == 0 {
		return nil, errInvalidRequest.because("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	return want, nil
}

// partsPage tells the parts of a multipart object, numbered as GET's
// partNumber numbers them.
func (s *server) partsPage(c *call, o buckets.Object) (*attributeParts, error) {
	limit, err := count("x-amz-max-parts", c.h.Get("X-Amz-Max-Parts"), maxAttributes, maxAttributes)
	if err != nil {
		return nil, err
	}
	after, err := count("x-amz-part-number-marker", c.h.Get("X-Amz-Part-Number-Marker"), 0, maxParts)
	if err != nil {
		return nil, err
	}
	algorithm, sums, err := s.buckets.PartChecksums(c.r.Context(), o)
	if err != nil {
		return nil, err
	}
	first := min(after, len(o.Parts))
	last := min(first+limit, len(o.Parts))
	page := &attributeParts{
		PartsCount: len(o.Parts), PartNumberMarker: after, NextPartNumberMarker: last,
		MaxParts: limit, IsTruncated: last < len(o.Parts),
	}
	for i, size := range o.Parts[first:last] {
		p := attributePart{PartNumber: first + i + 1, Size: size}
		if len(sums) > 0 {
			p.Checksums = []element{newElement("Checksum"+algorithm, sums[first+i])}
		}
		page.Part = append(page.Part, p)
	}
	return page, nil
}
