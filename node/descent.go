package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
)

const (
	// maxPath bounds the nodes on the way down to a place in a DAG.
	maxPath = 1 << 16
	// maxHeld bounds the links that a descent keeps in memory besides those of
	// one node; it reads nodes again rather than hold more.
	maxHeld = 1 << 17
	// maxCursor bounds the nodes in a cursor.
	maxCursor = 1024
)

// A descent is a place in a DAG, walked left to right, parents before children.
// Everything to the left of it is done. It is told by the nodes on the way down
// that still have links to the right, so it is small however large the DAG is,
// and it can be written down.
type descent struct {
	read    func(context.Context, cid.Cid) ([]cid.Cid, error) // the links of a node that is here
	path    []step
	held    int // links in memory
	pending int // links to the right
}

// A step is a node on the path.
type step struct {
	node  cid.Cid   // Undef: the root is its only link
	next  int       // the first link that is not done
	count int       // of its links
	links []cid.Cid // nil: to be read again
}

func newDescent(root cid.Cid, read func(context.Context, cid.Cid) ([]cid.Cid, error)) *descent {
	return &descent{read: read, path: []step{{count: 1, links: []cid.Cid{root}}}, held: 1, pending: 1}
}

// peek returns the link that is next; ok is false at the end of the DAG.
func (d *descent) peek(ctx context.Context) (c cid.Cid, ok bool, err error) {
	for len(d.path) > 0 {
		s := &d.path[len(d.path)-1]
		if s.next == s.count {
			d.pop()
			continue
		}
		if s.links == nil {
			if s.links, err = d.read(ctx, s.node); err != nil {
				return cid.Undef, false, err
			}
			if len(s.links) != s.count {
				return cid.Undef, false, fmt.Errorf("%s has %d links, and had %d", s.node, len(s.links), s.count)
			}
			d.held += s.count
		}
		return s.links[s.next], true, nil
	}
	return cid.Undef, false, nil
}

// skip goes past the link that is next.
func (d *descent) skip() {
	s := &d.path[len(d.path)-1]
	s.next++
	d.pending--
	if s.next == s.count {
		d.pop()
	}
}

// enter goes past the link that is next, c, whose node has those links, and
// makes them the next ones.
func (d *descent) enter(c cid.Cid, links []cid.Cid) error {
	d.skip()
	if len(links) == 0 {
		return nil
	}
	if len(d.path) == maxPath {
		return badDAG("it is deeper than %d nodes", maxPath)
	}
	if d.pending+len(links) > maxPending {
		return badDAG("it has too many links")
	}
	for i := 0; d.held > maxHeld && i < len(d.path); i++ {
		if s := &d.path[i]; s.links != nil && s.node.Defined() {
			d.held -= s.count
			s.links = nil
		}
	}
	d.path = append(d.path, step{node: c, count: len(links), links: links})
	d.held += len(links)
	d.pending += len(links)
	return nil
}

func (d *descent) pop() {
	s := d.path[len(d.path)-1]
	if s.links != nil {
		d.held -= s.count
	}
	d.path = d.path[:len(d.path)-1]
}

// fork is a copy that goes its own way.
func (d *descent) fork() *descent {
	f := *d
	f.path = slices.Clone(d.path)
	return &f
}

// cursor writes the place down: for each node its CID, the number of its links
// and the next one. Of a very long path it keeps the upper part, from where
// what is below is walked again.
func (d *descent) cursor() []byte {
	path := d.path
	short := len(path) > maxCursor
	if short {
		path = path[:maxCursor]
	}
	var out []byte
	for i, s := range path {
		if !s.node.Defined() {
			return nil // nothing is done
		}
		if short && i == len(path)-1 {
			s.next--
		}
		out = binary.AppendUvarint(out, uint64(s.node.ByteLen()))
		out = append(out, s.node.Bytes()...)
		out = binary.AppendUvarint(out, uint64(s.count))
		out = binary.AppendUvarint(out, uint64(s.next))
	}
	return out
}

var errCursor = errors.New("malformed cursor")

// resume goes to a place that was written down.
func (d *descent) resume(cursor []byte) error {
	number := func(limit int) (int, error) {
		v, n := binary.Uvarint(cursor)
		if n <= 0 || v > uint64(limit) {
			return 0, errCursor
		}
		cursor = cursor[n:]
		return int(v), nil
	}
	var path []step
	pending := 0
	for len(cursor) > 0 {
		size, err := number(len(cursor))
		if err != nil || size > len(cursor) {
			return errCursor
		}
		c, err := cid.Cast(cursor[:size])
		if err != nil {
			return fmt.Errorf("%w: %w", errCursor, err)
		}
		cursor = cursor[size:]
		s := step{node: c}
		if s.count, err = number(maxPending); err != nil {
			return err
		}
		if s.next, err = number(s.count); err != nil {
			return err
		}
		path = append(path, s)
		pending += s.count - s.next
	}
	if len(path) == 0 || len(path) > maxCursor {
		return errCursor
	}
	d.path, d.held, d.pending = path, 0, pending
	return nil
}
