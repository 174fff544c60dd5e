package sigv4

import (
	"context"
	"net/http"
	"time"
)

// Keys returns the secret of accessKey. An unknown key is an error for which
// errors.Is(err, ErrNoKey); any other error is a failure of the server's own.
type Keys func(ctx context.Context, accessKey string) (secret string, err error)

// Options of Verify; the zero value works.
type Options struct {
	Region  string           // the region requests must be signed for; "" accepts any
	Service string           // default s3
	Now     func() time.Time // default time.Now
}

// Verify authenticates r before anything rewrote its path. It does not read
// the body. Refusals are *Error; other errors are failures of keys.
func Verify(r *http.Request, keys Keys, opt Options) (*Request, error) { panic("unwritten") }
