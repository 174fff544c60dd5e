package node

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/path"
)

// gatewayBackend is boxo's backend over own, which tells each visit what it
// reads, and differs where the comments say so.
type gatewayBackend struct {
	*gateway.BlocksBackend
	own    blockstore.Blockstore
	leaves gatewayBlocks
	pool   *sync.Pool // of leaves being sent
}

// Get reads files by FileReader, which is faster than boxo's and refuses what
// is not a whole file.
func (b gatewayBackend) Get(ctx context.Context, p path.ImmutablePath, ranges ...gateway.ByteRange) (gateway.ContentPathMetadata, *gateway.GetResponse, error) {
	visitOf(ctx).enter(p.RootCid())
	md, res, err := b.getFile(ctx, p, ranges)
	if errors.Is(err, ErrNotFile) {
		md, res, err = b.BlocksBackend.Get(ctx, p, ranges...)
	}
	return md, res, malformed(ctx, err)
}

func (b gatewayBackend) GetAll(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, files.Node, error) {
	visitOf(ctx).enter(p.RootCid())
	md, f, err := b.BlocksBackend.GetAll(ctx, p)
	return md, f, malformed(ctx, err)
}

func (b gatewayBackend) GetBlock(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, files.File, error) {
	visitOf(ctx).enter(p.RootCid())
	return b.BlocksBackend.GetBlock(ctx, p)
}

func (b gatewayBackend) Head(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, *gateway.HeadResponse, error) {
	visitOf(ctx).enter(p.RootCid())
	md, f, err := b.file(ctx, p)
	switch {
	case errors.Is(err, ErrNotFile):
		md, res, err := b.BlocksBackend.Head(ctx, p)
		return md, res, malformed(ctx, err)
	case err != nil:
		return md, nil, malformed(ctx, err)
	}
	return md, gateway.NewHeadResponseForFile(f, f.size), nil
}

func (b gatewayBackend) ResolvePath(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, error) {
	visitOf(ctx).enter(p.RootCid())
	md, err := b.BlocksBackend.ResolvePath(ctx, p)
	return md, malformed(ctx, err)
}

// GetCAR answers for absent content with an error, where boxo would send an
// empty CAR with status 200.
func (b gatewayBackend) GetCAR(ctx context.Context, p path.ImmutablePath, params gateway.CarParams) (gateway.ContentPathMetadata, io.ReadCloser, error) {
	visitOf(ctx).enter(p.RootCid())
	if _, err := b.own.Get(ctx, p.RootCid()); err != nil {
		return gateway.ContentPathMetadata{}, nil, err
	}
	return b.BlocksBackend.GetCAR(ctx, p, params)
}
