package s3

import (
	"errors"
	"net/http"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

const (
	versionHeader = "X-Amz-Version-Id"
	markerHeader  = "X-Amz-Delete-Marker"
)

// versionID is the version that the request names; "" is the current one.
func (c *call) versionID() (string, error) {
	if !c.q.Has("versionId") {
		return "", nil
	}
	v := c.q.Get("versionId")
	if v == "" {
		return "", errInvalidArgument.because("Version id cannot be the empty string").
			with("ArgumentName", "versionId").with("ArgumentValue", v)
	}
	return v, nil
}

// object finds the version of the key that the request names. A delete marker
// is an error that tells of itself.
func (s *server) object(c *call) (buckets.Object, error) {
	o, err := s.head(c)
	if err != nil || o.Marker {
		return o, c.notObject(o, err)
	}
	return o, nil
}

// head finds what the request names, a delete marker too, and finds the same
// however often it is asked: what is sent is what access to was judged of.
func (s *server) head(c *call) (buckets.Object, error) {
	if c.found == nil {
		version, err := c.versionID()
		if err != nil {
			return buckets.Object{}, err
		}
		o, err := s.buckets.Head(c.r.Context(), c.bucket, c.key, version)
		c.found = &found{o, err}
	}
	return c.found.object, c.found.err
}

type found struct {
	object buckets.Object
	err    error
}

// notObject is the error for a version that has no content: err, which it tells
// more of, unless o says that it is a delete marker. As the current version that
// hides the object; by its own id it is there, but nothing can be read of it.
func (c *call) notObject(o buckets.Object, err error) error {
	absent := errNoSuchKey.with("Key", c.key)
	switch {
	case errors.Is(err, buckets.ErrNoObject) && o.Marker:
		return absent.header(markerHeader, "true").header(versionHeader, o.VersionID())
	case errors.Is(err, buckets.ErrNoObject):
		return absent.header(markerHeader, "false")
	case errors.Is(err, buckets.ErrNoVersion):
		return errNoSuchVersion.with("Key", c.key).with("VersionId", c.q.Get("versionId"))
	case !o.Marker, err != nil && !errors.Is(err, buckets.ErrMarker):
		return err
	}
	return errMethodNotAllowed.with("Method", c.r.Method).with("ResourceType", "DeleteMarker").
		header(markerHeader, "true").header(versionHeader, o.VersionID()).header("Allow", http.MethodDelete).
		header("Last-Modified", httpTime(o.Modified))
}

// tellVersion names the version of an object, in a bucket that has versions.
func (c *call) tellVersion(h http.Header, o buckets.Object) {
	if c.bucket.Versioning != "" {
		h.Set(versionHeader, o.VersionID())
	}
}

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
