package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"

	"github.com/whypfs/whypfs/buckets"
)

// configuration returns a document of the call's bucket, as it was stored; absent is
// the error that S3 has for a bucket without it.
func (s *server) configuration(c *call, name string, absent *apiError) ([]byte, error) {
	data, err := s.buckets.Document(c.r.Context(), c.bucket, name)
	if errors.Is(err, buckets.ErrNoDocument) {
		return nil, absent.with("BucketName", c.name)
	}
	return data, err
}

// configure stores a document of the call's bucket and answers.
func (s *server) configure(w *response, c *call, name string, doc any) error {
	data, err := xml.Marshal(doc)
	if err != nil {
		return err
	}
	if err := s.buckets.SetDocument(c.r.Context(), c.bucket, name, data); err != nil {
		return err
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// unconfigure drops a document of the call's bucket and answers. That there
// was none is no error.
func (s *server) unconfigure(w *response, c *call, name string) error {
	if err := s.buckets.SetDocument(c.r.Context(), c.bucket, name, nil); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// writeDocument answers with a document as it was stored.
func writeDocument(w http.ResponseWriter, data []byte) error {
	data = bytes.Join([][]byte{[]byte(xml.Header), data}, nil)
	h := w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(data)
	return err
}
