package node

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/node/blocks"
)

// ErrNotDir says that a block is not a directory of this profile.
var ErrNotDir = errors.New("not a UnixFS directory")

// maxBasicDir is the largest block of a directory that is one node: 256 KiB by
// unixfs-v1-2025. A directory that would be larger is a HAMT.
const maxBasicDir = 256 << 10

// A DirEntry is a name in a directory, and the DAG that it names.
type DirEntry struct {
	Name  string
	Root  cid.Cid
	Tsize uint64 // bytes of all blocks of that DAG
}

// size is how much larger the entry makes the block of a basic directory.
func (e DirEntry) size() int {
	inner := func(n int) int { return 1 + varintLen(uint64(n)) + n }
	return inner(inner(e.Root.ByteLen()) + inner(len(e.Name)) + 1 + varintLen(e.Tsize))
}

func varintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// A DirWriter stores the nodes of directories, profile unixfs-v1-2025: the same
// names and DAGs make the same directory here, in kubo and in any other importer
// of the profile, whatever changes led to them. Nodes are durable once Sync
// returns nil. Its user holds a lease until a root that reaches them is known.
type DirWriter struct {
	n     *Node
	batch blocks.Batch
}

// DirWriter begins to write directories.
func (n *Node) DirWriter(private bool) *DirWriter {
	return &DirWriter{n: n, batch: n.blocks.Batch(private)}
}

// Sync makes what was stored durable.
func (w *DirWriter) Sync(ctx context.Context) error { return w.batch.Sync(ctx) }

// New returns an empty directory.
func (w *DirWriter) New() *Dir {
	return &Dir{w: w, entries: map[string]DirEntry{}, size: emptyDirSize}
}

// Open reads a directory that a DirWriter stored. Of a HAMT only the root is
// read now.
func (w *DirWriter) Open(ctx context.Context, root cid.Cid) (*Dir, error) {
	links, fs, tsize, err := w.load(ctx, root)
	if err != nil {
		return nil, err
	}
	d := &Dir{w: w, stored: DirEntry{Root: root, Tsize: tsize}}
	if fs.Type() == unixfs.THAMTShard {
		d.shard, err = parseShard(root, fs, links)
		return d, err
	}
	d.entries, d.size = make(map[string]DirEntry, len(links)), emptyDirSize
	for _, l := range links {
		e := DirEntry{Name: l.Name, Root: l.Cid, Tsize: l.Size}
		d.entries[l.Name] = e
		d.size += e.size()
	}
	return d, nil
}

// load reads a node of a directory.
func (w *DirWriter) load(ctx context.Context, c cid.Cid) ([]*ipld.Link, *unixfs.FSNode, uint64, error) {
	data, err := w.n.Block(ctx, c)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("directory node %s: %w", c, err)
	}
	links, fs, err := parseDir(c, data)
	if err != nil {
		return nil, nil, 0, err
	}
	tsize := uint64(len(data))
	for _, l := range links {
		tsize += l.Size
	}
	return links, fs, tsize, nil
}

// parseDir reads a node of a directory of either kind, or returns ErrNotDir.
func parseDir(c cid.Cid, data []byte) ([]*ipld.Link, *unixfs.FSNode, error) {
	if c.Type() != cid.DagProtobuf {
		return nil, nil, fmt.Errorf("%s: codec %#x: %w", c, c.Type(), ErrNotDir)
	}
	pb, err := merkledag.DecodeProtobuf(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: %w", c, ErrNotDir, err)
	}
	fs, err := unixfs.FSNodeFromBytes(pb.Data())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: %w", c, ErrNotDir, err)
	}
	if t := fs.Type(); t != unixfs.TDirectory && t != unixfs.THAMTShard {
		return nil, nil, fmt.Errorf("%s: UnixFS %s: %w", c, t, ErrNotDir)
	}
	return pb.Links(), fs, nil
}

// put stores a node and returns it as an entry without a name.
func (w *DirWriter) put(ctx context.Context, links []ipld.Link, data []byte) (DirEntry, error) {
	nd := new(merkledag.ProtoNode)
	if err := nd.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}); err != nil {
		return DirEntry{}, err
	}
	for i := range links {
		if err := nd.AddRawLink(links[i].Name, &links[i]); err != nil {
			return DirEntry{}, err
		}
	}
	nd.SetData(data)
	block, err := nd.EncodeProtobuf(false)
	if err != nil {
		return DirEntry{}, err
	}
	e := DirEntry{Root: nd.Cid(), Tsize: uint64(len(block))}
	for i := range links {
		e.Tsize += links[i].Size
	}
	return e, w.batch.Put(ctx, e.Root, block)
}

