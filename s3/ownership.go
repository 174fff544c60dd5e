package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/acl"
)

// ValidOwnership says whether a bucket can have an object ownership.
func ValidOwnership(v string) bool {
	return v == ownerEnforced || v == ownerPreferred || v == objectWriter
}

type ownershipControls struct {
	XMLName xml.Name        `xml:"OwnershipControls"`
	Rules   []ownershipRule `xml:"Rule"`
	Other   []element       `xml:",any"`
}

type ownershipRule struct {
	ObjectOwnership string
}

func parseOwnership(data []byte) (string, error) {
	var doc ownershipControls
	if err := parseXML(data, &doc); err != nil {
		return "", err
	}
	if len(doc.Other) > 0 || len(doc.Rules) != 1 || !ValidOwnership(doc.Rules[0].ObjectOwnership) {
		return "", errMalformedXML
	}
	return doc.Rules[0].ObjectOwnership, nil
}

const maxOwnership = 4 << 10 // bytes

func (s *server) putOwnership(_ *response, c *call) error {
	data, err := c.document(maxOwnership, false)
	if err != nil {
		return err
	}
	v, err := parseOwnership(data)
	if err != nil {
		return err
	}
	if v == ownerEnforced && !private(c.bucket.Grants, ownerID(c.bucket.Owner)) {
		return errOwnershipACL
	}
	return s.buckets.SetDocument(c.r.Context(), c.bucket, ownershipDocument, []byte(v))
}

// private says whether a list grants nothing to others than the owner.
func private(grants []acl.Grant, owner string) bool {
	for _, g := range grants {
		if g.Grantee.ID != owner {
			return false
		}
	}
	return true
}

func (s *server) ownershipControls(w *response, c *call) error {
	v := c.rules.ownership
	switch v {
	case noOwnership:
		return errNoOwnership.with("BucketName", c.name)
	case "":
		v = ownerEnforced
	}
	return writeXML(w, http.StatusOK, struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ OwnershipControls"`
		Rule    ownershipRule
	}{Rule: ownershipRule{v}})
}

// deleteOwnership removes the controls, which in S3 turns access control lists on.
func (s *server) deleteOwnership(w *response, c *call) error {
	if err := s.buckets.SetDocument(c.r.Context(), c.bucket, ownershipDocument, []byte(noOwnership)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// newOwnership returns the ownership of a bucket that is being created, and the
// document that says so: none for BucketOwnerEnforced.
func (s *server) newOwnership(c *call) (string, map[string][]byte, error) {
	v := c.h.Get("X-Amz-Object-Ownership")
	stored := v
	switch {
	case v != "" && !ValidOwnership(v):
		return "", nil, errInvalidArgument.because("Invalid x-amz-object-ownership header: "+v).with("ArgumentName", "x-amz-object-ownership")
	case v == "" && s.ownership == objectWriter:
		v, stored = objectWriter, noOwnership // as buckets were before there were controls
	case v == "":
		v, stored = s.ownership, s.ownership
	}
	if v == "" || v == ownerEnforced {
		return ownerEnforced, nil, nil
	}
	return v, map[string][]byte{ownershipDocument: []byte(stored)}, nil
}

// objectOwner is whose an object will be that the caller puts. What nobody in
// particular puts belongs to the bucket's owner, which buckets writes as 0.
func (c *call) objectOwner() uint64 {
	switch {
	case !c.rules.lists():
		return c.bucket.Owner
	case c.rules.ownership == ownerPreferred && c.h.Get("X-Amz-Acl") == cannedFullControl:
		return c.bucket.Owner
	case c.anonymous():
		return c.bucket.Owner
	}
	return c.user.ID
}

// listOwner is the owner of an object as its list counts it.
func (r rules) listOwner(b buckets.Bucket, o buckets.Object) uint64 {
	if !r.lists() {
		return b.Owner
	}
	return o.Owner
}
