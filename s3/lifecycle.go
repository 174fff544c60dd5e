package s3

import (
	"encoding/xml"
	"net/http"
	"net/url"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/lifecycle"
)

const (
	maxLifecycle      = 1 << 20 // bytes of a configuration of 1000 rules
	minimumSizeHeader = "X-Amz-Transition-Default-Minimum-Object-Size"
)

func (s *server) getLifecycle(w *response, c *call) error {
	cycle, err := s.lifecycleOf(c)
	if err != nil {
		return err
	}
	if cycle == nil {
		return errNoLifecycle.with("BucketName", c.name)
	}
	w.Header().Set(minimumSizeHeader, cycle.MinimumSize)
	return writeXML(w, http.StatusOK, struct {
		XMLName xml.Name         `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LifecycleConfiguration"`
		Rules   []lifecycle.Rule `xml:"Rule"`
	}{Rules: cycle.Rules})
}

func (s *server) putLifecycle(w *response, c *call) error {
	data, err := c.document(maxLifecycle, true)
	if err != nil {
		return err
	}
	rules := lifecycle.Config{MinimumSize: c.h.Get(minimumSizeHeader)}
	if err := parseXML(data, &rules); err != nil {
		return err
	}
	if err := rules.Validate(); err != nil {
		return err
	}
	if err := s.buckets.SetLifecycle(c.r.Context(), c.bucket, &rules); err != nil {
		return err
	}
	w.Header().Set(minimumSizeHeader, rules.MinimumSize)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *server) deleteLifecycle(w *response, c *call) error {
	if err := s.buckets.SetLifecycle(c.r.Context(), c.bucket, nil); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tellExpiry says when a bucket's rules, which can be nil, will remove an
// object that is its key's current version. Days are real ones here, whatever
// the jobs count.
func tellExpiry(h http.Header, rules *lifecycle.Config, o buckets.Object) {
	if rules == nil || !o.Latest {
		return
	}
	if due, rule, ok := rules.Expiry(buckets.LifecycleItem(o), lifecycle.Clock{}); ok {
		h.Set("X-Amz-Expiration", `expiry-date="`+httpTime(due)+`", rule-id="`+url.QueryEscape(rule)+`"`)
	}
}

// tellAbort says when a bucket's rules, which can be nil, will give up an upload.
func tellAbort(h http.Header, rules *lifecycle.Config, u buckets.MultipartUpload) {
	if rules == nil {
		return
	}
	if due, rule, ok := rules.Upload(u.Key, u.Started, lifecycle.Clock{}); ok {
		h.Set("X-Amz-Abort-Date", httpTime(due))
		h.Set("X-Amz-Abort-Rule-Id", url.QueryEscape(rule))
	}
}

// lifecycleOf returns the lifecycle rules of the call's bucket, nil if it has none.
// An operation that changes something asks before: it must not fail afterwards.
func (s *server) lifecycleOf(c *call) (*lifecycle.Config, error) {
	return s.buckets.Lifecycle(c.r.Context(), c.bucket)
}

// tellLife tells when an object expires and how long its copy stays. An object
// that has to be restored before it can be read is an error, but not to HEAD.
func (s *server) tellLife(h http.Header, c *call, o buckets.Object) error {
	cycle, err := s.lifecycleOf(c)
	if err != nil {
		return err
	}
	tellExpiry(h, cycle, o)
	r, err := s.buckets.Restoration(c.r.Context(), c.bucket, o)
	if err != nil {
		return err
	}
	tellRestoration(h, r)
	if r.Closed && c.r.Method != http.MethodHead {
		return closed(o)
	}
	return nil
}
