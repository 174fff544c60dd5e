package s3

import (
	"net/http"
	"strings"
	"time"
)

// conditions are the four header values that make a read conditional.
type conditions struct {
	match, noneMatch, modified, unmodified string
}

// readCondition evaluates the conditions of a GET or HEAD: 0 to go on, or the status.
func readCondition(h http.Header, etag string, modified time.Time) int {
	return conditions{
		match: strings.Join(h.Values("If-Match"), ","), noneMatch: strings.Join(h.Values("If-None-Match"), ","),
		modified: h.Get("If-Modified-Since"), unmodified: h.Get("If-Unmodified-Since"),
	}.evaluate(etag, modified)
}

// copyCondition is the same for the source of a copy, where nothing is ever 304.
func copyCondition(h http.Header, etag string, modified time.Time) error {
	const prefix = "X-Amz-Copy-Source-"
	status := conditions{
		match: h.Get(prefix + "If-Match"), noneMatch: h.Get(prefix + "If-None-Match"),
		modified: h.Get(prefix + "If-Modified-Since"), unmodified: h.Get(prefix + "If-Unmodified-Since"),
	}.evaluate(etag, modified)
	if status != 0 {
		return errPrecondition
	}
	return nil
}

// evaluate follows RFC 9110 §13.2.2: an ETag decides over a time. A time that
// cannot be parsed is no condition.
func (c conditions) evaluate(etag string, modified time.Time) int {
	switch {
	case c.match != "":
		if !matches(c.match, etag, false) {
			return http.StatusPreconditionFailed
		}
	case c.unmodified != "":
		if t, err := http.ParseTime(c.unmodified); err == nil && whole(modified).After(t) {
			return http.StatusPreconditionFailed
		}
	}
	switch {
	case c.noneMatch != "":
		if matches(c.noneMatch, etag, true) {
			return http.StatusNotModified
		}
	case c.modified != "":
		if t, err := http.ParseTime(c.modified); err == nil && !whole(modified).After(t) {
			return http.StatusNotModified
		}
	}
	return 0
}

// matches says whether a list of ETags, quoted or as many clients send them,
// names etag. Only a weak comparison lets W/"x" match.
func matches(list, etag string, weak bool) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" {
			return true
		}
		if t, ok := strings.CutPrefix(tag, "W/"); ok {
			if !weak {
				continue
			}
			tag = t
		}
		if strings.Trim(tag, `"`) == etag {
			return true
		}
	}
	return false
}

// rangeStillMeant evaluates If-Range: whether the client's part is of this object.
func rangeStillMeant(value, etag string, modified time.Time) bool {
	if value == "" {
		return true
	}
	if t, err := http.ParseTime(value); err == nil {
		return whole(modified).Equal(t)
	}
	return matches(value, etag, false)
}
