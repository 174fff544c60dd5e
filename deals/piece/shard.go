package piece

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/commp"
	"github.com/whypfs/whypfs/kv"
	"golang.org/x/sync/errgroup"
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

// closeShard writes the layout of the shard being built, and then hashes it
// through the reader that will serve it.
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
	if err := p.flush(ctx); err != nil {
		return err
	}
	sr := &shardReader{pieces: p.all, zone: p.req.Zone, ord: p.ord, row: row, prefix: head, block: -1}
	sum, chunks, err := sr.commit(ctx)
	if err != nil {
		return err
	}
	p.row(keyChunks(p.req.Zone, p.ord), encodeChunks(chunks))
	row.CID, row.Padded = sum.CID.String(), sum.Padded
	value, err := json.Marshal(row)
	if err != nil {
		return err
	}
	p.row(keyShard(p.req.Zone, p.ord), value)
	p.shards = append(p.shards, Shard{CID: row.CID, Root: row.Root, Size: row.Size, Padded: row.Padded})
	p.taken = align(p.taken, row.Padded) + row.Padded
	p.shard, p.ord = nil, p.ord+1
	return nil
}

// commit computes the shard's commitment, and the roots of its chunks, which
// proofs are made of. Reading checks each block's hash and
// is as much work as hashing the tree, so the two go side by side.
func (s *shardReader) commit(ctx context.Context) (sum commp.Sum, chunks []commp.Node, err error) {
	parts := make(chan []byte, 8)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(parts)
		return s.each(ctx, s.row.Size, func(b []byte) error {
			select {
			case parts <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	w := &commp.Writer{Keep: true}
	g.Go(func() error {
		for b := range parts {
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
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
