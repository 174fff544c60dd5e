package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/johannesboyne/gofakes3"
	"github.com/whypfs/whypfs/buckets"
)

const maxKeys = 1000

// listing is what both versions of ListObjects have in common.
type listing struct {
	Name           text
	Prefix         text
	Delimiter      text `xml:",omitempty"`
	MaxKeys        int
	EncodingType   string `xml:",omitempty"`
	IsTruncated    bool
	Contents       []listedObject
	CommonPrefixes []listedPrefix
}

type listedObject struct {
	Key               text
	LastModified      string
	ETag              string
	ChecksumAlgorithm []string
	ChecksumType      string `xml:",omitempty"`
	Size              int64
	Owner             *gofakes3.UserInfo
	StorageClass      string
}

type listedPrefix struct{ Prefix text }

type listResult struct {
	XMLName    xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Marker     text
	NextMarker text `xml:",omitempty"`
	listing
}

type listResultV2 struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	StartAfter            text     `xml:",omitempty"`
	ContinuationToken     string   `xml:",omitempty"`
	NextContinuationToken string   `xml:",omitempty"`
	KeyCount              int
	listing
}

// listObjects is the first version of the listing, which some clients
// (rclone with its provider Other) still use, without url encoding.
func (s *server) listObjects(w *response, c *call) error {
	code, err := c.encoding()
	if err != nil {
		return err
	}
	marker := c.q.Get("marker")
	l, next, err := s.list(c, marker, code, s.owners(c))
	if err != nil {
		return err
	}
	res := listResult{Marker: code(marker), listing: l}
	// S3 gives a NextMarker only with a delimiter; without, it is the last key.
	if l.IsTruncated && c.q.Get("delimiter") != "" {
		res.NextMarker = code(next)
	}
	w.Header().Set("X-Amz-Bucket-Region", s.region)
	return writeXML(w, http.StatusOK, res)
}

func (s *server) listObjectsV2(w *response, c *call) error {
	if v := c.q.Get("list-type"); v != "2" {
		return errInvalidArgument.because("Invalid List Type").with("ArgumentName", "list-type").with("ArgumentValue", v)
	}
	code, err := c.encoding()
	if err != nil {
		return err
	}
	after := c.q.Get("start-after")
	if c.q.Has("continuation-token") {
		if c.q.Get("continuation-token") == "" {
			return errToken("")
		}
		if after, err = parseToken(c.q.Get("continuation-token")); err != nil {
			return err
		}
	}
	var owners func(uint64) gofakes3.UserInfo
	if c.q.Get("fetch-owner") == "true" {
		owners = s.owners(c)
	}
	l, next, err := s.list(c, after, code, owners)
	if err != nil {
		return err
	}
	res := listResultV2{
		StartAfter: code(c.q.Get("start-after")), ContinuationToken: c.q.Get("continuation-token"),
		KeyCount: len(l.Contents) + len(l.CommonPrefixes), listing: l,
	}
	if l.IsTruncated {
		res.NextContinuationToken = formatToken(next)
	}
	w.Header().Set("X-Amz-Bucket-Region", s.region)
	return writeXML(w, http.StatusOK, res)
}

// list asks for one page and dresses it for either version. owners is nil where
// they are not told.
func (s *server) list(c *call, after string, code func(string) text, owners func(uint64) gofakes3.UserInfo) (listing, string, error) {
	if err := c.optionalAttributes(); err != nil {
		return listing{}, "", err
	}
	limit, err := c.number("max-keys", maxKeys, maxKeys)
	if err != nil {
		return listing{}, "", err
	}
	l := listing{
		Name: text(c.name), Prefix: code(c.q.Get("prefix")), Delimiter: code(c.q.Get("delimiter")),
		MaxKeys: limit, EncodingType: c.q.Get("encoding-type"),
	}
	if limit == 0 {
		return l, "", nil
	}
	page, err := s.buckets.List(c.r.Context(), c.bucket, buckets.Query{
		Prefix: c.q.Get("prefix"), Delimiter: c.q.Get("delimiter"), After: after, Max: limit,
	})
	if err != nil {
		return l, "", err
	}
	l.IsTruncated = page.More
	for _, o := range page.Objects {
		entry := listedObject{
			Key: code(o.Key), LastModified: isoTime(o.Modified), ETag: quote(o.ETag), Size: o.Size,
			ChecksumAlgorithm: algorithms(o.Checksums), ChecksumType: o.ChecksumType, StorageClass: storageClass(o),
		}
		if owners != nil {
			entry.Owner = new(owners(o.Owner))
		}
		l.Contents = append(l.Contents, entry)
	}
	for _, p := range page.Prefixes {
		l.CommonPrefixes = append(l.CommonPrefixes, listedPrefix{code(p)})
	}
	return l, page.Next, nil
}

// optionalAttributes refuses what a listing cannot tell besides. What it can,
// the state of a restored copy, is told of every object that has one.
func (c *call) optionalAttributes() error {
	for name := range strings.SplitSeq(strings.Join(c.h.Values("X-Amz-Optional-Object-Attributes"), ","), ",") {
		if name = strings.TrimSpace(name); name != "" && name != "RestoreStatus" {
			return errInvalidArgument.because("Invalid attribute name specified.").
				with("ArgumentName", "x-amz-optional-object-attributes").with("ArgumentValue", name)
		}
	}
	return nil
}

func algorithms(sums map[string]string) []string {
	var out []string
	for name := range sums {
		out = append(out, name)
	}
	return out
}

// encoding returns how keys are written in a listing.
func (c *call) encoding() (func(string) text, error) {
	switch v := c.q.Get("encoding-type"); strings.ToLower(v) {
	case "":
		return func(s string) text { return text(s) }, nil
	case "url":
		return func(s string) text { return text(urlEncode(s)) }, nil
	default:
		return nil, errInvalidArgument.because("Invalid Encoding Method specified in Request").
			with("ArgumentName", "encoding-type").with("ArgumentValue", v)
	}
}

// tokenPrefix marks a continuation token of ours, so that another's is refused
// and not taken for a position.
const tokenPrefix = "1:"

// formatToken makes the token of the page that begins after a key. It holds
// nothing secret: it is a position, and a forged one only is another position.
func formatToken(after string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenPrefix + after))
}

func parseToken(token string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", errToken(token)
	}
	after, ok := strings.CutPrefix(string(b), tokenPrefix)
	if !ok {
		return "", errToken(token)
	}
	return after, nil
}

func errToken(token string) error {
	return errInvalidArgument.because("The continuation token provided is incorrect").
		with("ArgumentName", "continuation-token").with("ArgumentValue", token)
}
