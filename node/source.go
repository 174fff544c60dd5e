package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// A source reads blocks of one DAG. When one is missing or damaged it has the
// DAG restored, once, through Config.Restore.
type source struct {
	n        *Node
	root     cid.Cid
	restored bool // Restore was called
}

func isMiss(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) }

// block reads a block, restoring the DAG if that was not tried yet.
func (s *source) block(ctx context.Context, c cid.Cid) ([]byte, error) {
	data, err := s.n.Block(ctx, c)
	if err := s.mend(ctx, err); err != nil {
		return data, err
	}
	if isMiss(err) {
		return s.n.Block(ctx, c)
	}
	return data, nil
}

// leaf implements fileSource: FileReader asks block after a miss.
func (s *source) leaf(_ context.Context, c cid.Cid, buf []byte) ([]byte, error) {
	return s.n.blocks.Stored(c, false, buf)
}

// size implements fileSource.
func (s *source) size(c cid.Cid) (int64, bool) {
	n, ok := s.n.blocks.Has(c, false)
	return int64(n), ok
}

// look is Node.look with a restore.
func (s *source) look(ctx context.Context, c cid.Cid) (size int, links []cid.Cid, err error) {
	size, links, err = s.n.look(ctx, c)
	if err := s.mend(ctx, err); err != nil {
		return 0, nil, err
	}
	if isMiss(err) {
		return s.n.look(ctx, c)
	}
	return size, links, nil
}

// mend restores the DAG because of err. nil means that there was no error, or
// that it is worth while to look again.
func (s *source) mend(ctx context.Context, err error) error {
	if !isMiss(err) || s.n.cfg.Restore == nil {
		return err
	}
	if !s.restored {
		s.restored = true
		if re := s.n.cfg.Restore(ctx, s.root); re != nil {
			if errors.Is(re, ErrNotFound) {
				return err
			}
			return fmt.Errorf("%w: restore %s: %w", err, s.root, re)
		}
		s.n.log.InfoContext(ctx, "content restored", "cid", s.root.String())
	}
	return nil
}
