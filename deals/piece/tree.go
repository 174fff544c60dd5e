package piece

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/whypfs/whypfs/internal/commp"
	"github.com/whypfs/whypfs/kv"
)

// fill reads the shard's bytes from off on, zeros where it has no more.
func (s *shardReader) fill(ctx context.Context, p []byte, off int64) error {
	for len(p) > 0 && off < s.row.Size {
		b, err := s.at(ctx, off)
		if err != nil {
			return err
		}
		n := copy(p, b)
		p, off = p[n:], off+int64(n)
	}
	clear(p)
	return nil
}

// tree returns the upper levels of a shard's tree. Shards that were packed
// before their chunks were kept are hashed once more.
func (p *Pieces) tree(ctx context.Context, s *shardReader) (*commp.Tree, error) {
	chunks, err := p.chunks(ctx, s)
	if errors.Is(err, kv.ErrNotFound) {
		var unlock func()
		if unlock, err = p.hashing.Lock(ctx, s.zone); err != nil {
			return nil, err
		}
		defer unlock()
		chunks, err = p.chunks(ctx, s) // somebody may just have done it
		if errors.Is(err, kv.ErrNotFound) {
			chunks, err = p.hashAgain(ctx, s)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("tree of shard %d of zone %d: %w", s.ord, s.zone, err)
	}
	t, err := commp.NewTree(chunks, s.row.Padded)
	if err != nil {
		return nil, err
	}
	root, err := t.Root()
	if err == nil && root.Defined() && root.String() != s.row.CID {
		err = fmt.Errorf("tree of shard %d of zone %d: %w", s.ord, s.zone, errLayout)
	}
	return t, err
}

// chunks returns the roots of the shard's chunks, or kv.ErrNotFound.
func (p *Pieces) chunks(ctx context.Context, s *shardReader) (chunks []commp.Node, err error) {
	err = p.store.View(ctx, func(tx kv.Tx) error {
		chunks = nil
		b, err := tx.Get(keyChunks(s.zone, s.ord))
		if err != nil {
			return err
		}
		if chunks = decodeChunks(b); len(chunks)*commp.NodeSize != len(b) {
			return errLayout
		}
		return nil
	})
	return chunks, err
}

func (p *Pieces) hashAgain(ctx context.Context, s *shardReader) ([]commp.Node, error) {
	sum, chunks, err := s.commit(ctx)
	if err != nil {
		return nil, err
	}
	if sum.CID.String() != s.row.CID {
		return nil, fmt.Errorf("its bytes are %s: %w", sum.CID, errLayout)
	}
	return chunks, p.store.Update(ctx, func(tx kv.Tx) error {
		return tx.Put(keyChunks(s.zone, s.ord), encodeChunks(chunks))
	})
}

// encodeChunks and decodeChunks are a row's value: the nodes, one after the other.
func encodeChunks(chunks []commp.Node) (b []byte) {
	for _, n := range chunks {
		b = append(b, n[:]...)
	}
	return b
}

func decodeChunks(b []byte) (chunks []commp.Node) {
	for n := range slices.Chunk(b, commp.NodeSize) {
		if len(n) == commp.NodeSize {
			chunks = append(chunks, commp.Node(n))
		}
	}
	return chunks
}
