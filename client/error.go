package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/internal/clip"
)

var (
	// ErrNotFound says that the host has no such thing, or that a name names nothing.
	ErrNotFound = errors.New("not found")
	// ErrDenied says that the host does not know the token, or does not allow it this.
	ErrDenied = errors.New("not allowed")
	// ErrUnreachable says that the host did not answer, or was too busy, however often it was asked.
	ErrUnreachable = errors.New("the host cannot be reached")
	// ErrVerify says that bytes are not what their CID says.
	ErrVerify = errors.New("verification failed")
	// ErrPartial says that some of many things failed, and the others were done.
	ErrPartial = errors.New("not all was done")
	// ErrUsage says that what was asked for makes no sense, whatever the host has.
	ErrUsage = errors.New("bad argument")
)

// An Error is a host's answer that is not a success.
type Error struct {
	Method, Path string
	Status       int
	Reason       string // one of V1's, ERR_CONTENT_NOT_FOUND say, if the host gave one
	Details      string
}

func (e *Error) Error() string {
	text := e.Reason
	if e.Details != "" && e.Details != e.Reason {
		text = strings.TrimPrefix(text+": "+e.Details, ": ")
	}
	return strings.TrimSuffix(fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, text), " ")
}

// Is maps statuses to the sentinels.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound || e.Status == http.StatusGone
	case ErrDenied:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	case ErrUnreachable:
		return passing(e.Status)
	}
	return false
}

// passing says whether a status may be another one a little later.
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// noRoute says whether a host answered that it has no such route, rather than
// that the route found nothing: V1 gives a reason of its own to the latter.
func noRoute(err error) bool {
	var e *Error
	if !errors.As(err, &e) || strings.HasPrefix(e.Reason, "ERR_") {
		return false
	}
	return e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed
}

const maxErrorText = 300

// parseError reads the body of an answer that is not a success, in each of the
// shapes that hosts have used: {"error":{"reason","details"}}, before 2022
// {"error":"ERR_…","details"}, {"error":"text"}, {"message"}, and what a proxy
// in front of a host says.
func parseError(method, path string, status int, body []byte) *Error {
	e := &Error{Method: method, Path: path, Status: status}
	var shape struct {
		Error   json.RawMessage
		Details string
		Message string
	}
	var modern struct{ Reason, Details string }
	var text string
	switch {
	case json.Unmarshal(body, &shape) != nil:
		e.Details = oneLine(string(body))
	case json.Unmarshal(shape.Error, &modern) == nil:
		e.Reason, e.Details = modern.Reason, modern.Details
	case json.Unmarshal(shape.Error, &text) == nil && (shape.Details != "" || strings.HasPrefix(text, "ERR_")):
		e.Reason, e.Details = text, shape.Details
	case text != "":
		e.Details = text
	default:
		e.Details = shape.Message
	}
	e.Reason, e.Details = cut(e.Reason), cut(e.Details)
	if e.Reason == "" && e.Details == "" {
		e.Reason = http.StatusText(status)
	}
	return e
}

// oneLine is what a person would read of a text that is no JSON. Pages of
// proxies say nothing that the status does not.
func oneLine(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "<") {
		return ""
	}
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// cut makes foreign text fit for a terminal: short, and without control characters.
func cut(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return clip.Text(s, maxErrorText)
}
