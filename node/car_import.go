package node

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/ipfs/boxo/verifcid"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node/blocks"
)

const (
	// maxCARBlock is what bitswap carries.
	maxCARBlock = 2 << 20
	// maxCARBlocks bounds the memory of an import: 4 TiB of 1 MiB leaves, at
	// some 50 bytes for each.
	maxCARBlocks = 4 << 20
)

// CARError says why a CAR cannot be imported, in words for who sent it.
type CARError struct {
	Reason string
	Roots  int // how many it has, if that is the reason; else 1
}

func (e *CARError) Error() string { return "the CAR cannot be imported: " + e.Reason }

func badCAR(format string, args ...any) error {
	return &CARError{fmt.Sprintf(format, args...), 1}
}

// DAG is a stored DAG as a sequence of bytes: see OpenDAG.
type DAG struct {
	Root cid.Cid
	Size int64
	File bool // a UnixFS file; else the bytes are a CAR
}

// ImportCAR reads a CARv1 or CARv2 with one root to its end and stores the DAG
// under that root. Every block must have the hash of its CID, and the DAG must
// be complete within the CAR: blocks that are only in the store do not count,
// or who knows a CID could take what is private. What the CAR is at fault for is
// a *CARError; errors of r are returned wrapped. Blocks that the root does
// not reach, and after an error all, are garbage for the next sweep. For the
// rest it is like Import.
func (n *Node) ImportCAR(ctx context.Context, r io.Reader, opt ImportOptions) (DAG, error) {
	d, err := n.importCAR(ctx, r, opt)
	if errors.Is(err, car.ErrFormat) {
		err = badCAR("%v", err)
	}
	if err != nil {
		return DAG{}, fmt.Errorf("import CAR: %w", err)
	}
	return d, nil
}

func (n *Node) importCAR(ctx context.Context, r io.Reader, opt ImportOptions) (DAG, error) {
	in, err := car.NewReader(io.TeeReader(r, feed(opt.Hashes)), maxCARBlock)
	if err != nil {
		return DAG{}, err
	}
	root, err := oneRoot(in.Roots)
	if err != nil {
		return DAG{}, err
	}
	batch := n.blocks.Batch(opt.Private)
	found, err := storeCAR(ctx, in, batch)
	if err != nil {
		return DAG{}, err
	}
	if err := in.Drain(); err != nil {
		return DAG{}, err
	}
	if err := batch.Sync(ctx); err != nil {
		return DAG{}, err
	}
	return n.checkCAR(ctx, root, found)
}

// feed writes to hashes, which never fail.
func feed(hashes []hash.Hash) io.Writer {
	w := make([]io.Writer, len(hashes))
	for i, h := range hashes {
		w[i] = h
	}
	return io.MultiWriter(w...)
}

func oneRoot(roots []cid.Cid) (cid.Cid, error) {
	if len(roots) != 1 {
		return cid.Undef, &CARError{fmt.Sprintf("it has %d roots, and an object is one", len(roots)), len(roots)}
	}
	root := roots[0]
	// Those who stream a CAR before they know its root write the identity CID of nothing.
	if root.Prefix().MhType == multihash.IDENTITY {
		return cid.Undef, badCAR("its root %s is an identity CID, which names no block", root)
	}
	return root, nil
}

// storeCAR stores the blocks, each checked against its CID, and returns which there are.
func storeCAR(ctx context.Context, in *car.Reader, batch blocks.Batch) (hashSet, error) {
	found := newHashSet()
	for {
		if err := ctx.Err(); err != nil {
			return found, context.Cause(ctx)
		}
		c, data, err := in.Next()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, c); err != nil {
			return found, badCAR("%s: %v", c, err)
		}
		if !blocks.Matches(c, data) {
			return found, badCAR("the bytes of block %s do not have its hash", c)
		}
		if c.Prefix().MhType == multihash.IDENTITY {
			continue // the CID itself is the block
		}
		if found.add(c.Hash()); found.len() > maxCARBlocks {
			return found, badCAR("it has more than %d blocks", maxCARBlocks)
		}
		if err := batch.Put(ctx, c, data); err != nil {
			return found, err
		}
	}
}
