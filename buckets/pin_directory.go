package buckets

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// ErrPrivate says that something private would become public.
var ErrPrivate = errors.New("a content of a bucket that is not published cannot be in a directory that is")

// A File is a content in a directory, under a path without a slash in front.
type File struct {
	Path    string
	Content Content
}

// DirectoryRequest asks for a directory of contents.
type DirectoryRequest struct {
	Name string            // of the pin; "": the directory's CID
	Meta map[string]string // of the pin
	// Files are the directory's, in byte order of their paths. Of an offloaded
	// one the blocks are brought back.
	Files iter.Seq2[File, error]
	// Last is a pin that is returned again if it has the directory's CID and has
	// not failed; 0: none.
	Last uint64
	// Also is that of the PinRequest; it runs for Last too.
	Also func(tx kv.Tx, p Pin) error
}

// PinDirectory makes a UnixFS directory of contents, as buckets' trees are made,
// and pins it in the owner's global bucket. With a private content in a public
// directory it is ErrPrivate.
func (b *Buckets) PinDirectory(ctx context.Context, owner uint64, r DirectoryRequest) (Pin, error) {
	bucket, err := b.GlobalBucket(ctx, owner)
	if err != nil {
		return Pin{}, err
	}
	// Until the pin holds the root.
	lease := b.node.Lease()
	defer lease.Release()
	root, err := b.directory(ctx, bucket, r.Files)
	if err != nil {
		return Pin{}, fmt.Errorf("directory: %w", err)
	}
	last, found, err := b.lastPin(ctx, owner, r, root)
	if err == nil && found && last.unfinished() && b.pinLocal(ctx, last) {
		last, err = b.PinByID(ctx, owner, last.ID)
	}
	if err != nil || found {
		return last, err
	}
	p, err := b.Pin(ctx, owner, PinRequest{CID: root, Name: r.Name, Meta: r.Meta, Bucket: bucket.UUID, Also: r.Also, here: true})
	if err != nil || !p.unfinished() {
		return p, err
	}
	return b.PinByID(ctx, owner, p.ID) // its job may have been faster
}

// lastPin returns the pin of an earlier request if that is as good as a new one.
func (b *Buckets) lastPin(ctx context.Context, owner uint64, r DirectoryRequest, root cid.Cid) (p Pin, found bool, err error) {
	if r.Last == 0 {
		return Pin{}, false, nil
	}
	err = b.update(ctx, func(tx kv.Tx) error {
		p, err = shownPin(tx, owner, r.Last)
		if found = err == nil && p.CID.Equals(root) && p.State != PinFailed; found && r.Also != nil {
			return r.Also(tx, p)
		}
		if errors.Is(err, ErrNoPin) {
			return nil
		}
		return err
	})
	return p, found, err
}

// directory stores the nodes of a directory that is as public as a bucket.
func (b *Buckets) directory(ctx context.Context, bucket Bucket, files iter.Seq2[File, error]) (root cid.Cid, err error) {
	t := &treeBuilder{node: b.node, w: b.node.DirWriter(!bucket.Policy.Publish)}
	defer func() { err = errors.Join(err, t.close()) }()
	t.enter("")
	public := map[string]bool{} // by bucket
	for f, err := range files {
		if err == nil {
			err = b.fitIn(ctx, bucket, f.Content, public)
		}
		if err == nil {
			// How a content's blocks are laid out is not known: its root tells their size.
			err = t.add(ctx, f.Path, treeFile{DirEntry: node.DirEntry{Root: f.Content.CID}, size: f.Content.Size, joined: true})
		}
		if err != nil {
			return cid.Undef, fmt.Errorf("%q: %w", f.Path, err)
		}
	}
	e, err := t.end(ctx)
	return e.Root, err
}

// fitIn sees that a content's blocks are here and may be in a directory that is
// as public as a bucket.
func (b *Buckets) fitIn(ctx context.Context, bucket Bucket, c Content, public map[string]bool) error {
	if _, known := public[c.Bucket]; !known && bucket.Policy.Publish {
		from, err := b.BucketByUUID(ctx, c.Bucket)
		if err != nil {
			return err
		}
		public[c.Bucket] = from.Policy.Publish
	}
	if bucket.Policy.Publish && !public[c.Bucket] {
		return ErrPrivate
	}
	if c.Offloaded {
		return b.Restore(ctx, c.CID)
	}
	return nil
}
