package node

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/verifcid"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/ipldlinks"
)

// maxPending bounds how many links of a DAG wait for their turn in a walk.
// What is imported is walked again and again, for its pieces and its readers.
const maxPending = 1 << 20

// checkCAR walks the DAG under root, whose blocks are among found.
func (n *Node) checkCAR(ctx context.Context, root cid.Cid, found hashSet) (DAG, error) {
	w := newWalker(root, func(ctx context.Context, c cid.Cid) (int, []cid.Cid, error) {
		return n.lookImported(ctx, c, found)
	})
	d := DAG{Root: root, Size: int64(len(car.Header(root)))}
	for {
		c, size, err := w.next(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return DAG{}, err
		}
		if len(w.todo) > maxPending || w.seen.Len() > maxCARBlocks {
			return DAG{}, badCAR("its DAG has too many links")
		}
		d.Size += car.SectionSize(c, size)
	}
	d, err := n.asFile(ctx, d)
	var bad *DAGError
	if errors.As(err, &bad) {
		err = badCAR("%s", bad.Reason)
	}
	return d, err
}

// asFile makes of a complete DAG, told as a CAR, the file that its root says it
// is. A file that cannot be read is a *DAGError.
func (n *Node) asFile(ctx context.Context, d DAG) (DAG, error) {
	data, err := n.Block(ctx, d.Root)
	if err != nil || !saysFile(d.Root, data) {
		return d, err
	}
	k := fileChecker{n: n, done: map[cid.Cid]fileExtent{}}
	e, err := k.node(ctx, d.Root, 1)
	if err == nil && e.places > sparePlaces+4*min(e.size, maxPlaces) {
		return DAG{}, badDAG("its root is a file of %d bytes in far more places", e.size)
	}
	if errors.Is(err, ErrNotFile) {
		return DAG{}, badDAG("its root says that it is a UnixFS file, and cannot be read as one: %v", err)
	}
	return DAG{Root: d.Root, Size: e.size, File: true}, err
}

// lookImported is look for a DAG that has to be within a CAR.
func (n *Node) lookImported(ctx context.Context, c cid.Cid, found hashSet) (int, []cid.Cid, error) {
	if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, c); err != nil {
		return 0, nil, badCAR("link to %s: %v", c, err)
	}
	if !walks(c) {
		return 0, nil, badCAR("the codec %#x of %s is not known here, so neither are its links", c.Type(), c)
	}
	if c.Prefix().MhType != multihash.IDENTITY && !found.has(c.Hash()) {
		return 0, nil, badCAR("block %s is linked to and missing", c)
	}
	if !ipldlinks.Has(c) {
		return n.look(ctx, c)
	}
	data, err := n.Block(ctx, c)
	if err != nil {
		return 0, nil, err
	}
	links, err := ipldlinks.Of(c, data)
	if err != nil {
		return 0, nil, badCAR("block %s is malformed: %v", c, err)
	}
	return len(data), links, nil
}

// walks says whether the links of c's codec are known, or that it has none.
func walks(c cid.Cid) bool {
	switch c.Type() {
	case cid.Raw, cborCodec, jsonCodec:
		return true
	}
	return ipldlinks.Has(c)
}

// Multicodecs without links.
const (
	cborCodec = 0x51
	jsonCodec = 0x0200
)

// saysFile says whether a block claims to be the root of a UnixFS file.
func saysFile(c cid.Cid, data []byte) bool {
	if c.Type() == cid.Raw {
		return true
	}
	if c.Type() != cid.DagProtobuf {
		return false
	}
	pb, err := merkledag.DecodeProtobuf(data)
	if err != nil {
		return false
	}
	fs, err := unixfs.FSNodeFromBytes(pb.Data())
	return err == nil && (fs.Type() == unixfs.TFile || fs.Type() == unixfs.TRaw)
}

// A fileChecker makes sure that FileReader will find what a file's nodes say.
// A node that stands in many places is looked at once: a file may be far
// larger than its blocks together.
type fileChecker struct {
	n       *Node
	done    map[cid.Cid]fileExtent // nodes with links
	pending int                    // links of the nodes on the path
}

type fileExtent struct {
	size   int64
	height int   // nodes on the longest path down, leaves not counted
	places int64 // nodes and leaves, each as often as it stands in the file; at most maxPlaces
}

const (
	// A file without a byte in most of its places keeps its readers busy, and
	// tells them nothing, for as long as it likes. Who makes files with sense
	// in them needs fewer than sparePlaces and four for each byte.
	sparePlaces = 1 << 20
	maxPlaces   = 1 << 45 // so that places of the links of a node add up
)

// node checks the file under c, which is the depth-th node on its path.
func (k *fileChecker) node(ctx context.Context, c cid.Cid, depth int) (fileExtent, error) {
	if c.Type() == cid.Raw {
		size, _, err := k.n.look(ctx, c)
		return fileExtent{size: int64(size), places: 1}, err
	}
	e, ok := k.done[c]
	if !ok {
		if depth > maxDepth {
			return e, fmt.Errorf("%s: deeper than %d: %w", c, maxDepth, ErrNotFile)
		}
		fn, err := k.n.file(ctx, c)
		if err != nil {
			return e, err
		}
		if e, err = k.links(ctx, c, fn, depth); err != nil {
			return e, err
		}
		k.done[c] = e
	}
	if depth+e.height-1 > maxDepth {
		return e, fmt.Errorf("%s: deeper than %d: %w", c, maxDepth, ErrNotFile)
	}
	return e, nil
}

func (k *fileChecker) links(ctx context.Context, c cid.Cid, fn fileNode, depth int) (fileExtent, error) {
	e := fileExtent{size: fn.size, height: 1, places: 1}
	if k.pending += len(fn.links); k.pending > maxPending {
		return e, fmt.Errorf("%s: too many links: %w", c, ErrNotFile)
	}
	for _, l := range fn.links {
		sub, err := k.node(ctx, l.cid, depth+1)
		if err != nil {
			return e, err
		}
		if sub.size != l.size {
			return e, fmt.Errorf("%s: %d bytes where %d are due: %w", l.cid, sub.size, l.size, ErrNotFile)
		}
		e.height = max(e.height, 1+sub.height)
		e.places += sub.places
	}
	e.places = min(e.places, maxPlaces)
	k.pending -= len(fn.links)
	return e, nil
}
