package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/blockstore"
	blockformat "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"

	"github.com/whypfs/whypfs/node/blocks"
)

// publicBlocks is the view that bitswap and the gateway have: blocks stored as
// public, each checked against its CID when read. What is put through it is public.
func (n *Node) publicBlocks() blockstore.Blockstore { return publicStore{n.blocks} }

type publicStore struct{ blocks blocks.Store }

// notFound gives boxo the error that it knows.
func notFound(c cid.Cid, err error) error {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) {
		return ipld.ErrNotFound{Cid: c}
	}
	return err
}

// read implements bufferedReader.
func (p publicStore) read(ctx context.Context, c cid.Cid, buf []byte, stored bool) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if stored {
		return p.blocks.Stored(c, true, buf)
	}
	return p.blocks.Block(c, true, buf)
}

// lend implements bufferedReader.
func (p publicStore) lend(c cid.Cid) (data []byte, done func(), ok bool) {
	return p.blocks.Lend(c, true)
}

var _ bufferedReader = publicStore{}

func (p publicStore) Get(ctx context.Context, c cid.Cid) (blockformat.Block, error) {
	data, err := p.read(ctx, c, nil, false)
	if err != nil {
		return nil, notFound(c, err)
	}
	return blockformat.NewBlockWithCid(data, c)
}

func (p publicStore) Has(_ context.Context, c cid.Cid) (bool, error) {
	_, ok := p.blocks.Has(c, true)
	return ok, nil
}

func (p publicStore) GetSize(_ context.Context, c cid.Cid) (int, error) {
	size, ok := p.blocks.Has(c, true)
	if !ok {
		return 0, ipld.ErrNotFound{Cid: c}
	}
	return size, nil
}

func (p publicStore) Put(ctx context.Context, b blockformat.Block) error {
	return p.PutMany(ctx, []blockformat.Block{b})
}

func (p publicStore) PutMany(ctx context.Context, bs []blockformat.Block) error {
	batch := p.blocks.Batch(false)
	for _, b := range bs {
		if !blocks.Matches(b.Cid(), b.RawData()) {
			return fmt.Errorf("put %s: %w", b.Cid(), blockstore.ErrHashMismatch)
		}
		if err := batch.Put(ctx, b.Cid(), b.RawData()); err != nil {
			return err
		}
	}
	return batch.Sync(ctx)
}

// DeleteBlock refuses: blocks go when Sweep finds that no root reaches them.
func (p publicStore) DeleteBlock(context.Context, cid.Cid) error { return errors.ErrUnsupported }

// AllKeysChan lists the blocks while others come and go. What cannot be listed,
// because an index cannot be read, is left out: the store logs it.
func (p publicStore) AllKeysChan(ctx context.Context) (<-chan cid.Cid, error) {
	ch := make(chan cid.Cid)
	go func() {
		defer close(ch)
		for mh, err := range p.blocks.Multihashes() {
			if err != nil {
				continue // what else there is
			}
			select {
			case ch <- cid.NewCidV1(cid.Raw, mh):
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch, nil
}
