package sandbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/filecoin-project/go-data-segment/datasegment"
	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
	"github.com/multiformats/go-varint"
	"go.etcd.io/bbolt"
)

// indexBatch is how many blocks go into one transaction.
const indexBatch = 4096

// span is a byte range in a piece's file.
type span struct{ offset, size int64 }

// indexEntry is a block in a piece.
type indexEntry struct {
	cid  cid.Cid
	data span
}

func (p *provider) indexBucket() []byte {
	return []byte("index/" + strconv.FormatUint(p.id, 10))
}

// indexPiece finds the blocks of a piece: of every segment if it is an
// FRC-0058 aggregate, otherwise of the piece as one CAR.
func (p *provider) indexPiece(ctx context.Context, r *pieceRecord) error {
	f, err := os.Open(p.pieceFile(r.Piece))
	if err != nil {
		return err
	}
	defer f.Close()
	segments, err := findSegments(f, r)
	if err != nil {
		return err
	}
	var batch []indexEntry
	var errs []error
	for _, s := range segments {
		err := scanCAR(io.NewSectionReader(f, s.offset, s.size), s.offset, func(e indexEntry) error {
			if batch = append(batch, e); len(batch) < indexBatch {
				return nil
			}
			err := errors.Join(ctx.Err(), p.putIndex(r.Piece, batch))
			batch = batch[:0]
			return err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("segment at %d: %w", s.offset, err))
		}
	}
	return errors.Join(append(errs, p.putIndex(r.Piece, batch))...)
}

// findSegments reads the data segment index at the end of a piece. A piece
// without valid entries is one segment.
func findSegments(f io.ReaderAt, r *pieceRecord) ([]span, error) {
	whole := []span{{0, r.Size}}
	start := int64(datasegment.DataSegmentIndexStartOffset(r.Padded))
	if start >= r.Size {
		return whole, nil
	}
	// The index may be long (16 MiB for 32 GiB), and is all of the rest.
	rest := io.MultiReader(io.NewSectionReader(f, start, r.Size-start), zeros{})
	index, err := datasegment.ParseDataSegmentIndex(io.LimitReader(rest, int64(r.Padded.Unpadded())-start))
	if err != nil {
		return nil, fmt.Errorf("read data segment index: %w", err)
	}
	valid, err := index.ValidEntries()
	if err != nil {
		return nil, fmt.Errorf("read data segment index: %w", err)
	}
	var out []span
	for _, e := range valid {
		s := span{int64(e.UnpaddedOffest()), int64(e.UnpaddedLength())}
		if s.size > 0 && s.offset >= 0 && s.offset < start && s.size <= start-s.offset {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return whole, nil
	}
	return out, nil
}

// scanCAR passes on every block of a CAR that starts at base in its piece, up
// to the zeros that pad it.
func scanCAR(r io.ReadSeeker, base int64, each func(indexEntry) error) error {
	br, err := car.NewBlockReader(r, car.ZeroLengthSectionAsEOF(true))
	if err != nil {
		return err
	}
	for {
		m, err := br.SkipNext()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		head := uint64(m.Cid.ByteLen())
		head += uint64(varint.UvarintSize(head + m.Size))
		if err := each(indexEntry{m.Cid, span{base + int64(m.SourceOffset+head), int64(m.Size)}}); err != nil {
			return err
		}
	}
}

// A row's key is the multihash and then the piece: the first says where it
// ends, and a block can be in several pieces.
func indexKey(c, piece cid.Cid) []byte {
	return append(bytes.Clone(c.Hash()), piece.Bytes()...)
}

func (p *provider) putIndex(piece cid.Cid, batch []indexEntry) error {
	if len(batch) == 0 {
		return nil
	}
	return p.n.store.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(p.indexBucket())
		if err != nil {
			return err
		}
		for _, e := range batch {
			row := binary.AppendUvarint(nil, uint64(e.data.offset))
			row = binary.AppendUvarint(row, uint64(e.data.size))
			if err := b.Put(indexKey(e.cid, piece), row); err != nil {
				return err
			}
		}
		return nil
	})
}

// unindex forgets the blocks of a piece.
func (p *provider) unindex(piece cid.Cid) error {
	suffix := piece.Bytes()
	return p.n.store.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(p.indexBucket())
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if bytes.HasSuffix(k, suffix) {
				if err := c.Delete(); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// findBlock says where a block is: a piece the provider stores and the place
// in it.
func (p *provider) findBlock(c cid.Cid) (piece cid.Cid, at span, found bool, err error) {
	rows, err := p.blockRows(c)
	if err != nil {
		return cid.Undef, span{}, false, err
	}
	// Not inside the read transaction: a commit waits for those while it holds
	// the lock that look takes.
	for _, r := range rows {
		if _, stored := p.look(r.cid); stored != nil {
			return r.cid, r.data, true, nil
		}
	}
	return cid.Undef, span{}, false, nil
}

// blockRows lists the pieces a block was found in.
func (p *provider) blockRows(c cid.Cid) (rows []indexEntry, err error) {
	err = p.n.store.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(p.indexBucket())
		if b == nil {
			return nil
		}
		prefix := []byte(c.Hash())
		cur := b.Cursor()
		for k, v := cur.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = cur.Next() {
			piece, err := cid.Cast(bytes.Clone(k[len(prefix):]))
			if err != nil {
				return err
			}
			off, n := binary.Uvarint(v)
			size, m := binary.Uvarint(v[max(n, 0):])
			if n <= 0 || m <= 0 {
				return fmt.Errorf("index row of %s is damaged", c)
			}
			rows = append(rows, indexEntry{piece, span{int64(off), int64(size)}})
		}
		return nil
	})
	return rows, err
}
