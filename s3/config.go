package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/johannesboyne/gofakes3"
)

// absent answers for a configuration that no bucket has here with S3's own
// error for one that was never set: clients probe for many of them.
func absent(status int, code, message string) func(*server, *response, *call) error {
	e := &apiError{Code: code, Status: status, Message: message}
	return func(_ *server, _ *response, c *call) error {
		return e.with("BucketName", c.name)
	}
}

// empty answers for a configuration whose default S3 tells by an empty document.
func empty(root string) func(*server, *response, *call) error {
	return func(_ *server, w *response, _ *call) error {
		return writeXML(w, http.StatusOK, struct{ XMLName xml.Name }{xml.Name{Space: namespace, Local: root}})
	}
}

// grantee is who an ACL gives a permission to.
type grantee struct {
	XSI         string `xml:"xmlns:xsi,attr"`
	Type        string `xml:"xsi:type,attr"`
	ID          string
	DisplayName string
}

type grant struct {
	Grantee    grantee
	Permission string
}

type accessControlPolicy struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ AccessControlPolicy"`
	Owner   gofakes3.UserInfo
	Grants  []grant `xml:"AccessControlList>Grant"`
}

// acl tells the one access rule there is: the bucket's owner has full control.
func (s *server) acl(w *response, c *call) error {
	if c.key != "" {
		if err := s.exists(c); err != nil {
			return err
		}
	}
	owner := s.owner(c)
	return writeXML(w, http.StatusOK, accessControlPolicy{Owner: owner, Grants: []grant{{
		Grantee: grantee{
			XSI: "http://www.w3.org/2001/XMLSchema-instance", Type: "CanonicalUser",
			ID: owner.ID, DisplayName: owner.DisplayName,
		},
		Permission: "FULL_CONTROL",
	}}})
}

// exists returns an error if the object of the call does not.
func (s *server) exists(c *call) error {
	_, err := s.object(c)
	return err
}
