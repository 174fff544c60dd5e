package s3

import (
	"encoding/xml"
	"net/http"
)

// publicBlock is S3's public access block of a bucket.
type publicBlock struct {
	BlockPublicAcls       bool // a list that is public cannot be set
	IgnorePublicAcls      bool // grants to the public do not count
	BlockPublicPolicy     bool // a policy that is public cannot be set
	RestrictPublicBuckets bool // a policy that is public allows nobody but the owner
}

// parsePublicBlock reads the document as a client sends it and as it is kept.
// An element with another value than true or false is an error.
func parsePublicBlock(data []byte) (publicBlock, error) {
	var doc struct {
		XMLName xml.Name `xml:"PublicAccessBlockConfiguration"`
		publicBlock
		Other []element `xml:",any"`
	}
	if err := parseXML(data, &doc); err != nil {
		return publicBlock{}, err
	}
	if len(doc.Other) > 0 {
		return publicBlock{}, errMalformedXML
	}
	return doc.publicBlock, nil
}

const maxPublicBlock = 4 << 10 // bytes

func (s *server) putPublicAccessBlock(_ *response, c *call) error {
	data, err := c.document(maxPublicBlock, false)
	if err != nil {
		return err
	}
	if _, err := parsePublicBlock(data); err != nil {
		return err
	}
	return s.buckets.SetDocument(c.r.Context(), c.bucket, blockDocument, data)
}

func (s *server) publicAccessBlock(w *response, c *call) error {
	if c.bucket.Documents[blockDocument] == 0 {
		return errNoPublicBlock.with("BucketName", c.name)
	}
	return writeXML(w, http.StatusOK, struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PublicAccessBlockConfiguration"`
		publicBlock
	}{publicBlock: c.rules.block})
}

func (s *server) deletePublicAccessBlock(w *response, c *call) error {
	if err := s.buckets.SetDocument(c.r.Context(), c.bucket, blockDocument, nil); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
