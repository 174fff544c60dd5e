package s3

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/sigv4"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

func TestTranslate(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   string
		status int
	}{
		{buckets.ErrNoObject, "NoSuchKey", 404},
		{buckets.ErrPartSize, "EntityTooSmall", 400},
		{buckets.ErrQuota, "QuotaExceeded", 403},
		{accounts.ErrSuspended, "AccountProblem", 403},
		{accounts.ErrUnavailable, "ServiceUnavailable", 503},
		{node.ErrFull, "InsufficientStorage", 507},
		{kv.ErrFull, "InsufficientStorage", 507},
		{kv.ErrBroken, "InternalError", 500},
		{node.ErrNotFound, "ServiceUnavailable", 503},
		{node.ErrDamaged, "InternalError", 500},
		{context.Canceled, "RequestTimeout", 400},
		{errInvalidRange, "InvalidRange", 416},
		{&sigv4.Error{Code: "SignatureDoesNotMatch", Status: 403}, "SignatureDoesNotMatch", 403},
		{errors.New("anything else"), "InternalError", 500},
	} {
		got := translate(fmt.Errorf("put %q: %w", "k", c.err))
		if got.Code != c.code || got.Status != c.status {
			t.Errorf("translate(%v) = %s %d, want %s %d", c.err, got.Code, got.Status, c.code, c.status)
		}
	}
}

// A message or element of a copy must not reach the sentinel it was made from.
func TestErrorsAreNotShared(t *testing.T) {
	a := errInvalidArgument.with("A", "1")
	b := a.with("B", "2")
	_ = a.with("C", "3")
	if len(errInvalidArgument.Fields) != 0 || len(a.Fields) != 1 || len(b.Fields) != 2 || b.Fields[1].XMLName.Local != "B" {
		t.Errorf("fields: %v, %v, %v", errInvalidArgument.Fields, a.Fields, b.Fields)
	}
}
