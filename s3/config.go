package s3

import (
	"encoding/xml"
	"net/http"
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

// exists returns an error if the object of the call does not.
func (s *server) exists(c *call) error {
	_, err := s.object(c)
	return err
}
