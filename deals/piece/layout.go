package piece

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/kv"
)

// layoutRow is the number of blocks that one layout row names.
const layoutRow = 1000

// shardRow is a shard as stored. Its bytes are the prefix row (CAR header and
// directory), then one section per block in the order of the layout rows.
type shardRow struct {
	CID    string
	Root   string
	Size   int64
	Padded int64
	Prefix int64
	Chunks []int64 // offset in the shard at which each layout row begins
}

// An entry is a block in a shard.
type entry struct {
	cid  cid.Cid
	size int
}

// encodeEntries and decodeEntries are a layout row's value.
func encodeEntries(entries []entry) []byte {
	var b []byte
	for _, e := range entries {
		b = binary.AppendUvarint(b, uint64(e.size))
		b = binary.AppendUvarint(b, uint64(e.cid.ByteLen()))
		b = append(b, e.cid.Bytes()...)
	}
	return b
}

func decodeEntries(b []byte) ([]entry, error) {
	var out []entry
	for len(b) > 0 {
		var v [2]uint64
		for i := range v {
			n, used := binary.Uvarint(b)
			if used <= 0 {
				return nil, errLayout
			}
			v[i], b = n, b[used:]
		}
		if v[1] > uint64(len(b)) || v[0] > maxShard {
			return nil, errLayout
		}
		c, err := cid.Cast(b[:v[1]])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errLayout, err)
		}
		out = append(out, entry{cid: c, size: int(v[0])})
		b = b[v[1]:]
	}
	return out, nil
}

var errLayout = errors.New("layout row is damaged")

// A chunk is a layout row in memory.
type chunk struct {
	entries []entry
	starts  []int64 // offset in the shard of each entry's section
	end     int64
}

// covers says whether off falls into the chunk.
func (c *chunk) covers(off int64) bool { return len(c.starts) > 0 && off >= c.starts[0] && off < c.end }

// find returns the index of the entry whose section covers off.
func (c *chunk) find(off int64) int {
	i, exact := slices.BinarySearch(c.starts, off)
	if !exact {
		i--
	}
	return i
}

// loadChunk reads the layout row that covers off in a shard.
func (p *Pieces) loadChunk(ctx context.Context, zone, ord uint64, s *shardRow, off int64) (*chunk, error) {
	i, exact := slices.BinarySearch(s.Chunks, off)
	if !exact {
		i--
	}
	if i < 0 {
		return nil, fmt.Errorf("shard %d of zone %d at %d: %w", ord, zone, off, errLayout)
	}
	ch := &chunk{end: s.Chunks[i]}
	err := p.store.View(ctx, func(tx kv.Tx) error {
		b, err := tx.Get(keyLayout(zone, ord, uint64(s.Chunks[i])))
		if err != nil {
			return err
		}
		ch.entries, err = decodeEntries(b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("layout of shard %d of zone %d: %w", ord, zone, err)
	}
	for _, e := range ch.entries {
		ch.starts = append(ch.starts, ch.end)
		ch.end += car.SectionSize(e.cid, e.size)
	}
	if !ch.covers(off) {
		return nil, fmt.Errorf("shard %d of zone %d at %d: %w", ord, zone, off, errLayout)
	}
	return ch, nil
}

func (p *Pieces) shard(ctx context.Context, zone, ord uint64) (row shardRow, prefix []byte, err error) {
	err = p.store.View(ctx, func(tx kv.Tx) error {
		if row, err = kv.GetJSON[shardRow](tx, keyShard(zone, ord)); err != nil {
			return err
		}
		b, err := tx.Get(keyPrefix(zone, ord))
		prefix = slices.Clone(b)
		return err
	})
	if err != nil {
		err = fmt.Errorf("shard %d of zone %d: %w", ord, zone, err)
	}
	return row, prefix, err
}

// A span is a run of sections in a shard.
type span struct {
	shard uint64 // number in the zone
	off   int64  // after the shard's prefix, whose length is not known while the shard grows
	size  int64
}

func (s span) end() int64 { return s.off + s.size }

func encodeSpans(spans []span) []byte {
	var b []byte
	for _, s := range spans {
		b = binary.AppendUvarint(b, s.shard)
		b = binary.AppendUvarint(b, uint64(s.off))
		b = binary.AppendUvarint(b, uint64(s.size))
	}
	return b
}

func decodeSpans(b []byte) ([]span, error) {
	var out []span
	for len(b) > 0 {
		var v [3]uint64
		for i := range v {
			n, used := binary.Uvarint(b)
			if used <= 0 || n > maxPiece {
				return nil, errLayout
			}
			v[i], b = n, b[used:]
		}
		out = append(out, span{shard: v[0], off: int64(v[1]), size: int64(v[2])})
	}
	return out, nil
}
