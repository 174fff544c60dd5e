package s3

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/johannesboyne/gofakes3"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/checksum"
)

const maxListedParts = 1000

func (s *server) uploadPart(w *response, c *call) error {
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	up, err := s.buckets.Upload(c.r.Context(), c.bucket, c.key, c.q.Get("uploadId"))
	if err != nil {
		return err
	}
	p, err := c.payload(maxPut)
	if err != nil {
		return err
	}
	if up.Algorithm != "" && p.algorithm != "" && p.algorithm != up.Algorithm {
		return errInvalidRequest.because("Checksum Type mismatch occurred, expected checksum Type: " +
			strings.ToLower(up.Algorithm) + ", actual checksum Type: " + strings.ToLower(p.algorithm))
	}
	p.sums.add(partAlgorithm(up))
	part, err := s.buckets.PutPart(c.r.Context(), c.bucket, c.key, up.ID, number,
		p.upload(func(a *buckets.Attributes, sums map[string]string) { a.Checksums = sums }))
	if err != nil {
		return err
	}
	h := w.Header()
	h["ETag"] = []string{quote(part.ETag)}
	tell := part.Checksums
	if p.algorithm != "" && up.Algorithm == "" {
		// The sum we keep for ourselves is not told beside the client's own.
		tell = map[string]string{p.algorithm: part.Checksums[p.algorithm]}
	}
	tellChecksums(h, tell, "")
	tellEncryption(h, up.Attributes)
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// partAlgorithm is the checksum that every part of an upload needs, so that
// the object's can be made of them: that which was asked for, or the one that
// S3 chooses.
func partAlgorithm(up buckets.MultipartUpload) string {
	if up.Algorithm != "" {
		return up.Algorithm
	}
	return checksum.CRC64NVME
}

func (c *call) partNumber() (int, error) {
	v := c.q.Get("partNumber")
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxParts {
		return 0, errInvalidArgument.because("Part number must be an integer between 1 and 10000, inclusive").
			with("ArgumentName", "partNumber").with("ArgumentValue", v)
	}
	return n, nil
}

type listPartsResult struct {
	XMLName              xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListPartsResult"`
	Bucket               text
	Key                  text
	UploadID             string `xml:"UploadId"`
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	EncodingType         string `xml:",omitempty"`
	Part                 []listedPart
	Initiator            gofakes3.UserInfo
	Owner                gofakes3.UserInfo
	StorageClass         string
	ChecksumAlgorithm    string `xml:",omitempty"`
	ChecksumType         string `xml:",omitempty"`
}

type listedPart struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
	Checksums    []element
}

func (s *server) listParts(w *response, c *call) error {
	code, err := c.encoding()
	if err != nil {
		return err
	}
	limit, err := c.number("max-parts", maxListedParts, maxListedParts)
	if err != nil {
		return err
	}
	after, err := c.number("part-number-marker", 0, maxParts)
	if err != nil {
		return err
	}
	up, err := s.buckets.Upload(c.r.Context(), c.bucket, c.key, c.q.Get("uploadId"))
	if err != nil {
		return err
	}
	who := s.owners(c)
	res := listPartsResult{
		Bucket: text(c.name), Key: code(c.key), UploadID: up.ID, EncodingType: c.q.Get("encoding-type"),
		PartNumberMarker: after, NextPartNumberMarker: after, MaxParts: limit, Initiator: who(initiator(up)), Owner: who(up.Owner),
		StorageClass: cmp.Or(up.Class, standardClass), ChecksumAlgorithm: up.Algorithm, ChecksumType: up.ChecksumType,
	}
	cycle, err := s.lifecycleOf(c)
	if err != nil {
		return err
	}
	tellAbort(w.Header(), cycle, up)
	if limit == 0 {
		return writeXML(w, http.StatusOK, res)
	}
	parts, more, err := s.buckets.Parts(c.r.Context(), c.bucket, c.key, up.ID, after, limit)
	if err != nil {
		return err
	}
	res.IsTruncated = more
	for _, p := range parts {
		res.NextPartNumberMarker = p.Number
		res.Part = append(res.Part, listedPart{
			PartNumber: p.Number, LastModified: isoTime(p.Modified), ETag: quote(p.ETag), Size: p.Size,
			Checksums: checksumElements(p.Checksums, ""),
		})
	}
	return writeXML(w, http.StatusOK, res)
}
