package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/verifcid"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/ipldlinks"
)

const (
	// Blocks are asked for in windows of some fetchWindow bytes, as far as the
	// blocks so far tell, and this many.
	fetchWindow = 8 << 20
	minWindow   = 16
	maxWindow   = 128
	// lookAhead bounds the links that are looked at to fill a window. They are
	// looked at again afterwards.
	lookAhead = 4096
	// leaseLinks are looked at under one lease, so that a sweep does not wait
	// for the whole of a large DAG.
	leaseLinks = 4096
	// storeBytes are stored at a time.
	storeBytes = 4 << 20
)

// fetch is one walk of a DAG, local blocks and others alike. Blocks are looked
// at when those above them are stored, so whatever is here of the DAG is
// reached from the root, and a sweep that is told the root leaves it alone.
type fetch struct {
	n      *Node
	root   cid.Cid
	opt    FetchOptions
	at     *descent
	walked *visited // nodes that at has entered
	mine   *visited // blocks of this fetch: they count as here though they are private
	supply *supply  // nil until a block is missing

	kept   bool
	hidden bool // a block was here as private
	links  int  // looked at
	blocks int64
	bytes  int64
}

func newFetch(n *Node, root cid.Cid, opt FetchOptions) *fetch {
	f := &fetch{n: n, root: root, opt: opt, walked: newVisited(), mine: newVisited(), blocks: opt.From.Blocks, bytes: opt.From.Bytes}
	f.at = newDescent(root, f.read)
	if len(opt.From.Cursor) > 0 {
		if f.at.resume(opt.From.Cursor) != nil {
			f.at = newDescent(root, f.read) // it costs time, and nothing else
		} else {
			f.hidden = opt.Own // what is to the left is not looked at again
		}
	}
	return f
}

func (f *fetch) state() FetchState {
	return FetchState{Cursor: f.at.cursor(), Blocks: f.blocks, Bytes: f.bytes}
}

func (f *fetch) run(ctx context.Context) error {
	defer func() {
		if f.supply != nil {
			f.supply.close()
		}
	}()
	for {
		missing, more, err := f.advance(ctx)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if f.opt.MaxLinks > 0 {
			return fmt.Errorf("%s: %w", missing, ErrNotFound)
		}
		if f.opt.Progress != nil && f.supply != nil {
			if err := f.opt.Progress(ctx, f.state()); err != nil {
				return err
			}
		}
		if err := f.fill(ctx, missing); err != nil {
			return err
		}
	}
	if f.hidden && !f.opt.Private {
		return f.n.Publish(ctx, f.root)
	}
	return nil
}

// advance goes to the first block that is not here; more is false if there is none.
func (f *fetch) advance(ctx context.Context) (missing cid.Cid, more bool, err error) {
	lease := f.n.Lease()
	defer func() { lease.Release() }()
	for i := 1; ; i++ {
		if i%leaseLinks == 0 {
			lease.Release()
			lease = f.n.Lease()
		}
		c, ok, err := f.peek(ctx)
		if err != nil || !ok {
			return cid.Undef, false, err
		}
		if f.links++; f.opt.MaxLinks > 0 && f.links > f.opt.MaxLinks {
			return cid.Undef, false, fmt.Errorf("more than %d links: %w", f.opt.MaxLinks, ErrNotFound)
		}
		links, here, err := f.look(ctx, c)
		if err != nil {
			return cid.Undef, false, err
		}
		if !here {
			return c, true, nil
		}
		if err := f.keep(ctx); err != nil {
			return cid.Undef, false, err
		}
		if len(links) > 0 {
			f.walked.Visit(c)
		}
		if err := f.at.enter(c, links); err != nil {
			return cid.Undef, false, err
		}
	}
}

// peek is the descent's, from the beginning if a node on the way down is gone.
func (f *fetch) peek(ctx context.Context) (cid.Cid, bool, error) {
	if err := ctx.Err(); err != nil {
		return cid.Undef, false, err
	}
	c, ok, err := f.at.peek(ctx)
	if !isMiss(err) {
		return c, ok, err
	}
	f.at, f.walked = newDescent(f.root, f.read), newVisited()
	return f.at.peek(ctx)
}

// read returns the links of a node that was here.
func (f *fetch) read(ctx context.Context, c cid.Cid) ([]cid.Cid, error) {
	if mh := c.Hash(); c.Prefix().MhType == multihash.IDENTITY {
		d, err := multihash.Decode(mh)
		if err != nil {
			return nil, badDAG("%s: %v", c, err)
		}
		return f.linksOf(c, d.Digest)
	}
	data, err := f.n.Block(ctx, c)
	if err != nil {
		return nil, err
	}
	return f.linksOf(c, data)
}

func (f *fetch) linksOf(c cid.Cid, data []byte) ([]cid.Cid, error) {
	links, err := ipldlinks.Of(c, data)
	if err != nil {
		return nil, badDAG("block %s is malformed: %v", c, err)
	}
	return links, nil
}

