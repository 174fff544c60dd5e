package sigv4

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrNoKey is what Keys returns (wrapped or not) for an access key that does
// not exist or may not be used.
var ErrNoKey = errors.New("no such access key")

// An Error is a refusal the client is told about, in S3's words.
type Error struct {
	Code    string // S3 error code
	Message string
	Status  int    // HTTP status that S3 sends with Code
	Region  string // region to sign for, when the one used is wrong

	// For SignatureDoesNotMatch: what the server signed, so that the author of
	// a client can compare. Neither holds a secret.
	StringToSign     string
	CanonicalRequest string

	cause error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code + ": " + e.Message + ": " + e.cause.Error()
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the read error behind an IncompleteBody, if any.
func (e *Error) Unwrap() error { return e.cause }

// forbidden are the codes that S3 sends with 403; all others here are 400.
var forbidden = map[string]bool{
	"AccessDenied":          true,
	"InvalidAccessKeyId":    true,
	"RequestTimeTooSkewed":  true,
	"SignatureDoesNotMatch": true,
}

func refuse(code, format string, args ...any) *Error {
	status := http.StatusBadRequest
	if forbidden[code] {
		status = http.StatusForbidden
	}
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

func mismatch() *Error {
	return refuse("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
}

func incomplete(cause error) *Error {
	e := refuse("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.")
	e.cause = cause
	return e
}
