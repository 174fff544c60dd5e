package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	commp "github.com/filecoin-project/go-commp-utils/v2"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/semaphore"
)

func (p *provider) look(piece cid.Cid) (mode string, stored *pieceRecord) {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	return p.rec.Mode, p.pieces[piece]
}

// verifyPiece recomputes the piece commitment of a file.
func (p *provider) verifyPiece(ctx context.Context, d *providerDeal, path string) error {
	prop := d.proposal()
	got, err := pieceCommitment(ctx, p.n.hashes, path, prop.PieceSize)
	if err != nil {
		return fmt.Errorf("failed to verify CommP: failed to generate CommP: %w", err)
	}
	if mode, _ := p.look(prop.PieceCID); got == prop.PieceCID && mode == modeWrongComm {
		return commMismatch(prop.PieceCID)
	}
	if got != prop.PieceCID {
		return fmt.Errorf("failed to verify CommP: commP expected=%s, actual=%s: commp mismatch", prop.PieceCID, got)
	}
	return nil
}

// commMismatch is what a provider with a broken disk or a grudge says.
func commMismatch(piece cid.Cid) error {
	hash := slices.Clone([]byte(piece.Hash()))
	hash[len(hash)-2] ^= 1
	return fmt.Errorf("failed to verify CommP: commP expected=%s, actual=%s: commp mismatch", piece, cid.NewCidV1(piece.Type(), hash))
}

// pieceCommitment streams the file, padded with zeros, through the reference
// implementation, few files at a time.
func pieceCommitment(ctx context.Context, slots *semaphore.Weighted, path string, size abi.PaddedPieceSize) (cid.Cid, error) {
	if err := slots.Acquire(ctx, 1); err != nil {
		return cid.Undef, err
	}
	defer slots.Release(1)
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return cid.Undef, err
	}
	c, err := commp.GeneratePieceCIDFromFile(abi.RegisteredSealProof_StackedDrg32GiBV1_1,
		io.MultiReader(&stoppable{ctx, f}, zeros{}), size.Unpadded())
	return c, errors.Join(err, f.Close())
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// stoppable is a reader that ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(b)
}

func (p *provider) pieceFile(piece cid.Cid) string { return filepath.Join(p.stored(), piece.String()) }

// keep puts a verified file among the stored pieces. Rename and row are under
// one lock, so that discarding an older copy cannot take the new one.
func (p *provider) keep(d *providerDeal, path string) (*pieceRecord, error) {
	r := &pieceRecord{
		Piece: d.proposal().PieceCID, Provider: p.id, Padded: d.proposal().PieceSize,
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	r.Size = info.Size()
	err = p.n.update(func(*chain) error {
		if err := os.Rename(path, p.pieceFile(r.Piece)); err != nil {
			return err
		}
		if !p.n.opt.NoSync {
			if err := syncDir(p.stored()); err != nil {
				return err
			}
		}
		p.pieces[r.Piece] = r
		p.n.store.put(r.row(), r)
		return nil
	})
	return r, err
}

func syncDir(dir string) error {
	f, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// erase removes a piece no deal needs, unless one has come to need it again.
func (p *provider) erase(piece cid.Cid) {
	p.n.mu.Lock()
	gone := p.pieces[piece] == nil
	var err error
	if gone {
		err = os.Remove(p.pieceFile(piece))
	}
	p.n.mu.Unlock()
	if gone {
		err = errors.Join(err, p.unindex(piece))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.n.log.Warn("sandbox piece is not erased", "miner", p.addr.String(), "piece", piece.String(), "err", err)
	}
}

// sweep removes what a crash left behind: transfers under way and files
// without a row.
func (p *provider) sweep() error {
	parts, err1 := os.ReadDir(p.incoming())
	files, err2 := os.ReadDir(p.stored())
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	var errs []error
	for _, e := range parts {
		errs = append(errs, os.Remove(filepath.Join(p.incoming(), e.Name())))
	}
	for _, e := range files {
		if id, err := cid.Decode(e.Name()); err != nil || p.pieces[id] == nil {
			errs = append(errs, os.Remove(filepath.Join(p.stored(), e.Name())))
		}
	}
	return errors.Join(errs...)
}
