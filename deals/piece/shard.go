package piece

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/commp"
	"github.com/whypfs/whypfs/kv"
)

const (
	fixedPrefix = 59 + 2 + 36 + 4 // CAR header, head of the directory's section, empty directory
	fixedLink   = 256             // more than any link takes, and its share of longer length prefixes
	flushBytes  = 1 << 20
)

// A shardBuilder collects the blocks of a shard until it is full. It holds
// their names only.
type shardBuilder struct {
	room    int64 // bytes
	entries []entry
	body    int64 // bytes of sections
	links   []link
	linked  int64 // bytes of links
}

func newShardBuilder(room int64) *shardBuilder {
	return &shardBuilder{room: room - fixedPrefix - fixedLink}
}

// takes says whether n more bytes fit. What comes first always does.
func (b *shardBuilder) takes(n int64) bool {
	return len(b.entries)+len(b.links) == 0 || b.body+b.linked+n <= b.room && len(b.links) < maxLinks
}

func (b *shardBuilder) add(e entry) {
	b.entries = append(b.entries, e)
	b.body += car.SectionSize(e.cid, e.size)
}

// link names a content, if there is room for one name more. For the first there always is.
func (b *shardBuilder) link(l link) {
	if size := linkSize(l); len(b.links) == 0 || b.body+b.linked+size <= b.room && len(b.links) < maxLinks {
		b.links = append(b.links, l)
		b.linked += size
	}
}

// prefix makes what stands before the blocks: the CAR header, and as its root
// the directory of the contents that begin in this shard. A shard in the
// middle of a content links its first block, under a name that is the shard's
// alone, so that no two zones ever make the same shard.
func (b *shardBuilder) prefix(zone, ord uint64) (root cid.Cid, head []byte, err error) {
	links := b.links
	if len(links) == 0 {
		first := b.entries[0]
		links = []link{{name: fmt.Sprintf("zone-%d-shard-%d", zone, ord), cid: first.cid, size: uint64(first.size)}}
	}
	root, dir, err := directory(links)
	if err != nil {
		return cid.Undef, nil, err
	}
	head = append(car.Header(root), car.SectionHead(root, len(dir))...)
	return root, append(head, dir...), nil
}

// closeShard writes the layout of the shard being built, and has it hashed
// through the reader that will serve it, while the next one is built.
func (p *packer) closeShard(ctx context.Context) error {
	b := p.shard
	if b == nil {
		return nil
	}
	root, head, err := b.prefix(p.req.Zone, p.ord)
	if err != nil {
		return err
	}
	row := shardRow{Root: root.String(), Prefix: int64(len(head)), Size: int64(len(head)) + b.body}
	row.Padded = commp.PaddedSize(row.Size)
	off := row.Prefix
	for rest := b.entries; len(rest) > 0; {
		n := min(layoutRow, len(rest))
		row.Chunks = append(row.Chunks, off)
		p.row(keyLayout(p.req.Zone, p.ord, uint64(off)), encodeEntries(rest[:n]))
		for _, e := range rest[:n] {
			off += car.SectionSize(e.cid, e.size)
		}
		rest = rest[n:]
	}
	p.row(keyPrefix(p.req.Zone, p.ord), head)
	if err := p.settle(); err != nil {
		return err
	}
	if err := p.flush(ctx); err != nil {
		return err
	}
	sr := &shardReader{pieces: p.all, zone: p.req.Zone, ord: p.ord, row: row, prefix: head, block: -1}
	p.hash(ctx, sr)
	p.shards = append(p.shards, Shard{Root: row.Root, Size: row.Size, Padded: row.Padded})
	p.taken = align(p.taken, row.Padded) + row.Padded
	p.shard, p.ord = nil, p.ord+1
	return nil
}

// A hashing is the shard that is hashed beside the walk.
type hashing struct {
	shard  *shardReader
	sum    commp.Sum
	chunks []commp.Node
	err    error
	done   chan struct{}
}

// hash begins to hash a shard, the only one at this time.
func (p *packer) hash(ctx context.Context, sr *shardReader) {
	h := &hashing{shard: sr, done: make(chan struct{})}
	p.hashing = h
	go func() {
		defer close(h.done)
		h.sum, h.chunks, h.err = sr.commit(ctx)
	}()
}

// settle waits for the shard that is being hashed, if one is, and keeps its row.
func (p *packer) settle() error {
	h := p.hashing
	if h == nil {
		return nil
	}
	<-h.done
	p.hashing = nil
	if h.err != nil {
		return h.err
	}
	row := h.shard.row
	row.CID = h.sum.CID.String()
	value, err := json.Marshal(row)
	if err != nil {
		return err
	}
	p.row(keyShard(p.req.Zone, h.shard.ord), value)
	p.row(keyChunks(p.req.Zone, h.shard.ord), encodeChunks(h.chunks))
	p.shards[len(p.shards)-1].CID = row.CID // the last that was closed
	return nil
}

// stop waits for the shard that is being hashed and not wanted any more.
func (p *packer) stop() {
	if p.hashing != nil {
		<-p.hashing.done
	}
}

// commit computes the shard's commitment, and the roots of its chunks, which
// proofs are made of. Readers, who check each block's hash, and the tree's
// hashing run side by side.
func (s *shardReader) commit(ctx context.Context) (sum commp.Sum, chunks []commp.Node, err error) {
	w := commp.NewParallel(0)
	w.Keep = true
	err = s.each(ctx, 0, s.row.Size, packing, func(b []byte) error {
		_, err := w.Write(b)
		return err
	})
	if err != nil {
		return sum, nil, err
	}
	sum, err = w.Sum()
	return sum, w.Chunks(), err
}

// row keeps a row for the next flush.
func (p *packer) row(key, value []byte) {
	p.rows = append(p.rows, kv.Row{Key: key, Value: value})
	p.rowBytes += len(key) + len(value)
}

// flush writes the kept rows, in transactions of bounded size.
func (p *packer) flush(ctx context.Context) error {
	for len(p.rows) > 0 {
		n, size := 0, 0
		for n < len(p.rows) && (n == 0 || size < flushBytes) {
			size += len(p.rows[n].Key) + len(p.rows[n].Value)
			n++
		}
		batch := p.rows[:n]
		err := p.all.store.Update(ctx, func(tx kv.Tx) error {
			for _, r := range batch {
				if err := tx.Put(r.Key, r.Value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		p.rows = p.rows[n:]
	}
	p.rows, p.rowBytes = nil, 0
	return nil
}
