package node

import (
	"context"
	"errors"
	"net/http"

	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/path/resolver"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/schema"
)

// malformed gives the status 422 to an error for which boxo has none and would
// answer 500: gatewayBlocks.answer gives one to every failure of ours, so what
// is left is content that is not what its CID says, which anybody can store.
func malformed(ctx context.Context, err error) error {
	var (
		status *gateway.ErrorStatusCode
		later  *gateway.ErrorRetryAfter
		kind   datamodel.ErrWrongKind
		absent datamodel.ErrNotExists
	)
	switch {
	case err == nil, ctx.Err() != nil, errors.As(err, &status), errors.As(err, &later),
		// Those that boxo answers 400 and 404.
		errors.Is(err, &cid.ErrInvalidCid{}), format.IsNotFound(err), errors.Is(err, &resolver.ErrNoLink{}),
		errors.Is(err, schema.ErrNoSuchField{}), errors.As(err, &kind), errors.As(err, &absent):
		return err
	}
	return gateway.NewErrorStatusCode(err, http.StatusUnprocessableEntity)
}
