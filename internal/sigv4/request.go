package sigv4

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Request is an authenticated request.
type Request struct {
	AccessKey string // "" if Anonymous
	Anonymous bool   // presented no credentials
	Presigned bool   // signed in the query
	Form      bool   // a form upload, signed over its policy if at all
	V2        bool   // signed with Signature Version 2, as only a form can be
	Mode      Mode
	// Payload is what x-amz-content-sha256 says, or would say of what was
	// signed; "" if nothing was.
	Payload string
	Time    time.Time // that the signature covers; zero if there is none

	sum   []byte // of the payload, if ModeSigned
	chain *chain // of chunk signatures, in the modes that have them
}

// Body returns the decoded payload of r, the request that q was made from. It
// replaces r.Body, which must not be read by anybody else, and may be called
// once. Malformed length or trailer headers are an *Error.
func (q *Request) Body(r *http.Request) (*Body, error) {
	src := r.Body
	if src == nil {
		src = http.NoBody
	}
	if !q.Mode.streaming() {
		// Both headers describe a framing that this mode does not have. Guessing
		// which half of the request is wrong could store framing as data.
		if framingHeaders(r.Header) {
			return nil, refuse("InvalidRequest", "x-amz-trailer and x-amz-decoded-content-length need a streaming x-amz-content-sha256")
		}
		b := &Body{src: src, size: r.ContentLength}
		if q.Mode == ModeSigned {
			b.hash, b.want = &payloadHash{Hash: sha256.New()}, q.sum
		}
		return b, nil
	}
	size, err := decodedLength(r.Header)
	if err != nil {
		return nil, err
	}
	announced, err := announcedTrailers(r.Header)
	if err != nil {
		return nil, err
	}
	c := newChunked(src, size, q.Mode, q.chain)
	c.announced = announced
	return &Body{src: c, size: size, chunks: c}, nil
}

func decodedLength(h http.Header) (int64, error) {
	v := h["X-Amz-Decoded-Content-Length"]
	if len(v) == 0 {
		return -1, nil
	}
	n, err := strconv.ParseUint(v[0], 10, 63)
	if err != nil || len(v) > 1 {
		return 0, refuse("InvalidArgument", "x-amz-decoded-content-length is not a length")
	}
	return int64(n), nil
}

func announcedTrailers(h http.Header) ([]string, error) {
	var names []string
	for _, v := range h["X-Amz-Trailer"] {
		for name := range strings.SplitSeq(v, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if !trailerName(name) || name == trailerSignature || slices.Contains(names, name) || len(names) == maxTrailers {
				return nil, refuse("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
			}
			names = append(names, name)
		}
	}
	return names, nil
}
