package node

import (
	"fmt"

	"github.com/ipfs/go-cid"
)

// A cursor goes over the pieces of a file in order. Raw leaves are named by
// their parent and not read; all other nodes have to be, to know what they are.
type cursor struct {
	load  func(cid.Cid) (fileNode, error)
	top   fileNode
	stack []frame // from the root down; empty: before the first seek
}

// A frame is a node on the path to the next piece.
type frame struct {
	fileNode
	off     int64 // of what comes next in the node
	next    int   // link
	skipped bool  // the node's own data is behind
}

// off is where the next piece begins, or -1 before a seek.
func (c *cursor) off() int64 {
	if len(c.stack) == 0 {
		return -1
	}
	return c.stack[len(c.stack)-1].off
}

// reset forgets the place.
func (c *cursor) reset() { c.stack = nil }

// seek goes to the piece that holds pos, which is in the file.
func (c *cursor) seek(pos int64) error {
	c.stack = []frame{{fileNode: c.top}}
	for {
		f := &c.stack[len(c.stack)-1]
		if end := f.off + int64(len(f.data)); pos >= end {
			f.off, f.skipped = end, true
		} else {
			return nil
		}
		for f.next < len(f.links) && f.off+f.links[f.next].size <= pos {
			f.off += f.links[f.next].size
			f.next++
		}
		if f.next == len(f.links) || f.links[f.next].cid.Type() == cid.Raw {
			return nil
		}
		if err := c.down(); err != nil {
			c.reset()
			return err
		}
	}
}

// down reads the next link's node and enters it.
func (c *cursor) down() error {
	f := &c.stack[len(c.stack)-1]
	l, off := f.links[f.next], f.off
	n, err := c.load(l.cid)
	if err != nil {
		return err
	}
	if n.size != l.size {
		return fmt.Errorf("%s: %d bytes where %d are due: %w", l.cid, n.size, l.size, ErrNotFile)
	}
	if len(c.stack) == maxDepth {
		return fmt.Errorf("%s: deeper than %d: %w", l.cid, maxDepth, ErrNotFile)
	}
	f.next++
	f.off += l.size
	c.stack = append(c.stack, frame{fileNode: n, off: off})
	return nil
}

// next returns the next piece. The caller knows from the size that there is one.
func (c *cursor) next() (piece, error) {
	for len(c.stack) > 0 {
		f := &c.stack[len(c.stack)-1]
		if !f.skipped {
			f.skipped = true
			if k := int64(len(f.data)); k > 0 {
				f.off += k
				return piece{data: f.data, off: f.off - k, size: k}, nil
			}
		}
		if f.next == len(f.links) {
			c.stack = c.stack[:len(c.stack)-1]
			continue
		}
		l := f.links[f.next]
		if l.size > 0 && l.cid.Type() != cid.Raw {
			if err := c.down(); err != nil {
				return piece{}, err
			}
			continue
		}
		f.next++
		f.off += l.size
		if l.size > 0 {
			return piece{cid: l.cid, off: f.off - l.size, size: l.size}, nil
		}
	}
	return piece{}, fmt.Errorf("file is shorter than its size: %w", ErrNotFile)
}
