package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
)

const (
	// maxDepth bounds the path from a file's root to a leaf, as readers do.
	maxDepth = 256
	// spareVisits of blocks, and one for each leastPart bytes of the file, are as
	// many as are made: a proof may say of its nodes that they occur many times.
	spareVisits = 1 << 20
	leastPart   = 16
)

// A fileWalk goes over the DAG of a UnixFS file while it reads the file: each
// leaf is bytes of the file, each node comes from the proof.
type fileWalk struct {
	nodes  []Node
	in     io.Reader
	pos    int64
	blocks func(c cid.Cid, data []byte) error // told of each block when it is met first

	next   int                 // of nodes
	known  map[string]int      // nodes by CID
	leaves map[string]struct{} // raw leaves that were met
	done   map[string]struct{} // nodes without bytes of the file: once is enough
	visits int64
	most   int64 // visits
	buf    []byte
}

func walkFile(ctx context.Context, p *Proof, root cid.Cid, file io.Reader, blocks func(cid.Cid, []byte) error) error {
	w := &fileWalk{nodes: p.Nodes, in: file, blocks: blocks, most: spareVisits + p.Size/leastPart,
		known: map[string]int{}, leaves: map[string]struct{}{}, done: map[string]struct{}{}}
	if err := w.visit(ctx, fileLink{root, p.Size}, 0); err != nil {
		return err
	}
	if w.next < len(w.nodes) {
		return refuse("its DAG has %d nodes, the proof %d", w.next, len(w.nodes))
	}
	return atEnd(file, w.pos)
}

// atEnd refuses a file that goes on.
func atEnd(file io.Reader, size int64) error {
	var b [1]byte
	switch n, err := io.ReadFull(file, b[:]); {
	case n > 0:
		return refuse("the file goes on after the %d bytes that the proof is of", size)
	case err != io.EOF:
		return fmt.Errorf("read file: %w", err)
	}
	return nil
}

func (w *fileWalk) visit(ctx context.Context, l fileLink, depth int) error {
	if w.visits++; depth > maxDepth || w.visits > w.most {
		return refuse("its DAG is deeper or larger than any file's")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.cid.Type() == cid.Raw {
		return w.leaf(l)
	}
	if l.cid.Type() != cid.DagProtobuf {
		return refuse("block %s has codec %#x, of which files are not made", l.cid, l.cid.Type())
	}
	key := l.cid.KeyString()
	if _, ok := w.done[key]; ok && l.size == 0 {
		return nil
	}
	n, err := w.node(l.cid)
	if err != nil {
		return err
	}
	if n.size != l.size {
		return refuse("block %s is %d bytes of the file, not %d", l.cid, n.size, l.size)
	}
	for _, sub := range n.links {
		if err := w.visit(ctx, sub, depth+1); err != nil {
			return err
		}
	}
	if l.size == 0 {
		w.done[key] = struct{}{}
	}
	return nil
}

// leaf reads a raw leaf from the file.
func (w *fileWalk) leaf(l fileLink) error {
	if data, ok := inlined(l.cid); ok {
		return w.same(l.cid, data, l.size)
	}
	if l.size > maxBlock {
		return refuse("block %s of %d bytes is larger than %d", l.cid, l.size, maxBlock)
	}
	data, err := w.read(int(l.size))
	if err != nil {
		return err
	}
	at := w.pos - l.size
	if err := checkHash(l.cid, data); err != nil {
		return fmt.Errorf("%w: at bytes %d to %d of the file", err, at, w.pos)
	}
	key := l.cid.KeyString()
	if _, ok := w.leaves[key]; ok {
		return nil
	}
	w.leaves[key] = struct{}{}
	return w.blocks(l.cid, data)
}

// node returns a node of the DAG, and has read its own data from the file.
func (w *fileWalk) node(c cid.Cid) (fileNode, error) {
	if block, ok := inlined(c); ok {
		n, err := parseFile(block)
		if err != nil {
			return n, refuse("block %s: %v", c, err)
		}
		return n, w.same(c, n.data, int64(len(n.data)))
	}
	i, met := w.known[c.KeyString()]
	if !met {
		if i = w.next; i == len(w.nodes) {
			return fileNode{}, refuse("the proof lacks block %s", c)
		}
		w.known[c.KeyString()] = i
		w.next++
	}
	src := w.nodes[i]
	own, err := w.read(src.File)
	if err != nil {
		return fileNode{}, err
	}
	block := bytes.Join([][]byte{src.Head, own, src.Tail}, nil)
	if err := checkHash(c, block); err != nil {
		return fileNode{}, err
	}
	n, err := parseFile(block)
	if err != nil {
		return n, refuse("block %s: %v", c, err)
	}
	if src.File == 0 {
		err = w.same(c, n.data, int64(len(n.data)))
	} else if len(n.data) != src.File || !bytes.Equal(n.data, block[len(src.Head):len(src.Head)+src.File]) {
		err = refuse("block %s does not hold the file's bytes where the proof says", c)
	}
	if err == nil && !met {
		err = w.blocks(c, block)
	}
	return n, err
}

// same refuses a file that does not go on with data.
func (w *fileWalk) same(c cid.Cid, data []byte, size int64) error {
	if int64(len(data)) != size {
		return refuse("block %s is %d bytes of the file, not %d", c, len(data), size)
	}
	got, err := w.read(len(data))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return refuse("bytes %d to %d of the file are not those in block %s", w.pos-size, w.pos, c)
	}
	return nil
}

// read returns the next n bytes of the file, until the next call.
func (w *fileWalk) read(n int) ([]byte, error) {
	if cap(w.buf) < n {
		w.buf = make([]byte, n)
	}
	b := w.buf[:n]
	k, err := io.ReadFull(w.in, b)
	w.pos += int64(k)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, refuse("the file ends after %d bytes", w.pos)
	}
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	return b, nil
}
