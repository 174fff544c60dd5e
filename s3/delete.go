package s3

import (
	"context"
	"encoding/xml"
	"net/http"
	"sync"

	"github.com/whypfs/whypfs/buckets"
)

const (
	maxDelete = 1000
	// maxDeleteBody lets 1000 keys of 1024 bytes through even if every byte
	// is written as a character reference.
	maxDeleteBody = 8 << 20
	// deleters run at once, so that their transactions share commits.
	deleters = 32
)

// deleteRequest is the body of DeleteObjects.
type deleteRequest struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   bool
	Objects deleteEntries `xml:"Object"`
}

// deleteEntries grows no further than a request may go: the document has room
// for a million empty entries.
type deleteEntries []deleteEntry

// UnmarshalXML implements xml.Unmarshaler; it is called for each entry.
func (l *deleteEntries) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	if len(*l) == maxDelete {
		return errMalformedXML
	}
	var e deleteEntry
	if err := d.DecodeElement(&e, &start); err != nil {
		return err
	}
	*l = append(*l, e)
	return nil
}

type deleteEntry struct {
	Key              string
	VersionID        string `xml:"VersionId"`
	ETag             string
	LastModifiedTime string
	Size             string
}

type deleteResult struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []deletedKey
	Error   []failedKey
}

type deletedKey struct {
	Key       text
	VersionID string `xml:"VersionId,omitempty"`
}

type failedKey struct {
	Key       text
	VersionID string `xml:"VersionId,omitempty"`
	Code      string
	Message   string
}

func (s *server) deleteObjects(w *response, c *call) error {
	data, err := c.document(maxDeleteBody, true)
	if err != nil {
		return err
	}
	var req deleteRequest
	if err := parseXML(data, &req); err != nil {
		return err
	}
	if len(req.Objects) == 0 {
		return errMalformedXML
	}
	errs := s.deleteAll(c, req.Objects)
	var res deleteResult
	for i, e := range req.Objects {
		switch {
		case errs[i] != nil:
			api := translate(errs[i])
			if s.isOurs(c, errs[i]) {
				s.log.ErrorContext(c.r.Context(), "object not deleted", "req", c.id, "bucket", c.name, "key", e.Key, "err", errs[i])
			}
			res.Error = append(res.Error, failedKey{Key: text(e.Key), VersionID: e.VersionID, Code: api.Code, Message: api.Message})
		case !req.Quiet:
			res.Deleted = append(res.Deleted, deletedKey{Key: text(e.Key), VersionID: e.VersionID})
		}
	}
	return writeXML(w, http.StatusOK, res)
}

// deleteAll deletes each entry and returns their errors by index.
func (s *server) deleteAll(c *call, entries []deleteEntry) []error {
	errs := make([]error, len(entries))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(deleters, len(entries)) {
		wg.Go(func() {
			for i := range next {
				errs[i] = s.deleteOne(c.r.Context(), c.bucket, entries[i])
			}
		})
	}
	for i := range entries {
		next <- i
	}
	close(next)
	wg.Wait()
	return errs
}

func (s *server) deleteOne(ctx context.Context, b buckets.Bucket, e deleteEntry) error {
	switch {
	case e.VersionID != "" && e.VersionID != "null":
		return errNoSuchVersion
	case e.LastModifiedTime != "" || e.Size != "":
		// To ignore a condition would delete what was to be kept.
		return errNotImplemented
	case e.Key == "":
		return errMalformedXML
	case len(e.Key) > 1024:
		return errKeyTooLong
	}
	var cond buckets.Conditions
	if e.ETag != "" {
		cond.IfMatch = ifMatch(e.ETag)
	}
	_, err := s.buckets.Delete(ctx, b, e.Key, buckets.DeleteOptions{Conditions: cond})
	return err
}
