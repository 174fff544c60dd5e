package main

import (
	"context"
	"errors"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	blockstore "github.com/ipfs/go-ipfs-blockstore"
	ipld "github.com/ipfs/go-ipld-format"
)

var errReadOnly = errors.New("this process keeps no blocks")

// empty is the block store that filclient is given: without a block, and
// without a way to put one in. What providers get they pull over HTTP.
type empty struct{}

var _ blockstore.Blockstore = empty{}

func (empty) Get(_ context.Context, c cid.Cid) (blocks.Block, error) {
	return nil, ipld.ErrNotFound{Cid: c}
}

func (empty) GetSize(_ context.Context, c cid.Cid) (int, error) {
	return 0, ipld.ErrNotFound{Cid: c}
}

func (empty) Has(context.Context, cid.Cid) (bool, error) { return false, nil }

func (empty) AllKeysChan(context.Context) (<-chan cid.Cid, error) {
	none := make(chan cid.Cid)
	close(none)
	return none, nil
}

func (empty) Put(context.Context, blocks.Block) error       { return errReadOnly }
func (empty) PutMany(context.Context, []blocks.Block) error { return errReadOnly }
func (empty) DeleteBlock(context.Context, cid.Cid) error    { return errReadOnly }
func (empty) HashOnRead(bool)                               {}
