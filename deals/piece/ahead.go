package piece

import (
	"context"
	"runtime"

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

// packReaders is how many parts of a shard are read at once while it is
// hashed: the disk should not wait for the processor, nor that for the disk.
func packReaders() int { return 2*runtime.GOMAXPROCS(0) + 2 }

// A part is a run of whole sections of a shard, on its way.
type part struct {
	off        int64 // in the shard
	head, body []byte
	err        error
	done       chan struct{}

	read []byte // memory for a block
	out  []byte // memory for sections
}

// each calls use with the bytes of the shard from one offset to another, in
// their order. Up to n parts of it are read at once, before their turn; each
// holds 1.3 MiB, or a block that is larger. use must not keep what it gets.
func (s *shardReader) each(ctx context.Context, from, to int64, n int, use func([]byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	q := &partQueue{pieces: s.pieces, from: from, to: to, use: use}
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
			for len(q.flying) >= n {
				if err := q.land(); err != nil {
					return err
				}
			}
			end := ch.group(i)
			p := s.pieces.part(ch.starts[i])
			q.flying = append(q.flying, p)
			go func(entries []entry) {
				p.err = s.load(ctx, p, entries)
				p.done <- struct{}{}
			}(ch.entries[i:end])
			if i = end; i < len(ch.entries) {
				off = ch.starts[i]
			} else {
				off = ch.end
			}
		}
	}
	for len(q.flying) > 0 {
		if err := q.land(); err != nil {
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

// load reads the sections of entries.
func (s *shardReader) load(ctx context.Context, p *part, entries []entry) error {
	off := p.off
	p.out = p.out[:0]
	for _, e := range entries {
		head := car.SectionHead(e.cid, e.size)
		data, err := s.read(ctx, e, off+int64(len(head)), p.room(e.size))
		if err != nil {
			return err
		}
		off += int64(len(head) + len(data))
		p.out = append(p.out, head...)
		if len(entries) == 1 {
			p.head, p.body = p.out, data
			return nil
		}
		p.out = append(p.out, data...)
	}
	p.head, p.body = p.out, nil
	return nil
}

// room is memory for a block.
func (p *part) room(size int) []byte {
	if need := max(size, largeLeaf) + node.ReadRoom; cap(p.read) < need {
		p.read = make([]byte, need)
	}
	return p.read
}

func (p *Pieces) part(off int64) *part {
	got, ok := p.parts.Get().(*part)
	if !ok {
		got = &part{done: make(chan struct{}, 1)}
	}
	got.off = off
	return got
}

// A partQueue has the parts in flight, in the order of their bytes.
type partQueue struct {
	pieces   *Pieces
	from, to int64
	use      func([]byte) error
	flying   []*part
}

// land waits for the oldest part and gives it to use.
func (q *partQueue) land() error {
	p := q.flying[0]
	<-p.done
	q.flying = append(q.flying[:0], q.flying[1:]...)
	defer q.pieces.parts.Put(p)
	if p.err != nil {
		return p.err
	}
	if err := q.give(p.off, p.head); err != nil {
		return err
	}
	return q.give(p.off+int64(len(p.head)), p.body)
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
