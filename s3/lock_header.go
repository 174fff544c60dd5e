package s3

import (
	"strings"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

const (
	lockMode  = "X-Amz-Object-Lock-Mode"
	lockUntil = "X-Amz-Object-Lock-Retain-Until-Date"
	lockHold  = "X-Amz-Object-Lock-Legal-Hold"
	lockBy    = "X-Amz-Bypass-Governance-Retention"
)

// A lockRequest is how a request locks an object, as it says so.
type lockRequest struct{ mode, until, hold string }

// lock reads the headers that lock what a request makes.
func (c *call) lock(a *buckets.Attributes) error {
	mode, until, hold := c.h.Get(lockMode), c.h.Get(lockUntil), c.h.Get(lockHold)
	if mode == "" && until == "" && hold == "" {
		return nil
	}
	if c.bucket.Lock == nil {
		return errNoLockBucket
	}
	switch hold {
	case "", holdStatus(false):
	case holdStatus(true):
		a.Hold = true
	default:
		return errInvalidArgument.because("Legal Hold must be either of 'ON' or 'OFF'").
			with("ArgumentName", strings.ToLower(lockHold)).with("ArgumentValue", hold)
	}
	if mode == "" && until == "" {
		return nil
	}
	if mode == "" || until == "" {
		return errInvalidArgument.because("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	if !isLockMode(mode) {
		return errInvalidArgument.because("Unknown wormMode directive.").
			with("ArgumentName", strings.ToLower(lockMode)).with("ArgumentValue", mode)
	}
	t, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return errInvalidArgument.because("The retain until date must be provided in ISO 8601 format").
			with("ArgumentName", strings.ToLower(lockUntil)).with("ArgumentValue", until)
	}
	if !t.After(time.Now()) {
		return errInvalidArgument.because("The retain until date must be in the future!").
			with("ArgumentName", strings.ToLower(lockUntil)).with("ArgumentValue", until)
	}
	a.Retention = buckets.Retention{Mode: buckets.LockMode(mode), Until: t.UTC()}
	return nil
}

// needsDigest refuses a PUT that locks its object without saying what its
// bytes are: a mistake could not be removed for years. S3 does the same.
func (p *payload) needsDigest(a buckets.Attributes) error {
	if (a.Hold || a.Retention.Mode != "") && p.md5 == nil && p.algorithm == "" {
		return errInvalidRequest.because("Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")
	}
	return nil
}

// bypasses says whether the request overrides retention of a key in governance
// mode; a caller who may not do that is refused.
func (s *server) bypasses(c *call, key string) (bool, error) {
	if !strings.EqualFold(c.h.Get(lockBy), "true") {
		return false, nil
	}
	return true, s.askBypass(c, key)
}

func isLockMode(v string) bool {
	return v == string(buckets.Governance) || v == string(buckets.Compliance)
}

func holdStatus(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}
