package piece

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

// Open reads the bytes of a piece from its layout and the block store. A block
// that is gone here is read from a replica by Options.Fetch, and checked. The
// reader uses ctx until it is closed, and is not safe for concurrent use.
func (p *Pieces) Open(ctx context.Context, pieceCID string) (io.ReadSeekCloser, int64, error) {
	row, err := p.row(ctx, pieceCID)
	if err != nil {
		return nil, 0, err
	}
	index, off, err := indexBytes(row.Piece)
	if err != nil {
		return nil, 0, err
	}
	return &pieceReader{ctx: ctx, pieces: p, row: row, index: index, indexOff: off}, row.Size, nil
}

// pieceReader makes the bytes of a piece.
type pieceReader struct {
	ctx      context.Context // of Open: Read and Seek have no place for one
	pieces   *Pieces
	row      pieceRow
	index    []byte
	indexOff int64

	off   int64
	n     int // the shard that sr reads
	sr    *shardReader
	close bool
}

func (r *pieceReader) Close() error {
	r.close, r.sr = true, nil
	return nil
}

func (r *pieceReader) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += r.off
	case io.SeekEnd:
		off += r.row.Size
	}
	if off < 0 {
		return 0, fmt.Errorf("seek to %d in piece %s: negative offset", off, r.row.CID)
	}
	r.off = off
	return off, nil
}

func (r *pieceReader) Read(p []byte) (int, error) {
	if r.close {
		return 0, errors.New("piece reader is closed")
	}
	total := 0
	for len(p) > 0 {
		if r.off >= r.row.Size {
			if total == 0 {
				return 0, io.EOF
			}
			break
		}
		n, err := r.readSome(p)
		total, r.off, p = total+n, r.off+int64(n), p[n:]
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// readSome reads at least a byte: from one block, or a run of zeros, or the index.
func (r *pieceReader) readSome(p []byte) (int, error) {
	next := r.row.Size // where the zeros at r.off end
	shards := r.row.Shards
	i := sort.Search(len(shards), func(i int) bool { return shards[i].Offset > r.off })
	if i > 0 && r.off < shards[i-1].Offset+shards[i-1].Size {
		return r.readShard(i-1, p)
	}
	if i < len(shards) {
		next = shards[i].Offset
	}
	if end := r.indexOff + int64(len(r.index)); r.off >= r.indexOff && r.off < end {
		return copy(p, r.index[r.off-r.indexOff:]), nil
	}
	if r.indexOff > r.off {
		next = min(next, r.indexOff)
	}
	n := int(min(int64(len(p)), next-r.off))
	clear(p[:n])
	return n, nil
}

func (r *pieceReader) readShard(i int, p []byte) (int, error) {
	if r.sr == nil || r.n != i {
		sr, err := r.pieces.openShard(r.ctx, r.row.Zone, r.row.First+uint64(i))
		if err != nil {
			return 0, err
		}
		sr.piece = &r.row
		r.sr, r.n = sr, i
	}
	b, err := r.sr.at(r.ctx, r.off-r.row.Shards[i].Offset)
	return copy(p, b), err
}

// shardReader makes the bytes of a shard's CAR.
type shardReader struct {
	pieces    *Pieces
	zone, ord uint64
	row       shardRow
	prefix    []byte
	piece     *pieceRow // whose replicas may stand in for missing blocks; nil while packing

	ch    *chunk
	block int // index in ch of the block whose bytes data has; -1: none
	data  []byte
	mem   []byte // for data
}

func (p *Pieces) openShard(ctx context.Context, zone, ord uint64) (*shardReader, error) {
	row, prefix, err := p.shard(ctx, zone, ord)
	if err != nil {
		return nil, err
	}
	return &shardReader{pieces: p, zone: zone, ord: ord, row: row, prefix: prefix, block: -1}, nil
}

// at returns some bytes from off on, at least one. They must not be changed, and
// are there until the next call.
func (s *shardReader) at(ctx context.Context, off int64) ([]byte, error) {
	if off < int64(len(s.prefix)) {
		return s.prefix[off:], nil
	}
	if s.ch == nil || !s.ch.covers(off) {
		ch, err := s.pieces.loadChunk(ctx, s.zone, s.ord, &s.row, off)
		if err != nil {
			return nil, err
		}
		s.ch, s.block, s.data = ch, -1, nil
	}
	i := s.ch.find(off)
	e := s.ch.entries[i]
	head := car.SectionHead(e.cid, e.size)
	in := off - s.ch.starts[i]
	if in < int64(len(head)) {
		return head[in:], nil
	}
	if s.block != i {
		if s.mem == nil {
			s.mem = make([]byte, largeLeaf+node.ReadRoom)
		}
		s.block = -1 // what it had is overwritten
		data, err := s.read(ctx, e, s.ch.starts[i]+int64(len(head)), s.mem)
		if err != nil {
			return nil, err
		}
		s.data, s.block = data, i
	}
	return s.data[in-int64(len(head)):], nil
}

// read returns the bytes of a block that stands at off in the shard. They are
// anywhere in buf, if that has node.ReadRoom more than they need.
func (s *shardReader) read(ctx context.Context, e entry, off int64, buf []byte) (data []byte, err error) {
	if s.piece == nil {
		data, err = s.pieces.node.ReadBlock(ctx, e.cid, buf)
	} else {
		data, err = s.serve(ctx, e, off, buf)
	}
	if err != nil {
		return nil, fmt.Errorf("shard %d of zone %d: %w", s.ord, s.zone, err)
	}
	if len(data) != e.size {
		return nil, fmt.Errorf("block %s has %d bytes, laid out as %d: %w", e.cid, len(data), e.size, errLayout)
	}
	return data, nil
}

// serve reads a block of a piece that exists. A large leaf is checked as when a
// file is read (docs/design/0006): its hash was when it was packed, and whoever
// gets the piece hashes all of it.
func (s *shardReader) serve(ctx context.Context, e entry, off int64, buf []byte) ([]byte, error) {
	read := s.pieces.node.ReadBlock
	if e.size >= aloneSize && e.cid.Type() == cid.Raw {
		read = s.pieces.node.StoredBlock
	}
	data, err := read(ctx, e.cid, buf)
	if fetch := s.pieces.opt.Fetch; fetch != nil && (errors.Is(err, node.ErrNotFound) || errors.Is(err, node.ErrDamaged)) {
		return fetch(ctx, s.piece.CID, e.cid, s.piece.Shards[s.ord-s.piece.First].Offset+off, e.size)
	}
	return data, err
}
