package sigv4

import (
	"encoding/hex"
	"net/http"
	"strings"
)

const unsignedPayload = "UNSIGNED-PAYLOAD"

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

// streaming reports whether the payload is framed by aws-chunked.
func (m Mode) streaming() bool { return m >= ModeStreamingSigned }

// A payload is a value of x-amz-content-sha256.
type payload struct {
	text string
	mode Mode
	sum  []byte // of ModeSigned
}

var payloadModes = map[string]Mode{
	unsignedPayload:                              ModeUnsigned,
	"STREAMING-AWS4-HMAC-SHA256-PAYLOAD":         ModeStreamingSigned,
	"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": ModeStreamingSignedTrailer,
	"STREAMING-UNSIGNED-PAYLOAD-TRAILER":         ModeStreamingUnsignedTrailer,
}

// parsePayload refuses what it does not know: taking the body of an unknown
// mode for data would store its framing.
func parsePayload(s string) (*payload, error) {
	if mode, ok := payloadModes[s]; ok {
		return &payload{text: s, mode: mode}, nil
	}
	if sum, err := hex.DecodeString(s); err == nil && len(s) == hexHashSize {
		return &payload{text: s, mode: ModeSigned, sum: sum}, nil
	}
	return nil, refuse("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value.")
}

// headerPayload returns nil if no payload is declared.
func headerPayload(h http.Header) (*payload, error) {
	switch v := h["X-Amz-Content-Sha256"]; len(v) {
	case 0:
		return nil, nil
	case 1:
		return parsePayload(v[0])
	}
	return nil, refuse("InvalidArgument", "x-amz-content-sha256 is given more than once")
}

// undeclaredFraming recognises aws-chunked bodies of requests without
// x-amz-content-sha256, which boto3 sends when it does not sign. The encoding
// alone does not prove framing: tools copy it back from stored metadata.
func undeclaredFraming(h http.Header) bool {
	return hasChunked(h) && framingHeaders(h)
}

func framingHeaders(h http.Header) bool {
	return h["X-Amz-Trailer"] != nil || h["X-Amz-Decoded-Content-Length"] != nil
}

func hasChunked(h http.Header) bool {
	for _, v := range h["Content-Encoding"] {
		for e := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(e), "aws-chunked") {
				return true
			}
		}
	}
	return false
}

// ContentEncoding returns the Content-Encoding of the object that a request
// with headers h uploads, as it was written: without aws-chunked, which
// describes the transfer.
func ContentEncoding(h http.Header) string {
	var keep []string
	for e := range strings.SplitSeq(strings.Join(h["Content-Encoding"], ","), ",") {
		if name := strings.TrimSpace(e); name != "" && !strings.EqualFold(name, "aws-chunked") {
			keep = append(keep, e)
		}
	}
	return strings.TrimSpace(strings.Join(keep, ","))
}
