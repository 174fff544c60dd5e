package proof

import (
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/commp"
)

// sections follows the blocks of a DAG through its spans: what it is told of is
// what has to stand there, byte by byte.
type sections struct {
	p     *Proof
	next  int   // span
	left  int64 // bytes of the span before next that are still to come
	run   *commp.Range
	count int // blocks
	bytes int64
}

// block takes the next block.
func (s *sections) block(c cid.Cid, data []byte) error {
	head := car.SectionHead(c, len(data))
	size := int64(len(head) + len(data))
	if s.left == 0 {
		if err := s.open(); err != nil {
			return err
		}
	}
	if size > s.left {
		return refuse("block %s goes past the end of span %d", c, s.next-1)
	}
	s.run.Write(head)
	s.run.Write(data)
	s.count++
	s.bytes += size
	if s.left -= size; s.left > 0 {
		return nil
	}
	return s.close()
}

func (s *sections) open() (err error) {
	if s.next == len(s.p.Spans) {
		return refuse("it has more blocks than the proof has spans for")
	}
	span := s.p.Spans[s.next]
	if s.run, err = commp.NewRange(uint64(span.Offset/commp.Quad), treeNodes(span.Left)); err != nil {
		return refuse("span %d: %v", s.next, err)
	}
	s.run.Write(span.Before)
	s.left = span.Length
	s.next++
	return nil
}

// close compares what the span and the proof make with the shard.
func (s *sections) close() error {
	span := s.p.Spans[s.next-1]
	shard := s.p.Shards[span.Shard]
	s.run.Write(span.After)
	got, err := s.run.Sum(shard.Padded, treeNodes(span.Right))
	if err != nil {
		return refuse("span %d: %v", s.next-1, err)
	}
	if got.String() != shard.CID {
		return refuse("span %d: its bytes and the proof make shard %s, not %s", s.next-1, got, shard.CID)
	}
	return nil
}

func (s *sections) end() error {
	if s.left > 0 || s.next < len(s.p.Spans) {
		return refuse("its blocks fill %d of %d spans", s.next, len(s.p.Spans))
	}
	return nil
}

// treeNodes cuts bytes, whole nodes, into them.
func treeNodes(b []byte) []commp.Node {
	out := make([]commp.Node, 0, len(b)/nodeSize)
	for ; len(b) >= nodeSize; b = b[nodeSize:] {
		out = append(out, commp.Node(b))
	}
	return out
}