// look says whether a block is here, and what it links to. A node that was
// entered before has no links.
func (f *fetch) look(ctx context.Context, c cid.Cid) (links []cid.Cid, here bool, err error) {
	if ipldlinks.Has(c) && f.walked.Has(c) {
		return nil, true, nil
	}
	if err := Keepable(c); err != nil {
		return nil, false, err
	}
	if c.Prefix().MhType != multihash.IDENTITY {
		if here, err := f.local(ctx, c); err != nil || !here {
			return nil, false, err
		}
	}
	if !ipldlinks.Has(c) {
		return nil, true, nil
	}
	links, err = f.read(ctx, c)
	if isMiss(err) {
		return nil, false, nil // swept since, or bad: another copy will do
	}
	return links, err == nil, err
}

// Keepable returns a *DAGError if a block with that CID cannot be part of what
// is kept here: its codec is not known, or its hash is none to rely on.
func Keepable(c cid.Cid) error {
	if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, c); err != nil {
		return badDAG("%s: %v", c, err)
	}
	if !walks(c) {
		return badDAG("the codec %#x of %s is not known here, so neither are its links", c.Type(), c)
	}
	return nil
}

// local says whether a block is here for whoever asked for the DAG.
func (f *fetch) local(ctx context.Context, c cid.Cid) (bool, error) {
	public, err := f.n.publicBlocks().Has(ctx, c)
	if err != nil {
		return false, err
	}
	if public || f.opt.Own || f.mine.Has(c) {
		if _, ok := f.n.HasBlock(ctx, c); ok {
			f.hidden = f.hidden || !public
			return true, nil
		}
	}
	// Bitswap cannot carry the empty block, of which the CID says all.
	if empty, err := c.Prefix().Sum(nil); err == nil && empty.Equals(c) {
		return true, f.store(ctx, []Block{{Cid: c}})
	}
	return false, nil
}

// keep has the root kept from the sweep.
func (f *fetch) keep(ctx context.Context) error {
	if f.kept || f.opt.Keep == nil {
		return nil
	}
	if err := f.opt.Keep(ctx); err != nil {
		return err
	}
	f.kept = true
	return nil
}

// ahead returns the missing block and others that will be.
func (f *fetch) ahead(ctx context.Context, missing cid.Cid) ([]cid.Cid, error) {
	size := maxWindow
	if f.blocks > 0 {
		size = int(min(max(fetchWindow/max(f.bytes/f.blocks, 1), minWindow), maxWindow))
	}
	want, there := []cid.Cid{missing}, cid.NewSet()
	there.Add(missing)
	at := f.at.fork()
	at.skip()
	for range lookAhead {
		c, ok, err := at.peek(ctx)
		if err != nil || !ok || len(want) == size {
			break
		}
		links, here, err := f.look(ctx, c)
		var bad *DAGError
		if errors.As(err, &bad) {
			break // it will be met on the way
		}
		if err != nil {
			return nil, err
		}
		if !here && there.Visit(c) {
			want = append(want, c)
		}
		if at.enter(c, links) != nil {
			break
		}
	}
	return want, nil
}

// fill fetches the missing block and others.
func (f *fetch) fill(ctx context.Context, missing cid.Cid) error {
	want, err := f.ahead(ctx, missing)
	if err != nil {
		return err
	}
	if f.supply == nil {
		if f.supply, err = f.n.openSupply(ctx, f.opt.Origins, f.opt.Idle); err != nil {
			return err
		}
		f.supply.grace = f.opt.Grace
	}
	return f.supply.get(ctx, want, func(got []blocks.Block) error { return f.take(ctx, got) })
}

// take stores blocks that came.
func (f *fetch) take(ctx context.Context, got []blocks.Block) error {
	bs := make([]Block, len(got))
	for i, b := range got {
		bs[i] = Block{Cid: b.Cid(), Data: b.RawData()}
		f.blocks++
		f.bytes += int64(len(b.RawData()))
	}
	if f.opt.MaxBytes > 0 && f.bytes > f.opt.MaxBytes {
		return &DAGError{Reason: fmt.Sprintf("it has more than the %d bytes that it may have", f.opt.MaxBytes), TooLarge: true}
	}
	if f.opt.MaxBlocks > 0 && f.blocks > f.opt.MaxBlocks {
		return badDAG("it has more than the %d blocks that it may have", f.opt.MaxBlocks)
	}
	if err := f.keep(ctx); err != nil {
		return err
	}
	if err := f.store(ctx, bs); err != nil || f.opt.Private {
		return err
	}
	// Peers that asked us for these blocks meanwhile get them now.
	return f.n.host.swap.NotifyNewBlocks(ctx, got...)
}

// store makes blocks durable. From then on the root reaches them.
func (f *fetch) store(ctx context.Context, bs []Block) error {
	lease := f.n.Lease()
	defer lease.Release()
	if err := f.n.PutBlocks(ctx, bs, f.opt.Private); err != nil {
		return err
	}
	if f.opt.Private {
		for _, b := range bs {
			f.mine.Visit(b.Cid)
		}
	}
	return nil
}
