package node

import (
	"context"
	"hash"
	"io"

	"github.com/ipfs/go-cid"
)

// File is a stored UnixFS file.
type File struct {
	Root cid.Cid
	Size int64
}

// ImportOptions says how a file is stored.
type ImportOptions struct {
	// Private keeps the blocks from bitswap and the gateway until they are
	// also stored without it.
	Private bool
	// Hashes are fed with all bytes of the file, in order, each on a goroutine
	// of its own beside the block hashing. They are complete when Import returns nil.
	// One with a method SetSHA256(sum []byte) may be told its sum instead of being fed.
	Hashes []hash.Hash
}

// Import reads r to its end and stores it as a UnixFS file, profile
// unixfs-v1-2025. When it returns nil every block is durable. If r fails, its
// error is returned wrapped and the blocks stored so far are garbage. The
// caller holds a lease from before Import until the root is referenced.
// Memory is bounded whatever the size. The end of ctx does not interrupt a
// Read of r that is under way; whoever passes a reader that can hang sees to that.
func (n *Node) Import(ctx context.Context, r io.Reader, opt ImportOptions) (File, error) {
	imp := newImporter(n, opt)
	root, err := imp.run(ctx, r)
	if err != nil {
		return File{}, err
	}
	return File{Root: root.cid, Size: root.size}, nil
}
