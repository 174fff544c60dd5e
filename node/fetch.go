package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/exchange"
	"github.com/ipfs/boxo/verifcid"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"golang.org/x/sync/errgroup"
)

// fetchBatch blocks are asked for at a time. Twice as many, of at most 2 MiB
// each, are in memory: one batch arrives while the one before is stored.
const fetchBatch = 32

// Fetch brings the DAG under root into the store from connected peers, and with
// a DHT from the providers it names. When it returns nil every block is
// durable. Blocks that are here are not asked for again, so a Fetch that was
// cut short is continued by the next. It waits for a block that nobody has
// until ctx ends. The caller holds a lease, as for Import. With private unset,
// blocks under root that are here as private become public.
func (n *Node) Fetch(ctx context.Context, root cid.Cid, private bool) error {
	if n.host.swap == nil {
		return fmt.Errorf("fetch %s: %w", root, ErrNoHost)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the session
	f := &fetch{n: n, session: n.host.swap.NewSession(ctx), private: private, seen: cid.NewSet()}
	if err := f.run(ctx, root); err != nil {
		return fmt.Errorf("fetch %s: %w", root, err)
	}
	return nil
}

// fetch is one walk of a DAG, local blocks and others alike.
type fetch struct {
	n       *Node
	session exchange.Fetcher
	private bool
	hidden  bool // a block was here as private
	seen    *cid.Set
	todo    []cid.Cid // a stack, so a DAG is walked in depth and todo stays short
}

func (f *fetch) run(ctx context.Context, root cid.Cid) error {
	store, storeCtx := errgroup.WithContext(ctx)
	store.SetLimit(1)
	f.push(root)
	for len(f.todo) > 0 && storeCtx.Err() == nil {
		want, err := f.missing(ctx)
		if err != nil {
			return errors.Join(err, store.Wait())
		}
		if len(want) == 0 {
			break
		}
		got, err := f.get(storeCtx, want)
		if err != nil {
			return errors.Join(store.Wait(), err)
		}
		for _, b := range got {
			if err := f.follow(b.Cid(), b.RawData()); err != nil {
				return errors.Join(err, store.Wait())
			}
		}
		store.Go(func() error { return f.put(storeCtx, got) })
	}
	if err := store.Wait(); err != nil {
		return err
	}
	if f.hidden && !f.private {
		return f.n.Publish(ctx, root)
	}
	return nil
}

// missing takes CIDs off todo, following those of local blocks, until it has
// a batch of others. None means that the DAG is complete.
func (f *fetch) missing(ctx context.Context) ([]cid.Cid, error) {
	var want []cid.Cid
	for len(f.todo) > 0 && len(want) < fetchBatch {
		c := f.todo[len(f.todo)-1]
		f.todo = f.todo[:len(f.todo)-1]
		local, err := f.local(ctx, c)
		if err != nil {
			return nil, err
		}
		if !local {
			want = append(want, c)
		}
	}
	return want, nil
}

// local follows the links of c if its block is here.
func (f *fetch) local(ctx context.Context, c cid.Cid) (bool, error) {
	if c.Prefix().MhType == multihash.IDENTITY {
		mh, err := multihash.Decode(c.Hash())
		if err != nil {
			return false, err
		}
		return true, f.follow(c, mh.Digest)
	}
	if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, c); err != nil {
		return false, fmt.Errorf("%s: %w", c, err)
	}
	if _, ok := f.n.HasBlock(ctx, c); !ok {
		// Bitswap cannot carry the empty block, of which the CID says all.
		if empty, err := c.Prefix().Sum(nil); err == nil && empty.Equals(c) {
			return true, f.n.PutBlocks(ctx, []Block{{Cid: c}}, f.private)
		}
		return false, nil
	}
	if !f.private && !f.hidden {
		public, err := f.n.publicBlocks().Has(ctx, c)
		if err != nil {
			return false, err
		}
		f.hidden = !public
	}
	if !hasLinks(c) {
		return true, nil
	}
	data, err := f.n.Block(ctx, c)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) {
		return false, nil // swept since, or bad: another copy will do
	}
	if err != nil {
		return false, err
	}
	return true, f.follow(c, data)
}

func (f *fetch) get(ctx context.Context, want []cid.Cid) ([]blocks.Block, error) {
	ch, err := f.session.GetBlocks(ctx, want)
	if err != nil {
		return nil, err
	}
	got := make([]blocks.Block, 0, len(want))
	for b := range ch {
		got = append(got, b)
	}
	if len(got) < len(want) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d blocks came, the first wanted was %s: %w", len(got), len(want), want[0], err)
		}
		return nil, errors.New("bitswap was closed")
	}
	return got, nil
}

func (f *fetch) put(ctx context.Context, got []blocks.Block) error {
	bs := make([]Block, len(got))
	for i, b := range got {
		bs[i] = Block{Cid: b.Cid(), Data: b.RawData()}
	}
	if err := f.n.PutBlocks(ctx, bs, f.private); err != nil {
		return err
	}
	if f.private {
		return nil
	}
	// Peers that asked us for these blocks meanwhile get them now.
	return f.n.host.swap.NotifyNewBlocks(ctx, got...)
}

func (f *fetch) follow(c cid.Cid, data []byte) error {
	links, err := linksOf(c, data)
	if err != nil {
		return err
	}
	for i := len(links) - 1; i >= 0; i-- {
		f.push(links[i])
	}
	return nil
}

func (f *fetch) push(c cid.Cid) {
	if f.seen.Visit(c) {
		f.todo = append(f.todo, c)
	}
}
