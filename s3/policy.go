package s3

import (
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/whypfs/whypfs/internal/accesspolicy"
	"github.com/whypfs/whypfs/internal/acl"
)

func (s *server) putPolicy(w *response, c *call) error {
	data, err := c.document(accesspolicy.MaxSize+1, false)
	if err != nil {
		return err
	}
	p, err := accesspolicy.Parse(data, c.name)
	var wrong *accesspolicy.Error
	if errors.As(err, &wrong) {
		return errMalformedPolicy.because(wrong.Message)
	}
	if err != nil {
		return err
	}
	if c.rules.block.BlockPublicPolicy && p.IsPublic() {
		return errAccessDenied
	}
	if err := s.buckets.SetDocument(c.r.Context(), c.bucket, policyDocument, data); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// policy answers with the document, byte for byte.
func (s *server) policy(w *response, c *call) error {
	if c.rules.policy == nil {
		return errNoPolicy.with("BucketName", c.name)
	}
	data, err := s.buckets.Document(c.r.Context(), c.bucket, policyDocument)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", itoa(int64(len(data))))
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(data)
	return err
}

func (s *server) deletePolicy(w *response, c *call) error {
	if err := s.buckets.SetDocument(c.r.Context(), c.bucket, policyDocument, nil); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// policyStatus tells whether anybody can reach the bucket, by its policy or by
// its list: who asks wants to know both.
func (s *server) policyStatus(w *response, c *call) error {
	return writeXML(w, http.StatusOK, struct {
		XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PolicyStatus"`
		IsPublic bool
	}{IsPublic: c.rules.policy != nil && c.rules.policy.IsPublic() || acl.IsPublic(c.rules.visible(c.bucket.Grants))})
}
