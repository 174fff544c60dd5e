package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"sync"
	"time"

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

// deletedKey tells of a delete marker that was made, or removed.
type deletedKey struct {
	Key                   text
	VersionID             string `xml:"VersionId,omitempty"`
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

type failedKey struct {
	Key       text
	VersionID string `xml:"VersionId,omitempty"`
	Code      string
	Message   string
}

func (s *server) deleteObject(w *response, c *call) error {
	opt, err := s.deleteOptions(c)
	if err != nil {
		return err
	}
	d, err := s.delete(c.r.Context(), c.bucket, c.key, opt)
	if err != nil {
		return err
	}
	h := w.Header()
	if d.Version != "" {
		h.Set(versionHeader, d.Version)
	}
	if d.Marker {
		h.Set(markerHeader, "true")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteOptions reads what DeleteObject shall delete, and on which conditions.
func (s *server) deleteOptions(c *call) (opt buckets.DeleteOptions, err error) {
	if opt.Version, err = c.versionID(); err != nil {
		return opt, err
	}
	if opt.Conditions, err = s.writeConditions(c); err != nil {
		return opt, err
	}
	if v := c.h.Get("X-Amz-If-Match-Size"); v != "" {
		if opt.IfSize, err = ifSize(v); err != nil {
			return opt, err
		}
	}
	if v := c.h.Get("X-Amz-If-Match-Last-Modified-Time"); v != "" {
		if opt.IfModified, err = ifModified(v); err != nil {
			return opt, err
		}
	}
	if err := s.askIfReads(c, c.key, opt); err != nil {
		return opt, err
	}
	opt.BypassGovernance, err = s.bypasses(c, c.key)
	return opt, err
}

// askIfReads decides about conditions of a deletion that tell something of the
// object.
func (s *server) askIfReads(c *call, key string, opt buckets.DeleteOptions) error {
	if opt.IfSize == nil && opt.IfModified.IsZero() && (opt.IfMatch == "" || opt.IfMatch == "*") {
		return nil
	}
	return s.askToRead(c, key, opt.Version)
}

func ifSize(v string) (*int64, error) {
	size, err := digits(v)
	if err != nil {
		return nil, errInvalidArgument.because("The size to match is not a size.").with("ArgumentValue", v)
	}
	return &size, nil
}

// ifModified reads a time as HTTP writes it, which is S3's way here, or as ISO 8601.
func ifModified(v string) (time.Time, error) {
	t, err := http.ParseTime(v)
	if err != nil {
		t, err = time.Parse(time.RFC3339, v)
	}
	if err != nil {
		return t, errInvalidArgument.because("The last modified time to match is not a time.").with("ArgumentValue", v)
	}
	return t, nil
}

// delete deletes for both operations. That there is nothing to delete fails an
// If-Match alone: of the other conditions S3 says that it does not.
func (s *server) delete(ctx context.Context, b buckets.Bucket, key string, opt buckets.DeleteOptions) (buckets.Deleted, error) {
	d, err := s.buckets.Delete(ctx, b, key, opt)
	if opt.IfMatch == "" && errors.Is(err, buckets.ErrNoObject) {
		return buckets.Deleted{}, nil
	}
	return d, err
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
	done, errs := s.deleteAll(c, req.Objects)
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
			d := deletedKey{Key: text(e.Key), VersionID: e.VersionID, DeleteMarker: done[i].Marker}
			if done[i].Marker {
				d.DeleteMarkerVersionID = done[i].Version
			}
			res.Deleted = append(res.Deleted, d)
		}
	}
	return writeXML(w, http.StatusOK, res)
}

// deleteAll deletes each entry and returns what became of them by index.
func (s *server) deleteAll(c *call, entries []deleteEntry) ([]buckets.Deleted, []error) {
	done, errs := make([]buckets.Deleted, len(entries)), make([]error, len(entries))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(deleters, len(entries)) {
		wg.Go(func() {
			for i := range next {
				done[i], errs[i] = s.deleteOne(c, entries[i])
			}
		})
	}
	for i := range entries {
		next <- i
	}
	close(next)
	wg.Wait()
	return done, errs
}

// deleteOne deletes what an entry names, if the caller may.
func (s *server) deleteOne(c *call, e deleteEntry) (buckets.Deleted, error) {
	opt := buckets.DeleteOptions{Version: e.VersionID}
	switch {
	case e.Key == "":
		return buckets.Deleted{}, errMalformedXML
	case len(e.Key) > 1024:
		return buckets.Deleted{}, errKeyTooLong
	}
	if err := s.askEach(c, e.Key, e.VersionID, e.ETag); err != nil {
		return buckets.Deleted{}, err
	}
	if e.ETag != "" {
		opt.IfMatch = ifMatch(e.ETag)
	}
	var err error
	if opt.BypassGovernance, err = s.bypasses(c, e.Key); err != nil {
		return buckets.Deleted{}, err
	}
	if e.Size != "" {
		if opt.IfSize, err = ifSize(e.Size); err != nil {
			return buckets.Deleted{}, err
		}
	}
	if e.LastModifiedTime != "" {
		if opt.IfModified, err = ifModified(e.LastModifiedTime); err != nil {
			return buckets.Deleted{}, err
		}
	}
	if err := s.askIfReads(c, e.Key, opt); err != nil {
		return buckets.Deleted{}, err
	}
	return s.delete(c.r.Context(), c.bucket, e.Key, opt)
}
