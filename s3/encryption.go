package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/whypfs/whypfs/buckets"
)

const (
	sseHeader = "X-Amz-Server-Side-Encryption"
	// sseS3 is the only encryption there is here: the client leaves it to the
	// server, whose operator encrypts the disk, or does not. The header says
	// that the request was understood.
	sseS3 = "AES256"
	// sseDocument is the bucket's document that asks for it by default.
	sseDocument    = "encryption"
	maxSSEDocument = 8 << 10 // bytes
)

type sseConfiguration struct {
	XMLName xml.Name  `xml:"ServerSideEncryptionConfiguration"`
	Xmlns   string    `xml:"xmlns,attr,omitempty"`
	Rules   []sseRule `xml:"Rule"`
}

type sseRule struct {
	Default   *sseDefault `xml:"ApplyServerSideEncryptionByDefault"`
	BucketKey string      `xml:"BucketKeyEnabled,omitempty"`
	Other     []element   `xml:",any"`
}

type sseDefault struct {
	Algorithm string `xml:"SSEAlgorithm"`
	Key       string `xml:"KMSMasterKeyID,omitempty"`
}

func (s *server) getEncryption(w *response, c *call) error {
	data, err := s.configuration(c, sseDocument, errNoEncryption)
	if err != nil {
		return err
	}
	return writeDocument(w, data)
}

func (s *server) putEncryption(w *response, c *call) error {
	data, err := c.document(maxSSEDocument, false)
	if err != nil {
		return err
	}
	doc, err := parseEncryption(data)
	if err != nil {
		return err
	}
	return s.configure(w, c, sseDocument, doc)
}

// parseEncryption reads a default encryption, of which SSE-S3 is the only one.
func parseEncryption(data []byte) (sseConfiguration, error) {
	var doc sseConfiguration
	if err := parseXML(data, &doc); err != nil {
		return doc, err
	}
	if len(doc.Rules) != 1 || doc.Rules[0].Default == nil {
		return doc, errMalformedXML
	}
	switch d := doc.Rules[0].Default; {
	case d.Algorithm == "aws:kms" || d.Algorithm == "aws:kms:dsse":
		return doc, errNotImplemented.because("Encryption with keys of KMS is not implemented.")
	case d.Algorithm != sseS3:
		return doc, errMalformedXML
	case d.Key != "":
		return doc, errInvalidArgument.because("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
	}
	return sseConfiguration{
		Xmlns: namespace,
		Rules: []sseRule{{Default: &sseDefault{Algorithm: sseS3}, BucketKey: "false"}},
	}, nil
}

func (s *server) deleteEncryption(w *response, c *call) error {
	return s.unconfigure(w, c, sseDocument)
}

// encrypt notes the encryption that the request, or the bucket for it, asks for.
func (c *call) encrypt(a *buckets.Attributes) {
	_, byDefault := c.bucket.Documents[sseDocument]
	if c.h.Get(sseHeader) != "" || byDefault {
		a.Headers[sseHeader] = sseS3
	}
}

// tellEncryption sets the header that an object or upload was noted with.
func tellEncryption(h http.Header, a buckets.Attributes) {
	if v := a.Headers[sseHeader]; v != "" {
		h.Set(sseHeader, v)
	}
}
