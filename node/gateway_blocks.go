package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/gateway"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
)

const (
	// How long a request waits for a DAG that is being brought back, before
	// it is answered 503 with Retry-After.
	restoreWait  = 20 * time.Second
	restoreRetry = 30 * time.Second
)

// errUnreadable replaces the store's errors, whose texts are not for strangers.
var errUnreadable = gateway.NewErrorStatusCode(errors.New("a block of this content cannot be read"), http.StatusInternalServerError)

// gatewayBlocks are the public blocks with Restore behind them, which no other
// reader has: a stranger's bitswap request must not start a retrieval.
type gatewayBlocks struct {
	blockstore.Blockstore
	restore *restorer
	log     *slog.Logger
}

func (b gatewayBlocks) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	v := visitOf(ctx)
	if v == nil {
		return b.get(ctx, c)
	}
	if !v.read() {
		return nil, errHollow
	}
	blk, err := b.get(ctx, c)
	if format.IsNotFound(err) && !v.local {
		again := func() bool {
			blk, err = b.get(ctx, c)
			return err == nil
		}
		if err := v.mend(ctx, c, b.restore.run, again); err != nil {
			return nil, b.answer(ctx, c, err)
		}
	}
	if err == nil {
		v.saw(c)
	}
	return blk, err
}

func (b gatewayBlocks) get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	blk, err := b.Blockstore.Get(ctx, c)
	if err != nil {
		return nil, b.answer(ctx, c, err)
	}
	return blk, nil
}

// answer maps an error of the store or of a restore to one that boxo maps to a status.
func (b gatewayBlocks) answer(ctx context.Context, c cid.Cid, err error) error {
	switch {
	case format.IsNotFound(err), errors.Is(err, ErrNotFound):
		return format.ErrNotFound{Cid: c}
	case errors.Is(err, errRestoring):
		return gateway.NewErrorRetryAfter(gateway.NewErrorStatusCode(err, http.StatusServiceUnavailable), restoreRetry)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	b.log.ErrorContext(ctx, "read block for gateway", "cid", c.String(), "err", err)
	return errUnreadable
}
