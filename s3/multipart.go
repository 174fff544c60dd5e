package s3

import (
	"cmp"
	"encoding/xml"
	"net/http"

	"github.com/johannesboyne/gofakes3"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/checksum"
)

const (
	maxParts   = 10000 // in an upload, and the highest number
	maxUploads = 1000  // on a page
)

type createUploadResult struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
	Bucket   text
	Key      text
	UploadID string `xml:"UploadId"`
}

func (s *server) createUpload(w *response, c *call) error {
	attr, err := c.attributes()
	if err != nil {
		return err
	}
	algorithm, kind, err := c.uploadChecksum()
	if err != nil {
		return err
	}
	attr.ChecksumType = kind
	owner, grants, err := s.objectGrants(c)
	if err != nil {
		return err
	}
	attr.Grants = grants
	cycle, err := s.lifecycleOf(c)
	if err != nil {
		return err
	}
	up, err := s.buckets.CreateUpload(c.r.Context(), c.bucket, c.key, owner, c.user.ID, attr, algorithm)
	if err != nil {
		return err
	}
	if algorithm != "" {
		w.Header().Set("X-Amz-Checksum-Algorithm", algorithm)
		w.Header().Set(checksumType, kind)
	}
	tellEncryption(w.Header(), attr)
	tellAbort(w.Header(), cycle, up)
	return writeXML(w, http.StatusOK, createUploadResult{Bucket: text(c.name), Key: text(c.key), UploadID: up.ID})
}

// uploadChecksum reads which checksum the object shall have; "" leaves it to us.
func (c *call) uploadChecksum() (algorithm, kind string, err error) {
	kind = c.h.Get(checksumType)
	v := c.h.Get("X-Amz-Checksum-Algorithm")
	if v == "" {
		if kind != "" {
			return "", "", errInvalidRequest.because("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return "", "", nil
	}
	algorithm, ok := checksum.Canonical(v)
	if !ok {
		return "", "", checksum.ErrUnknown
	}
	if kind == "" {
		kind = string(checksum.DefaultType(algorithm))
	}
	if !checksum.Allows(algorithm, checksum.Type(kind)) {
		return "", "", checksum.ErrType
	}
	return algorithm, kind, nil
}

func (s *server) abortUpload(w *response, c *call) error {
	if err := s.buckets.Abort(c.r.Context(), c.bucket, c.key, c.q.Get("uploadId")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type listUploadsResult struct {
	XMLName            xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
	Bucket             text
	KeyMarker          text
	UploadIDMarker     string `xml:"UploadIdMarker"`
	NextKeyMarker      text   `xml:",omitempty"`
	NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
	Prefix             text
	Delimiter          text   `xml:",omitempty"`
	EncodingType       string `xml:",omitempty"`
	MaxUploads         int
	IsTruncated        bool
	Upload             []listedUpload
	CommonPrefixes     []listedPrefix
}

type listedUpload struct {
	Key               text
	UploadID          string `xml:"UploadId"`
	Initiator         gofakes3.UserInfo
	Owner             gofakes3.UserInfo
	StorageClass      string
	Initiated         string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

func (s *server) listUploads(w *response, c *call) error {
	code, err := c.encoding()
	if err != nil {
		return err
	}
	limit, err := c.number("max-uploads", maxUploads, maxUploads)
	if err != nil {
		return err
	}
	q := buckets.UploadQuery{
		Prefix: c.q.Get("prefix"), Delimiter: c.q.Get("delimiter"),
		AfterKey: c.q.Get("key-marker"), AfterID: c.q.Get("upload-id-marker"), Max: limit,
	}
	if q.AfterKey == "" {
		q.AfterID = "" // as S3: it means nothing without a key
	}
	var page buckets.UploadPage
	if limit > 0 {
		if page, err = s.buckets.Uploads(c.r.Context(), c.bucket, q); err != nil {
			return err
		}
	}
	who := s.owners(c)
	res := listUploadsResult{
		Bucket: text(c.name), KeyMarker: code(q.AfterKey), UploadIDMarker: q.AfterID,
		Prefix: code(q.Prefix), Delimiter: code(q.Delimiter), EncodingType: c.q.Get("encoding-type"),
		MaxUploads: limit, IsTruncated: page.More,
	}
	if page.More {
		res.NextKeyMarker, res.NextUploadIDMarker = code(page.NextKey), page.NextID
	}
	for _, u := range page.Uploads {
		res.Upload = append(res.Upload, listedUpload{
			Key: code(u.Key), UploadID: u.ID, Initiator: who(initiator(u)), Owner: who(u.Owner), StorageClass: cmp.Or(u.Class, standardClass),
			Initiated: isoTime(u.Started), ChecksumAlgorithm: u.Algorithm, ChecksumType: u.ChecksumType,
		})
	}
	for _, p := range page.Prefixes {
		res.CommonPrefixes = append(res.CommonPrefixes, listedPrefix{code(p)})
	}
	return writeXML(w, http.StatusOK, res)
}
