package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

const (
	maxRetentionDays  = 36500
	maxRetentionYears = 100
	maxLockDocument   = 8 << 10 // bytes
	lockEnabled       = "Enabled"
)

type lockConfiguration struct {
	XMLName xml.Name `xml:"ObjectLockConfiguration"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Enabled string   `xml:"ObjectLockEnabled"`
	Rule    *lockRule
}

type lockRule struct {
	DefaultRetention *defaultRetention
}

type defaultRetention struct {
	Mode  string
	Days  *string
	Years *string
}

func (s *server) getObjectLock(w *response, c *call) error {
	if c.bucket.Lock == nil {
		return errNoLockConfiguration.with("BucketName", c.name)
	}
	doc := lockConfiguration{Xmlns: namespace, Enabled: lockEnabled}
	if d := c.bucket.Lock.Default; d != nil {
		rule := &defaultRetention{Mode: string(d.Mode)}
		if d.Days > 0 {
			rule.Days = new(strconv.Itoa(d.Days))
		} else {
			rule.Years = new(strconv.Itoa(d.Years))
		}
		doc.Rule = &lockRule{rule}
	}
	return writeXML(w, http.StatusOK, doc)
}

func (s *server) putObjectLock(w *response, c *call) error {
	data, err := c.document(maxLockDocument, true)
	if err != nil {
		return err
	}
	lock, err := parseLock(data)
	if err != nil {
		return err
	}
	if err := s.buckets.SetObjectLock(c.r.Context(), c.bucket, lock); err != nil {
		return err
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// parseLock reads an ObjectLockConfiguration.
func parseLock(data []byte) (buckets.ObjectLock, error) {
	var doc lockConfiguration
	if err := parseXML(data, &doc); err != nil {
		return buckets.ObjectLock{}, err
	}
	if doc.Enabled != lockEnabled {
		return buckets.ObjectLock{}, errMalformedXML
	}
	if doc.Rule == nil {
		return buckets.ObjectLock{}, nil
	}
	d := doc.Rule.DefaultRetention
	if d == nil || !isLockMode(d.Mode) || (d.Days == nil) == (d.Years == nil) {
		return buckets.ObjectLock{}, errMalformedXML
	}
	def := &buckets.DefaultRetention{Mode: buckets.LockMode(d.Mode)}
	var err error
	if d.Days != nil {
		def.Days, err = retentionPeriod(*d.Days, maxRetentionDays)
	} else {
		def.Years, err = retentionPeriod(*d.Years, maxRetentionYears)
	}
	return buckets.ObjectLock{Default: def}, err
}

func retentionPeriod(v string, most int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(v))
	switch {
	case err != nil:
		return 0, errMalformedXML
	case n <= 0:
		return 0, errRetentionPeriod.because("Default retention period must be a positive integer value.")
	case n > most:
		return 0, errRetentionPeriod.because("Default retention period too large.")
	}
	return n, nil
}

type retention struct {
	XMLName xml.Name `xml:"Retention"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Mode    string   `xml:",omitempty"`
	Until   string   `xml:"RetainUntilDate,omitempty"`
}

func (s *server) getRetention(w *response, c *call) error {
	o, err := s.lockable(c)
	if err != nil {
		return err
	}
	if o.Retention.Mode == "" {
		return errNoLock
	}
	return writeXML(w, http.StatusOK, retention{Xmlns: namespace, Mode: string(o.Retention.Mode), Until: isoTime(o.Retention.Until)})
}

func (s *server) putRetention(w *response, c *call) error {
	data, err := c.document(maxLockDocument, true)
	if err != nil {
		return err
	}
	r, err := parseRetention(data, time.Now())
	if err != nil {
		return err
	}
	c.locks = &lockRequest{mode: string(r.Mode)}
	if r.Mode != "" {
		c.locks.until = r.Until.Format(time.RFC3339)
	}
	if err := s.askWithBody(c); err != nil {
		return err
	}
	if c.bucket.Lock == nil {
		return errNoLockBucket
	}
	version, err := c.versionID()
	if err != nil {
		return err
	}
	bypass, err := s.bypasses(c, c.key)
	if err != nil {
		return err
	}
	o, err := s.buckets.SetRetention(c.r.Context(), c.bucket, c.key, version, r, bypass)
	return c.locked(w, o, err)
}

// parseRetention reads a Retention document. One without content takes the
// retention away, where that is allowed.
func parseRetention(data []byte, now time.Time) (buckets.Retention, error) {
	var doc retention
	if err := parseXML(data, &doc); err != nil {
		return buckets.Retention{}, err
	}
	if doc.Mode == "" && doc.Until == "" {
		return buckets.Retention{}, nil
	}
	until, err := time.Parse(time.RFC3339, doc.Until)
	if err != nil || !isLockMode(doc.Mode) {
		return buckets.Retention{}, errMalformedXML
	}
	if !until.After(now) {
		return buckets.Retention{}, errInvalidArgument.because("The retain until date must be in the future!")
	}
	return buckets.Retention{Mode: buckets.LockMode(doc.Mode), Until: until.UTC()}, nil
}

type legalHold struct {
	XMLName xml.Name `xml:"LegalHold"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Status  string
}

func (s *server) getLegalHold(w *response, c *call) error {
	o, err := s.lockable(c)
	if err != nil {
		return err
	}
	return writeXML(w, http.StatusOK, legalHold{Xmlns: namespace, Status: holdStatus(o.Hold)})
}

func (s *server) putLegalHold(w *response, c *call) error {
	data, err := c.document(maxLockDocument, true)
	if err != nil {
		return err
	}
	var doc legalHold
	if err := parseXML(data, &doc); err != nil {
		return err
	}
	if doc.Status != holdStatus(true) && doc.Status != holdStatus(false) {
		return errMalformedXML
	}
	c.locks = &lockRequest{hold: doc.Status}
	if err := s.askWithBody(c); err != nil {
		return err
	}
	if c.bucket.Lock == nil {
		return errNoLockBucket
	}
	version, err := c.versionID()
	if err != nil {
		return err
	}
	o, err := s.buckets.SetHold(c.r.Context(), c.bucket, c.key, version, doc.Status == holdStatus(true))
	return c.locked(w, o, err)
}

// locked answers a change of an object's lock.
func (c *call) locked(w *response, o buckets.Object, err error) error {
	if err != nil {
		return c.notObject(o, err)
	}
	c.tellVersion(w.Header(), o)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// lockable finds the object of a request about its lock.
func (s *server) lockable(c *call) (buckets.Object, error) {
	if c.bucket.Lock == nil {
		return buckets.Object{}, errNoLockBucket
	}
	o, err := s.object(c)
	if err == nil {
		return o, nil
	}
	return buckets.Object{}, err
}
