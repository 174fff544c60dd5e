package sigv4

import "errors"

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

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the read error behind an IncompleteBody, if any.
func (e *Error) Unwrap() error { return e.cause }
