package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/verifcid"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// ErrMismatch says that bytes do not have the hash of the CID they were sent for.
var ErrMismatch = errors.New("the bytes do not have the hash of their CID")

// An Outside reads the files and directories of someone who need not be
// trusted: get asks him for a block, and what he answers is compared with its CID.
type Outside struct {
	get func(ctx context.Context, c cid.Cid) ([]byte, error)
}

// NewOutside returns an Outside over get.
func NewOutside(get func(ctx context.Context, c cid.Cid) ([]byte, error)) *Outside {
	return &Outside{get}
}

// block is a block that has its hash.
func (o *Outside) block(ctx context.Context, c cid.Cid) ([]byte, error) {
	if err := verifcid.ValidateCid(verifcid.DefaultAllowlist, c); err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	if c.Prefix().MhType == multihash.IDENTITY {
		mh, err := multihash.Decode(c.Hash())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
		return mh.Digest, nil
	}
	data, err := o.get(ctx, c)
	if err != nil {
		return nil, err
	}
	if !blocks.Matches(c, data) {
		return nil, fmt.Errorf("block %s: %w", c, ErrMismatch)
	}
	return data, nil
}

// Size is the length of the file under root; it is ErrNotFile for what is none.
func (o *Outside) Size(ctx context.Context, root cid.Cid) (int64, error) {
	data, err := o.block(ctx, root)
	if err != nil {
		return 0, err
	}
	n, err := parseFile(root, data)
	return n.size, err
}

// WriteFile writes the file under root to w, from the byte from on, and returns
// how much that was. Blocks are asked for in the order of the DAG, left to
// right, each when it is due, and none that lies wholly before from. Every byte
// that is written was checked.
func (o *Outside) WriteFile(ctx context.Context, w io.Writer, root cid.Cid, from int64) (int64, error) {
	f := outsideFile{Outside: o, w: w, skip: from}
	err := f.node(ctx, link{cid: root, size: -1}, 1)
	return f.written, err
}

type outsideFile struct {
	*Outside
	w       io.Writer
	skip    int64 // bytes that are still not to be written
	written int64
}

func (f *outsideFile) node(ctx context.Context, l link, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: deeper than %d: %w", l.cid, maxDepth, ErrNotFile)
	}
	if l.size >= 0 && l.size <= f.skip {
		f.skip -= l.size
		return nil
	}
	data, err := f.block(ctx, l.cid)
	if err != nil {
		return err
	}
	n, err := parseFile(l.cid, data)
	if err != nil {
		return err
	}
	if l.size >= 0 && n.size != l.size {
		return fmt.Errorf("%s: %d bytes where %d are due: %w", l.cid, n.size, l.size, ErrNotFile)
	}
	if err := f.write(n.data); err != nil {
		return err
	}
	for _, l := range n.links {
		if err := f.node(ctx, l, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (f *outsideFile) write(data []byte) error {
	k := min(f.skip, int64(len(data)))
	f.skip -= k
	n, err := f.w.Write(data[k:])
	f.written += int64(n)
	return err
}

// Dir calls fn with each entry of the directory under root, of one node or a
// HAMT of any fanout; it is ErrNotDir for what is none. Names are anyone's: one
// may be "..", or have a slash in it.
func (o *Outside) Dir(ctx context.Context, root cid.Cid, fn func(DirEntry) error) error {
	return o.dir(ctx, root, 1, fn)
}

func (o *Outside) dir(ctx context.Context, c cid.Cid, depth int, fn func(DirEntry) error) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: deeper than %d: %w", c, maxDepth, ErrNotDir)
	}
	data, err := o.block(ctx, c)
	if err != nil {
		return err
	}
	links, fs, err := parseDir(c, data)
	if err != nil {
		return err
	}
	label := 0 // of a HAMT: as many digits as its largest index has
	if fs.Type() == unixfs.THAMTShard {
		label = len(strconv.FormatUint(max(fs.Fanout(), 1)-1, 16))
	}
	for _, l := range links {
		switch {
		case label == 0:
			err = fn(DirEntry{Name: l.Name, Root: l.Cid, Tsize: l.Size})
		case len(l.Name) < label:
			return fmt.Errorf("%s: link %q in a HAMT: %w", c, l.Name, ErrNotDir)
		case len(l.Name) == label:
			err = o.dir(ctx, l.Cid, depth+1, fn)
		default:
			err = fn(DirEntry{Name: l.Name[label:], Root: l.Cid, Tsize: l.Size})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A Kind is what the root of a DAG says that it is.
type Kind int

const (
	KindOther Kind = iota // no UnixFS, or of a sort that is not read here
	KindFile
	KindDir
	KindSymlink
)

// Kind reads the root.
func (o *Outside) Kind(ctx context.Context, root cid.Cid) (Kind, error) {
	if root.Type() == cid.Raw {
		return KindFile, nil
	}
	data, err := o.block(ctx, root)
	if err != nil || root.Type() != cid.DagProtobuf {
		return KindOther, err
	}
	pb, err := merkledag.DecodeProtobuf(data)
	if err != nil {
		return KindOther, nil
	}
	fs, err := unixfs.FSNodeFromBytes(pb.Data())
	if err != nil {
		return KindOther, nil
	}
	switch fs.Type() {
	case unixfs.TFile, unixfs.TRaw:
		return KindFile, nil
	case unixfs.TDirectory, unixfs.THAMTShard:
		return KindDir, nil
	case unixfs.TSymlink:
		return KindSymlink, nil
	}
	return KindOther, nil
}