// A Dir is a directory that is being changed. What it read and was given is in
// memory; Store writes the nodes that have changed, and no others. It is not
// safe for concurrent use.
type Dir struct {
	w       *DirWriter
	entries map[string]DirEntry // of a basic directory
	size    int                 // of its block
	shard   *shard              // not nil: it is a HAMT
	shrunk  bool                // the HAMT may have become small enough to be none
	stored  DirEntry            // what it is in the store; Root is undefined when it has changed
}

// emptyDirSize is the size of an empty directory's block.
const emptyDirSize = 4

// Get returns the entry of a name, if there is one.
func (d *Dir) Get(ctx context.Context, name string) (DirEntry, bool, error) {
	if d.shard == nil {
		e, ok := d.entries[name]
		return e, ok, nil
	}
	return d.shard.get(ctx, d.w, hashName(name), 0, name)
}

// Set adds an entry, or replaces the one of its name.
func (d *Dir) Set(ctx context.Context, e DirEntry) error {
	if e.Name == "" {
		return errors.New("directory entry without a name")
	}
	if d.shard != nil {
		return d.setInShard(ctx, e)
	}
	old, ok := d.entries[e.Name]
	if ok && old == e {
		return nil
	}
	if ok {
		d.size -= old.size()
	}
	d.entries[e.Name] = e
	d.size += e.size()
	d.stored.Root = cid.Undef
	if d.size <= maxBasicDir {
		return nil
	}
	d.shard = new(shard)
	for _, e := range d.entries {
		if _, err := d.shard.set(ctx, d.w, hashName(e.Name), 0, e); err != nil {
			return err
		}
	}
	d.entries = nil
	return nil
}

func (d *Dir) setInShard(ctx context.Context, e DirEntry) error {
	h := hashName(e.Name)
	old, found, err := d.shard.get(ctx, d.w, h, 0, e.Name)
	if err != nil {
		return err
	}
	changed, err := d.shard.set(ctx, d.w, h, 0, e)
	if changed {
		d.stored.Root = cid.Undef
		d.shrunk = d.shrunk || found && e.size() < old.size()
	}
	return err
}

// Remove removes the entry of a name; a missing one is no error.
func (d *Dir) Remove(ctx context.Context, name string) error {
	if d.shard == nil {
		if e, ok := d.entries[name]; ok {
			d.size -= e.size()
			delete(d.entries, name)
			d.stored.Root = cid.Undef
		}
		return nil
	}
	removed, err := d.shard.remove(ctx, d.w, hashName(name), 0, name)
	if removed {
		d.stored.Root = cid.Undef
		d.shrunk = true
	}
	return err
}

// Store writes the nodes that changed and returns the directory as an entry
// that has no name yet.
func (d *Dir) Store(ctx context.Context) (DirEntry, error) {
	if d.stored.Root.Defined() {
		return d.stored, nil
	}
	if err := d.unshard(ctx); err != nil {
		return DirEntry{}, err
	}
	var err error
	if d.shard != nil {
		d.stored, err = d.shard.store(ctx, d.w)
		return d.stored, err
	}
	links := make([]ipld.Link, 0, len(d.entries))
	for _, e := range d.entries {
		links = append(links, ipld.Link{Name: e.Name, Cid: e.Root, Size: e.Tsize})
	}
	d.stored, err = d.w.put(ctx, links, unixfs.FolderPBData())
	return d.stored, err
}

// unshard makes a HAMT that has shrunk to the limit a basic directory. It reads
// no more of it than shows that it has not.
func (d *Dir) unshard(ctx context.Context) error {
	if d.shard == nil || !d.shrunk {
		return nil
	}
	d.shrunk = false
	size, entries := emptyDirSize, map[string]DirEntry{}
	err := d.shard.each(ctx, d.w, func(e DirEntry) error {
		if size += e.size(); size > maxBasicDir {
			return errTooLarge
		}
		entries[e.Name] = e
		return nil
	})
	if errors.Is(err, errTooLarge) {
		return nil
	}
	if err == nil {
		d.shard, d.entries, d.size = nil, entries, size
	}
	return err
}

var errTooLarge = errors.New("directory is too large for one node")
