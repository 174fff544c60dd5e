package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/johannesboyne/gofakes3"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/acl"
)

const (
	maxBuckets       = 10000
	maxConfiguration = 64 << 10 // bytes of a bucket's creation document
)

// listBuckets lists the caller's own buckets, an admin's too.
func (s *server) listBuckets(w *response, c *call) error {
	limit, err := c.number("max-buckets", maxBuckets, maxBuckets+1)
	if err != nil {
		return err
	}
	if limit == 0 || limit > maxBuckets {
		return errInvalidArgument.because("Argument max-buckets must be an integer between 1 and 10000").
			with("ArgumentName", "max-buckets").with("ArgumentValue", c.q.Get("max-buckets"))
	}
	after, err := parseToken(c.q.Get("continuation-token"))
	if err != nil {
		return err
	}
	next := ""
	page := func() ([]buckets.Bucket, error) {
		if r := c.q.Get("bucket-region"); r != "" && r != s.region {
			return nil, nil // every bucket is here
		}
		if c.anonymous() {
			return nil, nil // nobody owns none; buckets takes 0 for everybody
		}
		p, err := s.buckets.ListBuckets(c.r.Context(), buckets.BucketQuery{
			Owner: c.user.ID, Prefix: c.q.Get("prefix"), After: after, Max: limit,
		})
		if p.More {
			next = p.Buckets[limit-1].Name
		}
		return p.Buckets, err
	}
	body, err := s.gofakes3(c, &fake{list: page}, "")
	if err != nil {
		return err
	}
	return s.writeBuckets(w, c, body, next)
}

// writeBuckets puts into gofakes3's document what it does not know: the owner
// and the page.
func (s *server) writeBuckets(w *response, c *call, body []byte, next string) error {
	var doc struct {
		XMLName xml.Name           `xml:"ListAllMyBucketsResult"`
		Xmlns   string             `xml:"xmlns,attr"`
		Owner   *gofakes3.UserInfo `xml:"Owner"`
		Buckets []bucketEntry      `xml:"Buckets>Bucket"`
		Prefix  string             `xml:"Prefix,omitempty"`
		Token   string             `xml:"ContinuationToken,omitempty"`
	}
	if err := xml.Unmarshal(body, &doc); err != nil {
		return err
	}
	doc.XMLName = xml.Name{Local: "ListAllMyBucketsResult"}
	doc.Xmlns = namespace
	doc.Owner = &gofakes3.UserInfo{ID: ownerID(c.user.ID), DisplayName: c.user.Name}
	doc.Prefix = c.q.Get("prefix")
	// S3 tells the region to who asks with a parameter.
	if slices.ContainsFunc(names("prefix", "max-buckets", "continuation-token", "bucket-region"), c.q.Has) {
		for i := range doc.Buckets {
			doc.Buckets[i].BucketRegion = s.region
		}
	}
	if next != "" {
		doc.Token = formatToken(next)
	}
	return writeXML(w, http.StatusOK, doc)
}

type bucketEntry struct {
	Name         string
	CreationDate string
	BucketRegion string `xml:",omitempty"`
}

// bucketConfiguration is the body of CreateBucket.
type bucketConfiguration struct {
	XMLName            xml.Name `xml:"CreateBucketConfiguration"`
	LocationConstraint string
	Other              []element `xml:",any"`
}

