package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/ipldlinks"
)

// A source reads blocks of one DAG. When one is missing it has the DAG restored,
// once, through Config.Restore; a single block that is missing still, or
// damaged, is repaired.
type source struct {
	n        *Node
	root     cid.Cid
	restored bool // Restore was called
	refilling
}

func isMiss(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) }

// block reads a block. One that is missing or damaged is brought back, if that
// works in time.
func (s *source) block(ctx context.Context, c cid.Cid) ([]byte, error) {
	data, err := s.read(ctx, c)
	late := errors.Is(err, ErrNotFound)
	if late && s.n.cfg.Refill != nil {
		data, err = s.bring(ctx, c, err)
	} else if late {
		if err = s.mend(ctx, err); err == nil {
			data, err = s.read(ctx, c)
		}
	}
	if !isMiss(err) {
		return data, err
	}
	switch re := s.n.repairs.await(ctx, c, s.root, late); {
	case re == nil:
		return s.read(ctx, c)
	case errors.Is(re, errNoRepair):
		return nil, err
	default:
		return nil, fmt.Errorf("%w: repair: %w", err, re)
	}
}

// read reads a block that is here; what it finds damaged is for the caller to report.
func (s *source) read(ctx context.Context, c cid.Cid) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.n.store.Block(c, false, nil)
}

// leaf implements fileSource: FileReader asks block after a miss.
func (s *source) leaf(_ context.Context, c cid.Cid, buf []byte) ([]byte, error) {
	data, err := s.n.store.Stored(c, false, buf)
	if err == nil {
		s.seen(c)
	}
	return data, err
}

// lend implements fileSource.
func (s *source) lend(_ context.Context, c cid.Cid) (data []byte, done func(), ok bool) {
	if data, done, ok = s.n.store.Lend(c, false); ok {
		s.seen(c)
	}
	return data, done, ok
}

// size implements fileSource.
func (s *source) size(c cid.Cid) (int64, bool) {
	n, ok := s.n.blocks.Has(c, false)
	return int64(n), ok
}

// look is Node.look with a restore.
func (s *source) look(ctx context.Context, c cid.Cid) (size int, links []cid.Cid, err error) {
	size, links, err = s.n.look(ctx, c)
	if isMiss(err) && s.n.cfg.Refill != nil {
		data, err := s.bring(ctx, c, err)
		if err != nil || !ipldlinks.Has(c) {
			return len(data), nil, err
		}
		links, err = ipldlinks.Of(c, data)
		return len(data), links, err
	}
	if err := s.mend(ctx, err); err != nil {
		return 0, nil, err
	}
	if isMiss(err) {
		return s.n.look(ctx, c)
	}
	return size, links, nil
}

// bring gets a block that was missed, with err, from elsewhere.
func (s *source) bring(ctx context.Context, c cid.Cid, err error) ([]byte, error) {
	refill, re := s.get(ctx, s.n, s.root)
	var data []byte
	if re == nil {
		data, re = refill.Block(ctx, c)
	}
	switch {
	case re == nil:
		return data, nil
	case errors.Is(re, ErrNotFound):
		return nil, err
	}
	return nil, fmt.Errorf("%w: restore %s: %w", err, s.root, re)
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
