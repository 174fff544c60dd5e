package node

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node/blocks"
)

// v1Width is the links of a node in Estuary V1 and in others that import with
// what was go-unixfs's default then: a file of more leaves has another root there.
const v1Width = 174

// A Builder makes the blocks of files and directories as Import and DirWriter
// do, and stores none: each goes to a function. It needs no node, so a client
// can tell what CID a host has to answer with, and write a CAR itself.
type Builder struct {
	put    putter
	chunks chunks
}

// NewBuilder returns a Builder whose blocks go to put, one at a time; the same
// block may come again. put may not keep data. nil: nobody wants them.
func NewBuilder(put func(c cid.Cid, data []byte) error) *Builder {
	return &Builder{put: putter{fn: put, mu: new(sync.Mutex)}}
}

// A Sum is what a file is as a DAG.
type Sum struct {
	DirEntry         // without a name
	V1       cid.Cid // its root where nodes have 174 links; the same below 174 MiB
	Size     int64
}

// Has says whether c is one of the roots.
func (s Sum) Has(c cid.Cid) bool { return c.Equals(s.Root) || c.Equals(s.V1) }

// File reads r to its end. An error of r is returned wrapped.
func (b *Builder) File(ctx context.Context, r io.Reader) (Sum, error) {
	forget := func(context.Context, cid.Cid, []byte) error { return nil }
	imp := &importer{
		shape: profile, batch: b.put, chunks: &b.chunks, done: map[int]link{},
		tree: &tree{width: profile.width, put: b.put.Put, beside: &tree{width: v1Width, put: forget}},
	}
	root, err := imp.run(ctx, r)
	if err != nil {
		return Sum{}, err
	}
	other, err := imp.tree.beside.root(ctx)
	if err != nil {
		return Sum{}, fmt.Errorf("build file: %w", err)
	}
	return Sum{DirEntry: DirEntry{Root: root.cid, Tsize: root.dag}, V1: other.cid, Size: root.size}, nil
}

// Dir makes the directory of entries with different names and returns it as an
// entry that has no name yet. The entries are in memory.
func (b *Builder) Dir(ctx context.Context, entries []DirEntry) (DirEntry, error) {
	d := (&DirWriter{batch: b.put}).New() // reads no node back: all that it has is new
	for _, e := range entries {
		if err := d.Set(ctx, e); err != nil {
			return DirEntry{}, fmt.Errorf("build directory: %w", err)
		}
	}
	return d.Store(ctx)
}

// A putter is a batch that gives each block away. The importer, who uses it,
// asks for no more than Put and Sync.
type putter struct {
	blocks.Batch
	fn func(c cid.Cid, data []byte) error
	mu *sync.Mutex // one call of fn at a time
}

func (p putter) Put(ctx context.Context, c cid.Cid, data []byte) error {
	if err := ctx.Err(); err != nil || p.fn == nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fn(c, data)
}

func (putter) Sync(context.Context) error { return nil }