func (s *server) createBucket(w *response, c *call) error {
	if err := s.checkCreation(c); err != nil {
		return err
	}
	options, err := s.bucketOptions(c)
	if err != nil {
		return err
	}
	_, err = s.gofakes3(c, &fake{options: options}, "")
	if errors.Is(err, buckets.ErrBucketOwned) && s.region == defaultRegion {
		// In us-east-1, and only there, S3 lets an owner create a bucket again.
		err = s.sameAgain(c, options.Grants)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/"+c.name)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// sameAgain returns an error if the bucket that exists has another list than is
// asked for: to say that it is created would be wrong, and to replace its list
// could open it.
func (s *server) sameAgain(c *call, asked []acl.Grant) error {
	b, err := s.buckets.Bucket(c.r.Context(), c.name)
	if err != nil {
		return err
	}
	own := []acl.Grant{{Grantee: acl.Grantee{ID: c.caller()}, Permission: acl.FullControl}}
	if asked == nil {
		asked = own
	}
	if b.Grants == nil {
		b.Grants = own
	}
	if !slices.Equal(asked, b.Grants) {
		return errBucketExists
	}
	return nil
}

// checkCreation reads the creation document and refuses what a bucket here
// cannot be.
func (s *server) checkCreation(c *call) error {
	data, err := c.document(maxConfiguration, false)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	var doc bucketConfiguration
	if err := parseXML(data, &doc); err != nil {
		return err
	}
	if len(doc.Other) > 0 {
		return errNotImplemented.with("Element", doc.Other[0].XMLName.Local)
	}
	return s.checkLocation(strings.TrimSpace(doc.LocationConstraint))
}

// regionName is how S3 names its regions.
var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)

// checkLocation refuses every region but this one. S3 tells those it has from
// those that nobody has; to name none is to mean this one, and EU is the name
// that eu-west-1 once had.
func (s *server) checkLocation(constraint string) error {
	switch {
	case constraint == "", constraint == s.region, constraint == "EU" && s.region == "eu-west-1":
		return nil
	case constraint == "EU", regionName.MatchString(constraint):
		return errIllegalLocation.because("The " + constraint + " location constraint is incompatible for the region specific endpoint this request was sent to.")
	}
	return errInvalidLocation.with("LocationConstraint", constraint)
}

func (s *server) headBucket(w *response, c *call) error {
	if _, err := s.gofakes3(c, &fake{}, ""); err != nil {
		return err
	}
	w.Header().Set("X-Amz-Bucket-Region", s.region)
	w.Header().Set("X-Amz-Access-Point-Alias", "false")
	w.Header().Set("Content-Type", "application/xml")
	if err := s.tellTree(w, c); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// tellTree names the directory that a bucket is on IPFS, if someone has asked
// for that: whoever may list a bucket may know it.
func (s *server) tellTree(w *response, c *call) error {
	t, err := s.buckets.KnownTree(c.r.Context(), c.bucket)
	if errors.Is(err, buckets.ErrNoTree) {
		return nil
	}
	if err != nil || !t.Root.Defined() {
		return err
	}
	w.Header().Set("X-Whypfs-Tree-Cid", t.Root.String())
	w.Header().Set("X-Whypfs-Tree-Pending", strconv.FormatBool(t.Pending))
	return nil
}

func (s *server) deleteBucket(w *response, c *call) error {
	if _, err := s.gofakes3(c, &fake{}, ""); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// bucketLocation names the region; S3's way to name us-east-1 is no name.
func (s *server) bucketLocation(w *response, c *call) error {
	body, err := s.gofakes3(c, &fake{}, "location")
	if err != nil {
		return err
	}
	var doc gofakes3.GetBucketLocation
	if err := xml.Unmarshal(body, &doc); err != nil {
		return err
	}
	doc.XMLName, doc.Xmlns = xml.Name{Local: "LocationConstraint"}, namespace
	if s.region != defaultRegion {
		doc.LocationConstraint = s.region
	}
	return writeXML(w, http.StatusOK, doc)
}

// number reads a query parameter that limits a listing; see count.
func (c *call) number(name string, absent, most int) (int, error) {
	return count(name, c.q.Get(name), absent, most)
}

// count reads how many a client wants of what name says: absent is the default,
// and more than most is cut to it, as S3 does.
func count(name, v string, absent, most int) (int, error) {
	if v == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		return 0, errInvalidArgument.because("Provided "+name+" not an integer or within integer range").
			with("ArgumentName", name).with("ArgumentValue", v)
	}
	return min(int(n), most), nil
}
