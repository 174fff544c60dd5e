package acl

import (
	"encoding/xml"
	"slices"
	"strings"
)

const (
	namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
	instance  = "http://www.w3.org/2001/XMLSchema-instance"
)

// Document is the AccessControlPolicy of S3, as it is written.
type Document struct {
	XMLName xml.Name        `xml:"http://s3.amazonaws.com/doc/2006-03-01/ AccessControlPolicy"`
	Owner   Owner           `xml:"Owner"`
	Grants  []documentGrant `xml:"AccessControlList>Grant"`
}

// Owner is a user as S3's documents show one.
type Owner struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

type documentGrant struct {
	Grantee    documentGrantee
	Permission Permission
}

type documentGrantee struct {
	XSI         string `xml:"xmlns:xsi,attr"`
	Type        string `xml:"xsi:type,attr"`
	ID          string `xml:",omitempty"`
	DisplayName string `xml:",omitempty"`
	URI         string `xml:",omitempty"`
}

// NewDocument describes a list; name finds the names of users. Groups come
// first, since clients were written against servers that sort so.
func NewDocument(owner Owner, grants []Grant, name func(id string) string) Document {
	sorted := slices.Clone(grants)
	slices.SortStableFunc(sorted, func(a, b Grant) int { return rank(a) - rank(b) })
	doc := Document{XMLName: xml.Name{Space: namespace, Local: "AccessControlPolicy"}, Owner: owner}
	for _, g := range sorted {
		d := documentGrantee{XSI: instance, Type: "Group", URI: g.Grantee.URI}
		if g.Grantee.URI == "" {
			d = documentGrantee{XSI: instance, Type: "CanonicalUser", ID: g.Grantee.ID, DisplayName: name(g.Grantee.ID)}
		}
		doc.Grants = append(doc.Grants, documentGrant{d, g.Permission})
	}
	return doc
}

func rank(g Grant) int {
	if g.Grantee.URI != "" {
		return 0
	}
	return 1
}

// Request is an AccessControlPolicy as a client sends it. The caller decodes
// it, with its limits for documents, and then asks for its Grants.
type Request struct {
	XMLName xml.Name      `xml:"AccessControlPolicy"`
	Owner   *Owner        `xml:"Owner"`
	List    *requestList  `xml:"AccessControlList"`
	Other   []unknownPart `xml:",any"`
}

type unknownPart struct{ XMLName xml.Name }

type requestList struct {
	Grants requestGrants `xml:"Grant"`
	Other  []unknownPart `xml:",any"`
}

type requestGrant struct {
	Grantee struct {
		Type  string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
		ID    string
		URI   string
		Email string `xml:"EmailAddress"`
	}
	Permission Permission
}

// requestGrants grow no further than a list may.
type requestGrants []requestGrant

// UnmarshalXML implements xml.Unmarshaler; it is called for each grant.
func (l *requestGrants) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	if len(*l) == MaxGrants {
		return ErrTooMany
	}
	var g requestGrant
	if err := d.DecodeElement(&g, &start); err != nil {
		return err
	}
	*l = append(*l, g)
	return nil
}

// Read returns the owner that the document names, "" for none, and the grants,
// which are not nil.
func (r *Request) Read() (owner string, grants []Grant, err error) {
	if r.List == nil || len(r.Other) > 0 || len(r.List.Other) > 0 {
		return "", nil, ErrMalformed
	}
	if r.Owner != nil {
		owner = strings.TrimSpace(r.Owner.ID)
	}
	grants = []Grant{}
	for _, d := range r.List.Grants {
		g, err := d.grant()
		if err != nil {
			return "", nil, err
		}
		grants = append(grants, g)
	}
	return owner, grants, nil
}

func (d requestGrant) grant() (Grant, error) {
	g := Grant{Permission: Permission(strings.TrimSpace(string(d.Permission)))}
	switch g.Permission {
	case Read, Write, ReadACP, WriteACP, FullControl:
	default:
		return g, ErrPermission
	}
	id, uri := strings.TrimSpace(d.Grantee.ID), strings.TrimSpace(d.Grantee.URI)
	switch d.Grantee.Type {
	case "CanonicalUser":
		g.Grantee.ID = id
		if id == "" || uri != "" {
			return g, ErrMalformed
		}
	case "Group":
		g.Grantee.URI = uri
		if uri == "" || id != "" {
			return g, ErrMalformed
		}
	case "AmazonCustomerByEmail":
		return g, ErrEmail
	default:
		return g, ErrMalformed
	}
	return g, g.Grantee.check()
}
