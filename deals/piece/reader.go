package piece

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

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
	r, err := p.open(ctx, row)
	return r, row.Size, err
}

func (p *Pieces) open(ctx context.Context, row pieceRow) (*pieceReader, error) {
	index, off, err := indexBytes(row.Piece)
	if err != nil {
		return nil, err
	}
	return &pieceReader{ctx: ctx, pieces: p, row: row, index: index, indexOff: off}, nil
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
	if i := r.shardAt(); i >= 0 {
		return r.readShard(i, p)
	}
	next := r.row.Size // where the zeros at r.off end
	for _, s := range r.row.Shards {
		if s.Offset > r.off {
			next = s.Offset
			break
		}
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
	sr, err := r.shard(i)
	if err != nil {
		return 0, err
	}
	b, err := sr.at(r.ctx, r.off-r.row.Shards[i].Offset)
	return copy(p, b), err
}

// shard opens the i-th shard of the piece, unless it is open.
func (r *pieceReader) shard(i int) (*shardReader, error) {
	if r.sr == nil || r.n != i {
		sr, err := r.pieces.openShard(r.ctx, r.row.Zone, r.row.First+uint64(i))
		if err != nil {
			return nil, err
		}
		sr.piece, sr.sent = &r.row, true
		r.sr, r.n = sr, i
	}
	return r.sr, nil
}

// gapSize is how much of a gap between shards is sent at once.
const gapSize = 64 << 10

// sendTo writes the next n bytes to w, as they come and with no more copies.
func (r *pieceReader) sendTo(w io.Writer, n int64) (sent int64, err error) {
	write := func(b []byte) error {
		m, err := w.Write(b)
		sent, r.off = sent+int64(m), r.off+int64(m)
		return err
	}
	gap := make([]byte, gapSize)
	for end := min(r.off+n, r.row.Size); r.off < end && err == nil; {
		if i := r.shardAt(); i >= 0 {
			err = r.sendShard(i, end, write)
			continue
		}
		var m int
		if m, err = r.readSome(gap[:min(gapSize, end-r.off)]); err == nil {
			err = write(gap[:m])
		}
	}
	return sent, err
}

func (r *pieceReader) sendShard(i int, end int64, write func([]byte) error) error {
	sr, err := r.shard(i)
	if err != nil {
		return err
	}
	base := r.row.Shards[i].Offset
	return sr.each(r.ctx, r.off-base, min(end-base, sr.row.Size), sending, write)
}

// shardAt is the shard in which the next byte is, -1 if it is in none.
func (r *pieceReader) shardAt() int {
	shards := r.row.Shards
	i := sort.Search(len(shards), func(i int) bool { return shards[i].Offset > r.off }) - 1
	if i >= 0 && r.off < shards[i].Offset+shards[i].Size {
		return i
	}
	return -1
}

// shardReader makes the bytes of a shard's CAR.
type shardReader struct {
	pieces    *Pieces
	zone, ord uint64
	row       shardRow
	prefix    []byte
	piece     *pieceRow // whose replicas may stand in for missing blocks; nil while packing
	sent      bool      // the bytes are for somebody else

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
	return s.laidOut(e, data, err)
}

// stored is read for one who verifies the block.
func (s *shardReader) stored(ctx context.Context, e entry, _ int64, buf []byte) ([]byte, error) {
	data, err := s.pieces.node.StoredBlock(ctx, e.cid, buf)
	return s.laidOut(e, data, err)
}

// laidOut lets through what has the size that the layout has it with.
func (s *shardReader) laidOut(e entry, data []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, fmt.Errorf("shard %d of zone %d: %w", s.ord, s.zone, err)
	}
	if len(data) != e.size {
		return nil, fmt.Errorf("block %s has %d bytes, laid out as %d: %w", e.cid, len(data), e.size, errLayout)
	}
	return data, nil
}

// serve reads a block of a piece that exists. For who gets the piece the
// checksum is enough, as when a file is read (docs/design/0006): the hash was
// checked when the piece was packed, and a provider hashes all of it again.
func (s *shardReader) serve(ctx context.Context, e entry, off int64, buf []byte) ([]byte, error) {
	read := s.pieces.node.ReadBlock
	if s.sent {
		read = s.pieces.node.StoredBlock
	}
	data, err := read(ctx, e.cid, buf)
	if fetch := s.pieces.opt.Fetch; fetch != nil && (errors.Is(err, node.ErrNotFound) || errors.Is(err, node.ErrDamaged)) {
		return fetch(ctx, s.piece.CID, e.cid, s.piece.Shards[s.ord-s.piece.First].Offset+off, e.size)
	}
	return data, err
}
