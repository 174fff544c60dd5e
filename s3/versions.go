package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/johannesboyne/gofakes3"
	"github.com/whypfs/whypfs/buckets"
)

const maxVersioning = 8 << 10 // bytes of the document

type versioningConfiguration struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	Xmlns     string   `xml:"xmlns,attr,omitempty"`
	Status    string   `xml:",omitempty"`
	MFADelete string   `xml:"MfaDelete,omitempty"`
}

// getVersioning tells of a bucket whose versioning was never set by a document
// without Status, as S3 does.
func (s *server) getVersioning(w *response, c *call) error {
	return writeXML(w, http.StatusOK, versioningConfiguration{Xmlns: namespace, Status: string(c.bucket.Versioning)})
}

func (s *server) putVersioning(w *response, c *call) error {
	data, err := c.document(maxVersioning, false)
	if err != nil {
		return err
	}
	var doc versioningConfiguration
	if err := parseXML(data, &doc); err != nil {
		return err
	}
	v := buckets.Versioning(doc.Status)
	switch {
	case v != buckets.Enabled && v != buckets.Suspended:
		return errMalformedXML.because("The Versioning element must be specified")
	case doc.MFADelete == "Enabled" || c.h.Get("X-Amz-Mfa") != "":
		return errNotImplemented.because("MFA delete is not implemented.")
	}
	if err := s.buckets.SetVersioning(c.r.Context(), c.bucket, v); err != nil {
		return err
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

type listVersionsResult struct {
	XMLName             xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListVersionsResult"`
	Name                text
	Prefix              text
	KeyMarker           text
	VersionIDMarker     string `xml:"VersionIdMarker"`
	NextKeyMarker       text   `xml:",omitempty"`
	NextVersionIDMarker string `xml:"NextVersionIdMarker,omitempty"`
	Delimiter           text   `xml:",omitempty"`
	MaxKeys             int
	EncodingType        string `xml:",omitempty"`
	IsTruncated         bool
	Entries             []listedVersion // versions and delete markers, as they follow each other
	CommonPrefixes      []listedPrefix
}

// listedVersion is a Version or a DeleteMarker; that has no content to describe.
type listedVersion struct {
	marker            bool
	Key               text
	VersionID         string `xml:"VersionId"`
	IsLatest          bool
	LastModified      string
	ETag              string   `xml:",omitempty"`
	ChecksumAlgorithm []string `xml:",omitempty"`
	ChecksumType      string   `xml:",omitempty"`
	Size              *int64   `xml:",omitempty"`
	StorageClass      string   `xml:",omitempty"`
	Owner             gofakes3.UserInfo
}

// MarshalXML implements xml.Marshaler: the name of the element depends on what it tells.
func (v listedVersion) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	type fields listedVersion
	start.Name.Local = "Version"
	if v.marker {
		start.Name.Local = "DeleteMarker"
	}
	return e.EncodeElement(fields(v), start)
}

func (s *server) listVersions(w *response, c *call) error {
	code, err := c.encoding()
	if err != nil {
		return err
	}
	limit, err := c.number("max-keys", maxKeys, maxKeys)
	if err != nil {
		return err
	}
	q := buckets.VersionQuery{
		Prefix: c.q.Get("prefix"), Delimiter: c.q.Get("delimiter"),
		AfterKey: c.q.Get("key-marker"), AfterVersion: c.q.Get("version-id-marker"), Max: limit,
	}
	if q.AfterVersion != "" && q.AfterKey == "" {
		return errInvalidArgument.because("A version-id marker cannot be specified without a key marker.").
			with("ArgumentName", "version-id-marker").with("ArgumentValue", q.AfterVersion)
	}
	var page buckets.VersionPage
	if limit > 0 {
		if page, err = s.buckets.Versions(c.r.Context(), c.bucket, q); err != nil {
			return err
		}
	}
	res := listVersionsResult{
		Name: text(c.name), Prefix: code(q.Prefix), KeyMarker: code(q.AfterKey), VersionIDMarker: q.AfterVersion,
		Delimiter: code(q.Delimiter), MaxKeys: limit, EncodingType: c.q.Get("encoding-type"), IsTruncated: page.More,
	}
	if page.More {
		res.NextKeyMarker, res.NextVersionIDMarker = code(page.NextKey), page.NextVersion
	}
	owners := s.owners(c)
	for _, o := range page.Versions {
		res.Entries = append(res.Entries, listVersion(o, code, owners(o.Owner)))
	}
	for _, p := range page.Prefixes {
		res.CommonPrefixes = append(res.CommonPrefixes, listedPrefix{code(p)})
	}
	w.Header().Set("X-Amz-Bucket-Region", s.region)
	return writeXML(w, http.StatusOK, res)
}

func listVersion(o buckets.Object, code func(string) text, owner gofakes3.UserInfo) listedVersion {
	v := listedVersion{
		marker: o.Marker, Key: code(o.Key), VersionID: o.VersionID(), IsLatest: o.Latest,
		LastModified: isoTime(o.Modified), Owner: owner,
	}
	if o.Marker {
		return v
	}
	v.ETag, v.Size, v.StorageClass = quote(o.ETag), &o.Size, storageClass(o)
	v.ChecksumAlgorithm, v.ChecksumType = algorithms(o.Checksums), o.ChecksumType
	return v
}
