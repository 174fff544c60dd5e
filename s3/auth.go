package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/internal/sigv4"
)

// authenticate finds out who calls. It reads no byte of the body, so that a
// client that waits for 100 Continue learns a refusal first.
func (s *server) authenticate(c *call) error {
	auth, err := sigv4.Verify(c.r, s.keys(c), s.signing())
	if err != nil {
		return err
	}
	c.auth = auth
	if auth.Presigned {
		c.h = hoisted(c.r)
	}
	return nil
}

// signing is what requests must be signed for.
func (s *server) signing() sigv4.Options {
	return sigv4.Options{Region: s.region, Cache: &s.signers}
}

// keys finds the secret of an access key, and makes its user the caller. A
// signature that then does not match ends the request.
func (s *server) keys(c *call) sigv4.Keys {
	return func(ctx context.Context, access string) (string, error) {
		user, secret, err := s.accounts.Secret(ctx, access)
		if errors.Is(err, accounts.ErrNoKey) || errors.Is(err, accounts.ErrNoUser) {
			return "", sigv4.ErrNoKey
		}
		if err != nil {
			return "", fmt.Errorf("find access key: %w", err)
		}
		c.user = user
		return secret, nil
	}
}

// signing are the query parameters of a presigned URL itself.
var signing = map[string]bool{
	"x-amz-algorithm":      true,
	"x-amz-credential":     true,
	"x-amz-date":           true,
	"x-amz-expires":        true,
	"x-amz-signedheaders":  true,
	"x-amz-signature":      true,
	"x-amz-security-token": true,
	"x-amz-content-sha256": true,
}

// hoisted returns the headers of a presigned request with those that its
// signer moved into the query, as SDKs do with x-amz- headers. The query is
// signed, so they are as trustworthy as signed headers.
func hoisted(r *http.Request) http.Header {
	h := r.Header.Clone()
	for name, values := range r.URL.Query() {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !signing[lower] && r.Header.Get(name) == "" {
			// Spellings of one name in different case are one header given twice.
			key := http.CanonicalHeaderKey(name)
			h[key] = append(h[key], values...)
		}
	}
	return h
}

// ownerID is a user as S3 names accounts: twelve digits.
func ownerID(user uint64) string { return fmt.Sprintf("%012d", user) }
