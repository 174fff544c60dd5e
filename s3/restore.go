package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/whypfs/whypfs/buckets"
)

const maxRestoreRequest = 64 << 10 // bytes

// restoreRequest is the body of RestoreObject. A provider has one speed, so
// the tier makes no difference.
type restoreRequest struct {
	XMLName xml.Name  `xml:"RestoreRequest"`
	Days    int       `xml:"Days"`
	Tier    string    `xml:"Tier"`
	Job     string    `xml:"GlacierJobParameters>Tier"`
	Text    string    `xml:"Description"`
	Other   []element `xml:",any"` // SELECT and its parts
}

// restoreObject has the local copy of an object brought back. It answers 202,
// or 200 if the copy is there and now stays for longer.
func (s *server) restoreObject(w *response, c *call) error {
	data, err := c.document(maxRestoreRequest, false)
	if err != nil {
		return err
	}
	days, err := parseRestore(data)
	if err != nil {
		return err
	}
	version, err := c.versionID()
	if err != nil {
		return err
	}
	again, err := s.buckets.RestoreObject(c.r.Context(), c.bucket, c.key, version, days)
	if err != nil {
		return err
	}
	status := http.StatusAccepted
	if again {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	return nil
}

// parseRestore returns the days that a copy is asked for.
func parseRestore(data []byte) (int, error) {
	var doc restoreRequest
	if err := parseXML(data, &doc); err != nil {
		return 0, err
	}
	if len(doc.Other) > 0 {
		return 0, errNotImplemented.with("Element", doc.Other[0].XMLName.Local)
	}
	for _, tier := range []string{doc.Tier, doc.Job} {
		switch tier {
		case "", "Standard", "Bulk", "Expedited":
		default:
			return 0, errMalformedXML
		}
	}
	return doc.Days, nil
}

// tellRestoration tells what became of the restoration of an object.
func tellRestoration(h http.Header, r buckets.Restoration) {
	switch {
	case r.Ongoing:
		h.Set("X-Amz-Restore", `ongoing-request="true"`)
	case !r.Until.IsZero():
		h.Set("X-Amz-Restore", `ongoing-request="false", expiry-date="`+httpTime(r.Until)+`"`)
	}
}

// closed is the error for an object that cannot be read until it is restored.
func closed(o buckets.Object) error { return errObjectState.with("StorageClass", storageClass(o)) }
