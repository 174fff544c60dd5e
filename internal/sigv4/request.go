package sigv4

import "net/http"

// Mode says how a payload is protected, as x-amz-content-sha256 declares it.
type Mode int

// Modes of a payload.
const (
	ModeNone                     Mode = iota // anonymous, nothing declared
	ModeUnsigned                             // UNSIGNED-PAYLOAD, or presigned with nothing declared
	ModeSigned                               // SHA-256 of the whole payload
	ModeStreamingSigned                      // aws-chunked, every chunk signed
	ModeStreamingSignedTrailer               // the same, with signed trailers
	ModeStreamingUnsignedTrailer             // aws-chunked with trailers, unsigned
)

// A Request is an authenticated request.
type Request struct {
	AccessKey string // "" if Anonymous
	Anonymous bool   // presented no credentials
	Presigned bool   // signed in the query
	Mode      Mode
}

// Body returns the decoded payload of r, the request that q was made from. It
// replaces r.Body, which must not be read by anybody else. Malformed length or
// trailer headers are an *Error.
func (q *Request) Body(r *http.Request) (*Body, error) { panic("unwritten") }
