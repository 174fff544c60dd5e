package piece

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/commp"
	"github.com/whypfs/whypfs/kv"
)

// Pack lays members out as pieces. Calling it again for the same zone returns
// the same pieces. A crash midway leaves rows that the next call overwrites:
// the layout is a function of the request and the members' DAGs alone.
func (p *Pieces) Pack(ctx context.Context, req PackRequest) ([]Piece, error) {
	unlock, err := p.packing.Lock(ctx, req.Zone)
	if err != nil {
		return nil, err
	}
	defer unlock()
	done, err := p.OfZone(ctx, req.Zone)
	if err != nil || len(done) > 0 {
		return done, err
	}
	start := time.Now()
	if err := p.dropLayout(ctx, req.Zone); err != nil {
		return nil, err
	}
	if err := newPacker(p, req).run(ctx); err != nil {
		return nil, fmt.Errorf("pack zone %d: %w", req.Zone, err)
	}
	pieces, err := p.OfZone(ctx, req.Zone)
	for _, pc := range pieces {
		p.log.InfoContext(ctx, "piece packed", "zone", req.Zone, "cid", pc.CID, "size", pc.PaddedSize, "dur", time.Since(start))
	}
	p.met.packed(pieces, time.Since(start))
	return pieces, err
}

// place is where a block was put: in a shard, after its prefix.
type place struct {
	shard uint32
	off   uint32 // a shard is smaller than 1 GiB unless one block is larger
	size  uint32
}

// keptBlocks is how many blocks of a zone are walked once only; each takes some
// 70 bytes meanwhile, besides the 40 that every block takes while its zone is packed.
const keptBlocks = 1 << 19

// A packer turns one zone into shards and pieces.
type packer struct {
	all   *Pieces
	req   PackRequest
	limit int64 // padded size of the largest piece

	walked [][]entry // blocks of the first contents, from measure
	kept   int       // blocks in it

	remaining int64           // bytes of sections and links not yet in a shard
	seen      map[key20]place // a block is stored once per zone
	rows      []kv.Row        // waiting for the next write
	rowBytes  int

	shard  *shardBuilder // nil between shards
	ord    uint64        // number of the shard being built, or of the next one
	taken  int64         // padded bytes of the piece being built
	shards []Shard       // of the piece being built; the last may lack its CID
	first  uint64        // number of its first shard
	pieces []pieceRow

	hashing *hashing // nil: none
}

// key20 names a block in memory; 160 bits keep forged collisions out of reach.
type key20 [20]byte

func newKey20(c cid.Cid) key20 {
	sum := sha256.Sum256(c.Bytes())
	return key20(sum[:20])
}

func newPacker(all *Pieces, req PackRequest) *packer {
	limit := req.MaxPiece
	if limit <= 0 || limit > maxPiece {
		limit = maxPiece
	}
	limit = 1 << (bits.Len64(uint64(limit)) - 1)
	req.Members = slices.Clone(req.Members)
	slices.SortFunc(req.Members, func(a, b Member) int {
		switch {
		case a.Content < b.Content:
			return -1
		case a.Content > b.Content:
			return 1
		}
		return 0
	})
	req.Members = slices.CompactFunc(req.Members, func(a, b Member) bool { return a.Content == b.Content })
	return &packer{all: all, req: req, limit: limit, seen: make(map[key20]place)}
}

