package piece

import (
	"context"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

const (
	// partSize is how many bytes of small blocks are read by one goroutine.
	partSize = 256 << 10
	// aloneSize is from where on a block is a part of its own, sent from where it was read.
	aloneSize = 64 << 10
	// largeLeaf is the size of most blocks.
	largeLeaf = 1 << 20
)

// An ahead says how far reading is ahead of use.
type ahead struct {
	parts  int // that are read at once
	verify int // how many are compared with their CIDs together; 0: none, their reader hashes them
}

var (
	// packing has two batches in memory: one that is verified and hashed, one
	// that comes from the disk.
	packing = ahead{parts: 34, verify: 16}
	sending = ahead{parts: 2}
)

// A part is a run of whole sections of a shard, on its way.
type part struct {
	off        int64 // in the shard
	head, body []byte
	cid        cid.Cid // of body, if that is to be verified
	err        error
	done       chan struct{} // closed when it was read, or err is set

	read []byte // memory for a block
	out  []byte // memory for sections
}

// each calls use with the bytes of the shard from one offset to another, in
// their order. Parts of it are read before their turn; each holds 1.3 MiB, or a
// block that is larger. use must not keep what it gets.
func (s *shardReader) each(ctx context.Context, from, to int64, how ahead, use func([]byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	q := &partQueue{pieces: s.pieces, from: from, to: to, how: how, use: use}
	defer q.end()
	defer cancel()
	if err := q.give(0, s.prefix); err != nil {
		return err
	}
	for off := max(from, int64(len(s.prefix))); off < to; {
		ch, err := s.pieces.loadChunk(ctx, s.zone, s.ord, &s.row, off)
		if err != nil {
			return err
		}
		for i := ch.find(off); i < len(ch.entries) && off < to; {
			for len(q.flying) >= how.parts {
				if err := q.land(ctx); err != nil {
					return err
				}
			}
			end := ch.group(i)
			q.flying = append(q.flying, s.start(ctx, ch.starts[i], ch.entries[i:end], how.verify > 0))
			if i = end; i < len(ch.entries) {
				off = ch.starts[i]
			} else {
				off = ch.end
			}
		}
	}
	for len(q.flying) > 0 {
		if err := q.land(ctx); err != nil {
			return err
		}
	}
	return nil
}

// group is the index behind the entries that are read together with that at i.
func (c *chunk) group(i int) int {
	size := c.entries[i].size
	for i++; i < len(c.entries) && size < aloneSize; i++ {
		if size += c.entries[i].size; size > partSize {
			break
		}
	}
	return i
}

// start has the sections of entries read.
func (s *shardReader) start(ctx context.Context, off int64, entries []entry, later bool) *part {
	p, ok := s.pieces.parts.Get().(*part)
	if !ok {
		p = new(part)
	}
	p.off, p.done = off, make(chan struct{})
	go func() {
		defer close(p.done)
		p.err = s.load(ctx, p, entries, later)
	}()
	return p
}

// load reads the sections of entries. Later says that a large block is verified
// with others.
func (s *shardReader) load(ctx context.Context, p *part, entries []entry, later bool) error {
	off := p.off
	p.out, p.body, p.cid = p.out[:0], nil, cid.Undef
	for _, e := range entries {
		head := car.SectionHead(e.cid, e.size)
		read, alone := s.read, len(entries) == 1
		if alone && later {
			read, p.cid = s.stored, e.cid
		}
		data, err := read(ctx, e, off+int64(len(head)), p.room(e.size))
		if err != nil {
			return err
		}
		off += int64(len(head) + len(data))
		p.out = append(p.out, head...)
		if alone {
			p.body = data
		} else {
			p.out = append(p.out, data...)
		}
	}
	p.head = p.out
	return nil
}

// room is memory for a block.
func (p *part) room(size int) []byte {
	if need := max(size, largeLeaf) + node.ReadRoom; cap(p.read) < need {
		p.read = make([]byte, need)
	}
	return p.read
}

// A partQueue has the parts in flight, in the order of their bytes.
type partQueue struct {
	pieces   *Pieces
	from, to int64
	how      ahead
	use      func([]byte) error
	flying   []*part
}

// land waits for the oldest parts and gives them to use.
func (q *partQueue) land(ctx context.Context) error {
	n := min(len(q.flying), max(q.how.verify, 1))
	for _, p := range q.flying[:n] {
		if <-p.done; p.err != nil {
			return p.err
		}
	}
	batch := slices.Clone(q.flying[:n])
	q.flying = append(q.flying[:0], q.flying[n:]...)
	if err := q.verify(ctx, batch); err != nil {
		return err
	}
	for _, p := range batch {
		if err := q.give(p.off, p.head); err != nil {
			return err
		}
		if err := q.give(p.off+int64(len(p.head)), p.body); err != nil {
			return err
		}
		q.pieces.parts.Put(p)
	}
	return nil
}

// verify compares the blocks of parts with their CIDs, those that were not yet.
func (q *partQueue) verify(ctx context.Context, batch []*part) error {
	var parts []*part
	var cids []cid.Cid
	var data [][]byte
	for _, p := range batch {
		if p.cid.Defined() {
			parts, cids, data = append(parts, p), append(cids, p.cid), append(data, p.body)
		}
	}
	if err := q.pieces.node.VerifyBlocks(ctx, cids, data); err != nil {
		return err
	}
	for i, p := range parts {
		p.body = data[i]
	}
	return nil
}

// give hands over what is wanted of b, which begins at off.
func (q *partQueue) give(off int64, b []byte) error {
	from, to := max(q.from-off, 0), min(q.to-off, int64(len(b)))
	if from >= to {
		return nil
	}
	return q.use(b[from:to])
}

// end waits for the parts that nobody wants any more.
func (q *partQueue) end() {
	for _, p := range q.flying {
		<-p.done
	}
}
