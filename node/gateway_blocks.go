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

	store "github.com/whypfs/whypfs/node/blocks"
)

const (
	// How long a request waits for a DAG that is being brought back, before
	// it is answered 503 with Retry-After.
	restoreWait  = 20 * time.Second
	restoreRetry = 30 * time.Second
)

// errUnreadable replaces the store's errors, whose texts are not for strangers.
var errUnreadable = gateway.NewErrorStatusCode(errors.New("a block of this content cannot be read"), http.StatusInternalServerError)

// gatewayBlocks are the public blocks with Restore behind them, and other nodes
// behind that, which no other reader has: a stranger's bitswap request must not
// start a retrieval.
type gatewayBlocks struct {
	blockstore.Blockstore
	restore *restorer
	fetch   *gatewayFetcher // nil: nothing is fetched
	log     *slog.Logger
}

func (b gatewayBlocks) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	data, err := b.block(ctx, c)
	if err != nil {
		return nil, err
	}
	return blocks.NewBlockWithCid(data, c)
}

// leaf implements fileSource, for the files that the gateway sends.
func (b gatewayBlocks) leaf(ctx context.Context, c cid.Cid, buf []byte) ([]byte, error) {
	return b.visit(ctx, c, func() ([]byte, error) { return b.here(ctx, c, buf, true) })
}

// lend implements fileSource. What a visit must not read is not lent: leaf says so.
func (b gatewayBlocks) lend(ctx context.Context, c cid.Cid) (data []byte, done func(), ok bool) {
	r, ok := b.Blockstore.(bufferedReader)
	if !ok {
		return nil, nil, false
	}
	if data, done, ok = r.lend(c); !ok {
		return nil, nil, false
	}
	if v := visitOf(ctx); v != nil && !v.read() {
		done()
		return nil, nil, false
	} else if v != nil {
		v.seen(c)
	}
	return data, done, true
}

// block implements fileSource.
func (b gatewayBlocks) block(ctx context.Context, c cid.Cid) ([]byte, error) {
	return b.visit(ctx, c, func() ([]byte, error) { return b.here(ctx, c, nil, false) })
}

// size implements fileSource. What a visit must not read has no size.
func (b gatewayBlocks) size(c cid.Cid) (int64, bool) {
	n, err := b.GetSize(context.Background(), c)
	return int64(n), err == nil
}

// visit reads a block as the request of ctx may, and has it restored if it is not here.
func (b gatewayBlocks) visit(ctx context.Context, c cid.Cid, read func() ([]byte, error)) ([]byte, error) {
	v := visitOf(ctx)
	if v == nil {
		return read()
	}
	if !v.read() {
		return nil, errHollow
	}
	data, err := read()
	if err == nil {
		v.seen(c)
	}
	damaged := errors.Is(err, ErrDamaged)
	if format.IsNotFound(err) && !v.local && b.restore.refill != nil {
		var lost error
		data, lost = v.bring(ctx, c, b.restore)
		switch {
		case errors.Is(lost, ErrNotFound) && b.fetch != nil:
			data, err = b.fetch.block(ctx, v, c)
		case lost != nil:
			return nil, b.answer(ctx, c, lost)
		default:
			err = nil
		}
	} else if (damaged || format.IsNotFound(err)) && !v.local {
		again := func() bool {
			data, err = read()
			return err == nil
		}
		lost := v.mend(ctx, c, b.restore.run, again)
		switch {
		case lost == nil:
		case errors.Is(lost, ErrNotFound) && b.fetch != nil:
			data, err = b.fetch.block(ctx, v, c)
		case damaged:
			return nil, err // it is being repaired
		default:
			return nil, b.answer(ctx, c, lost)
		}
	}
	if err == nil {
		v.saw(c)
	}
	return data, err
}

// A bufferedReader is a block store that can read into a caller's buffer, and
// lend what it has in memory.
type bufferedReader interface {
	lend(c cid.Cid) (data []byte, done func(), ok bool)
	read(ctx context.Context, c cid.Cid, buf []byte, stored bool) ([]byte, error)
}

// here reads a block that is public and in the store, or in its CID.
func (b gatewayBlocks) here(ctx context.Context, c cid.Cid, buf []byte, stored bool) ([]byte, error) {
	if data, ok := store.Identity(c); ok {
		return data, nil
	}
	if r, ok := b.Blockstore.(bufferedReader); ok {
		data, err := r.read(ctx, c, buf, stored)
		if err != nil {
			return nil, b.answer(ctx, c, err)
		}
		return data, nil
	}
	blk, err := b.Blockstore.Get(ctx, c)
	if err != nil {
		return nil, b.answer(ctx, c, err)
	}
	if buf == nil {
		return blk.RawData(), nil
	}
	return append(buf[:0], blk.RawData()...), nil // the caller will reuse what it gets
}

// answer maps an error of the store or of a restore to one that boxo maps to a status.
func (b gatewayBlocks) answer(ctx context.Context, c cid.Cid, err error) error {
	switch {
	case format.IsNotFound(err), errors.Is(err, ErrNotFound):
		return format.ErrNotFound{Cid: c}
	case errors.Is(err, errRestoring), errors.Is(err, ErrDamaged): // a repair is under way
		return gateway.NewErrorRetryAfter(gateway.NewErrorStatusCode(err, http.StatusServiceUnavailable), restoreRetry)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	b.log.ErrorContext(ctx, "read block for gateway", "cid", c.String(), "err", err)
	return errUnreadable
}