func (p *packer) run(ctx context.Context) error {
	if len(p.req.Members) == 0 {
		return errors.New("zone has no contents")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer p.stop()
	defer cancel()
	if err := p.measure(ctx); err != nil {
		return err
	}
	for i, m := range p.req.Members {
		if err := p.content(ctx, i, m); err != nil {
			return fmt.Errorf("content %d: %w", m.Content, err)
		}
	}
	if err := p.closeShard(ctx); err != nil {
		return err
	}
	if err := p.closePiece(); err != nil {
		return err
	}
	return p.commit(ctx)
}

// measure adds up what is to be packed, so that the sizes of shards can be chosen.
func (p *packer) measure(ctx context.Context) error {
	for _, m := range p.req.Members {
		var blocks []entry
		err := p.all.node.Walk(ctx, m.Root, func(c cid.Cid, size int) error {
			if k := newKey20(c); !p.has(k) {
				p.seen[k] = place{}
				p.remaining += car.SectionSize(c, size)
			}
			if p.kept < p.all.keep {
				p.kept++
				blocks = append(blocks, entry{cid: c, size: size})
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("content %d: %w", m.Content, err)
		}
		if p.kept < p.all.keep {
			p.walked = append(p.walked, blocks)
		}
		p.remaining += linkSize(rootLink(m))
	}
	clear(p.seen)
	return nil
}

// walk calls fn for the blocks of the i-th content, as measure found them. DAGs
// do not change: what was not kept is walked again.
func (p *packer) walk(ctx context.Context, i int, fn func(c cid.Cid, size int) error) error {
	if i >= len(p.walked) {
		return p.all.node.Walk(ctx, p.req.Members[i].Root, fn)
	}
	for _, e := range p.walked[i] {
		if err := fn(e.cid, e.size); err != nil {
			return err
		}
	}
	p.walked[i] = nil
	return nil
}

func (p *packer) has(k key20) bool {
	_, ok := p.seen[k]
	return ok
}

func rootLink(m Member) link {
	return link{name: strconv.FormatUint(m.Content, 10), cid: m.Root, size: uint64(max(0, m.Size))}
}

// content lays out the blocks of one content and records where they stand.
func (p *packer) content(ctx context.Context, i int, m Member) error {
	var (
		spans []span
		n     uint64
	)
	flush := func() {
		p.row(keySpans(p.req.Zone, m.Content, n), encodeSpans(spans))
		spans, n = spans[:0], n+1
	}
	empty := true
	err := p.walk(ctx, i, func(c cid.Cid, size int) error {
		empty = false
		k := newKey20(c)
		at, ok := p.seen[k]
		if !ok {
			var err error
			if at, err = p.add(ctx, m, c, size); err != nil {
				return err
			}
			p.seen[k] = at
		}
		if c.Equals(m.Root) {
			p.linkRoot(m, at)
		}
		s := span{shard: uint64(at.shard), off: int64(at.off), size: int64(at.size)}
		if last := len(spans) - 1; last >= 0 && spans[last].shard == s.shard && spans[last].end() == s.off {
			spans[last].size += s.size
			return nil
		}
		if len(spans) == layoutRow {
			flush()
		}
		spans = append(spans, s)
		return nil
	})
	if err == nil && empty {
		err = p.inline(ctx, m)
	}
	if err != nil {
		return err
	}
	flush()
	if p.rowBytes < flushBytes {
		return nil
	}
	return p.flush(ctx)
}

// inline names a content that has no blocks, because its bytes stand in its CID.
func (p *packer) inline(ctx context.Context, m Member) error {
	l := rootLink(m)
	if p.shard != nil && !p.shard.takes(linkSize(l)) {
		if err := p.closeShard(ctx); err != nil {
			return err
		}
	}
	if p.shard == nil {
		if err := p.openShard(m, 0); err != nil {
			return err
		}
	}
	p.remaining -= linkSize(l)
	p.shard.link(l)
	return nil
}

// add puts a block into the current shard, or the next if it is full.
func (p *packer) add(ctx context.Context, m Member, c cid.Cid, size int) (place, error) {
	need := car.SectionSize(c, size)
	growth := need
	if c.Equals(m.Root) {
		growth += linkSize(rootLink(m))
	}
	if p.shard != nil && !p.shard.takes(growth) {
		if err := p.closeShard(ctx); err != nil {
			return place{}, err
		}
	}
	if p.shard == nil {
		if err := p.openShard(m, need); err != nil {
			return place{}, err
		}
	}
	at := place{shard: uint32(p.ord), off: uint32(p.shard.body), size: uint32(need)}
	p.shard.add(entry{cid: c, size: size})
	p.remaining -= need
	return at, nil
}

// linkRoot names a content in the directory of the shard that holds its root
// block. A root that an earlier content brought into a closed shard has its
// name there only, and a shard without room for one more name goes without it.
func (p *packer) linkRoot(m Member, at place) {
	l := rootLink(m)
	p.remaining -= linkSize(l)
	if p.shard != nil && uint64(at.shard) == p.ord {
		p.shard.link(l)
	}
}

// openShard chooses the size of the next shard, and whether it still goes into
// the current piece.
func (p *packer) openShard(m Member, need int64) error {
	least := commp.PaddedSize(need + fixedPrefix + fixedLink)
	if !fits(0, 0, least, p.limit) {
		return fmt.Errorf("a block of content %d needs a shard of %d bytes, a piece may have %d: %w", m.Content, least, p.limit, ErrTooSmall)
	}
	size := max(least, shardSize(p.remaining+fixedPrefix+fixedLink))
	for !fits(0, 0, size, p.limit) {
		size /= 2
	}
	// The last shards must not make the piece twice as large as what is left needs.
	if whole := pieceSize(p.taken, p.remaining, p.limit); whole > 0 {
		for s := size; s >= max(least, smallShard); s /= 2 {
			if fits(p.taken, len(p.shards), s, whole) {
				size = s
				break
			}
		}
	}
	// A piece's last places are smaller than the shard one would like: worth
	// filling down to a 32nd of the piece.
	room := size
	for room > least && !fits(p.taken, len(p.shards), room, p.limit) {
		room /= 2
	}
	if !fits(p.taken, len(p.shards), room, p.limit) || room < min(size, p.limit/32) {
		if err := p.closePiece(); err != nil {
			return err
		}
		room = size
	}
	p.shard = newShardBuilder(commp.Capacity(room))
	return nil
}

// closePiece makes a piece of the shards closed so far.
func (p *packer) closePiece() error {
	if err := p.settle(); err != nil {
		return err
	}
	if len(p.shards) == 0 {
		return nil
	}
	agg, err := aggregate(p.shards, min(max(p.all.opt.MinPiece, p.req.MinPiece), p.limit))
	if err != nil {
		return err
	}
	c, err := agg.PieceCID()
	if err != nil {
		return fmt.Errorf("piece CID: %w", err)
	}
	for i, e := range agg.Index.Entries {
		p.shards[i].Offset = int64(e.UnpaddedOffest())
	}
	p.pieces = append(p.pieces, pieceRow{First: p.first, Piece: Piece{
		CID: c.String(), Zone: p.req.Zone, PaddedSize: int64(agg.DealSize), Size: int64(agg.DealSize.Unpadded()),
		Shards: p.shards, Replication: p.req.Replication, Private: p.req.Private, Created: time.Now().UTC(),
		Reason: "packed, no deals asked for yet",
	}})
	p.shards, p.taken, p.first = nil, 0, p.ord
	return nil
}

// commit makes the zone packed: the one moment from which its pieces exist.
func (p *packer) commit(ctx context.Context) error {
	if err := p.flush(ctx); err != nil {
		return err
	}
	return p.all.store.Update(ctx, func(tx kv.Tx) error {
		z := zoneRow{Bucket: p.req.Bucket, Shards: p.ord}
		for _, pc := range p.pieces {
			z.Pieces = append(z.Pieces, pc.CID)
			if err := kv.PutJSON(tx, keyPiece(pc.CID), pc); err != nil {
				return err
			}
		}
		return kv.PutJSON(tx, keyZone(p.req.Zone), z)
	})
}
