package piece

import (
	"context"
	"fmt"
	"time"

	"github.com/filecoin-project/go-data-segment/datasegment"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/deals/proof"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/commp"
)

// Prove makes the proof that a content is in its pieces, without names and
// deals, or returns ErrNoPiece if the zone is not packed or the content not in
// it. size is that of the content as it is read. No block of it is read but
// the nodes of a file's DAG and what shares a chunk with an end of a span; what
// is gone here comes from a replica.
func (p *Pieces) Prove(ctx context.Context, zone, content uint64, root cid.Cid, size int64) (*proof.Proof, error) {
	pieces, err := p.rows(ctx, zone)
	if err != nil {
		return nil, err
	}
	spans, err := p.spans(ctx, zone, content)
	if err != nil {
		return nil, err
	}
	inline := root.Prefix().MhType == multihash.IDENTITY
	if len(pieces) == 0 || len(spans) == 0 && !inline {
		return nil, ErrNoPiece
	}
	if len(spans) > proof.MaxSpans {
		return nil, fmt.Errorf("content %d is in %d parts of its pieces, %d are allowed: %w", content, len(spans), proof.MaxSpans, proof.ErrTooLarge)
	}
	m := &prover{all: p, zone: zone, pieces: pieces, shards: map[uint64]*provenShard{}, inPiece: map[string]int{}, aggregates: map[string]*datasegment.Aggregate{},
		proof: &proof.Proof{Format: proof.Format, Version: proof.Version, Created: time.Now().UTC().Truncate(time.Second),
			Root: root.String(), Size: size, Kind: proof.KindFile}}
	if inline {
		err = m.inline(root)
	}
	for i := 0; err == nil && i < len(spans); i++ {
		err = m.span(ctx, root, spans[i])
	}
	if err != nil {
		return nil, fmt.Errorf("prove content %d of zone %d: %w", content, zone, err)
	}
	return m.proof, nil
}

// A prover makes one proof.
type prover struct {
	all        *Pieces
	zone       uint64
	pieces     []pieceRow
	shards     map[uint64]*provenShard           // by number in the zone
	inPiece    map[string]int                    // index in proof.Pieces by piece CID
	aggregates map[string]*datasegment.Aggregate // by piece CID
	proof      *proof.Proof
	size       int // bytes of nodes and spans so far
}

// A provenShard is a shard of which something is proved.
type provenShard struct {
	index int // in the proof
	*shardReader
	tree *commp.Tree
}

// inline takes a root whose bytes stand in its CID.
func (m *prover) inline(root cid.Cid) error {
	d, err := multihash.Decode(root.Hash())
	if err != nil {
		return err
	}
	m.proof.Kind = proof.KindOf(root, d.Digest)
	return nil
}

func (m *prover) span(ctx context.Context, root cid.Cid, s span) error {
	shard, err := m.shard(ctx, s.shard)
	if err != nil {
		return err
	}
	begin := shard.row.Prefix + s.off
	if m.proof.Kind == proof.KindFile {
		if err := m.nodes(ctx, root, shard, begin, begin+s.size); err != nil {
			return err
		}
	}
	made, err := proof.NewSpan(shard.index, begin, s.size, shard.tree, func(p []byte, off int64) error {
		return shard.fill(ctx, p, off)
	})
	if err != nil {
		return err
	}
	m.proof.Spans = append(m.proof.Spans, made)
	return m.grow(len(made.Before) + len(made.After) + len(made.Left) + len(made.Right))
}

// grow counts the bytes of a proof, which in base64 are a third more.
func (m *prover) grow(n int) error {
	if m.size += n; m.size > proof.MaxBytes/4*3 {
		return proof.ErrTooLarge
	}
	return nil
}

// nodes takes the nodes of a file that stand between two offsets in a shard.
func (m *prover) nodes(ctx context.Context, root cid.Cid, shard *provenShard, off, end int64) error {
	for off < end {
		ch, err := m.all.loadChunk(ctx, m.zone, shard.ord, &shard.row, off)
		if err != nil {
			return err
		}
		for i := ch.find(off); i < len(ch.entries) && off < end; i++ {
			e := ch.entries[i]
			if e.cid.Type() != cid.Raw {
				more, err := m.node(ctx, root, shard, e, off)
				if err != nil || !more {
					return err
				}
			}
			off += car.SectionSize(e.cid, e.size)
		}
	}
	return nil
}

// node takes the node whose section begins at off, unless it shows that the DAG is no file.
func (m *prover) node(ctx context.Context, root cid.Cid, shard *provenShard, e entry, off int64) (more bool, err error) {
	if e.cid != root && e.cid.Type() != cid.DagProtobuf {
		return false, fmt.Errorf("%s: %w", e.cid, proof.ErrNotFile)
	}
	data, err := shard.read(ctx, e, off+int64(len(car.SectionHead(e.cid, e.size))), nil)
	if err != nil {
		return false, err
	}
	if e.cid == root {
		if m.proof.Kind = proof.KindOf(root, data); m.proof.Kind == proof.KindCAR {
			return false, nil // such a file has its nodes itself
		}
	}
	n, err := proof.NewNode(data)
	if err != nil {
		return false, fmt.Errorf("%s: %w", e.cid, err)
	}
	m.proof.Nodes = append(m.proof.Nodes, n)
	return true, m.grow(len(n.Head) + len(n.Tail))
}

// shard opens a shard, and names it and its piece in the proof.
func (m *prover) shard(ctx context.Context, ord uint64) (*provenShard, error) {
	if s := m.shards[ord]; s != nil {
		return s, nil
	}
	row, i := find(m.pieces, ord)
	if row == nil {
		return nil, errLayout
	}
	sr, err := m.all.openShard(ctx, m.zone, ord)
	if err != nil {
		return nil, err
	}
	sr.piece = row
	s := &provenShard{index: len(m.proof.Shards), shardReader: sr}
	if s.tree, err = m.all.tree(ctx, sr); err != nil {
		return nil, err
	}
	at, ok := m.inPiece[row.CID]
	if !ok {
		at = len(m.proof.Pieces)
		m.inPiece[row.CID] = at
		m.proof.Pieces = append(m.proof.Pieces, proof.Piece{CID: row.CID, Padded: row.PaddedSize, Deals: []proof.Deal{}})
	}
	named := proof.Shard{CID: sr.row.CID, Padded: sr.row.Padded, Piece: at}
	agg := m.aggregates[row.CID]
	if agg == nil {
		if agg, err = aggregate(row.Shards, row.PaddedSize); err != nil {
			return nil, err
		}
		m.aggregates[row.CID] = agg
	}
	ip, err := agg.ProofForIndexEntry(i)
	if err != nil {
		return nil, fmt.Errorf("shard %d of piece %s: %w", i, row.CID, err)
	}
	named.Include(ip)
	m.proof.Shards = append(m.proof.Shards, named)
	m.shards[ord] = s
	return s, nil
}
