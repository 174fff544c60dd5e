package retrieve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

const (
	carBlock = 32 << 20 // the largest block taken from a CAR
	carSkip  = 16 << 20 // of a CAR that may be read for what stands behind it
)

var (
	errPassed = errors.New("its CAR has passed the blocks, or comes to them late")
	errLacks  = errors.New("its CAR lacks blocks")
)

// A carStream is the content's CAR on its way from one provider. A CAR has no
// ranges: all windows that are to come out of it read on where the one before
// has ended, so that none of it is sent twice.
type carStream struct {
	mu   sync.Mutex // held by the window that reads; guards what follows
	body *body      // nil: it is not open
	in   *car.Reader
	at   piece.Mark // of the last block that a window took; zero: it is at its beginning
}

// end closes the stream. The next one begins anew. The caller holds mu.
func (s *carStream) end() {
	if s.body != nil {
		s.body.Close()
	}
	s.body, s.in, s.at = nil, nil, piece.Mark{}
}

// stream is the one from a place.
func (c *Recall) stream(base string) *carStream {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.cars[base]
	if s == nil {
		s = &carStream{}
		if c.cars == nil {
			c.cars = map[string]*carStream{}
		}
		c.cars[base] = s
	}
	return s
}

// endStreams is called when no window runs any more.
func (c *Recall) endStreams() {
	for _, s := range c.cars {
		s.mu.Lock()
		s.end()
		s.mu.Unlock()
	}
}

// fetchCAR gets the window's blocks from a provider's trustless gateway, which
// may serve CARs even if it keeps no whole pieces: out of the content's CAR,
// when that has them soon, or else block by block.
func (w *window) fetchCAR(ctx context.Context, at replica) error {
	err := w.fromStream(ctx, at)
	switch {
	case len(w.places) == 0 || ctx.Err() != nil, errors.Is(err, errLocal), errors.Is(err, errStalled):
		return err
	}
	if again := w.blockwise(ctx, at); again != nil {
		return fmt.Errorf("%w; block by block: %w", err, again)
	}
	return nil
}

// fromStream takes the window's blocks out of the content's CAR.
func (w *window) fromStream(ctx context.Context, at replica) error {
	c := w.recall
	s := c.stream(at.base)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.drop(ctx)
	if len(w.places) == 0 {
		return nil
	}
	limit := max(carSkip, int64(len(w.places))*gapBytes)
	gap, err := c.gap(ctx, s.at, w.places[0].Mark, limit)
	if err != nil {
		return err
	}
	if s.body == nil {
		if err := c.openCAR(ctx, s, at); err != nil {
			return err
		}
	}
	for skipped := int64(0); len(w.places) > 0; {
		id, data, err := s.in.Next()
		if err == io.EOF {
			err = errLacks
		}
		if err == nil && w.expects(id) {
			err = checkBlock(id, data)
		} else if skipped += int64(len(data)); err == nil && skipped > gap+limit {
			err = errPassed
		} else if err == nil {
			continue
		}
		if err != nil {
			s.end()
			return err
		}
		skipped = 0
		for i, p := range w.places {
			if p.Cid.Equals(id) {
				s.at = p.Mark
				w.places = append(w.places[:i:i], w.places[i+1:]...)
				break
			}
		}
		if err := w.keep(ctx, node.Block{Cid: id, Data: data}, viaCAR); err != nil {
			return err
		}
	}
	return nil
}

// drop forgets what others have brought meanwhile.
func (w *window) drop(ctx context.Context) {
	left := w.places[:0:0]
	for _, p := range w.places {
		if w.expects(p.Cid) {
			left = append(left, p)
		}
	}
	w.places = left
}

// expects says whether any window waits for a block.
func (w *window) expects(block cid.Cid) bool {
	w.recall.mu.Lock()
	defer w.recall.mu.Unlock()
	return w.recall.pending[string(block.Hash())] != nil
}

// gap is how many bytes of the content's list lie between two marks, if the
// second comes after the first and they are no more than limit.
func (c *Recall) gap(ctx context.Context, from, to piece.Mark, limit int64) (n int64, err error) {
	if from == to {
		return 0, nil
	}
	err = c.all.pieces.PlacesFrom(ctx, c.zone, c.content, from, func(p piece.Place) error {
		if p.Mark == to {
			return errStop
		}
		if n += int64(p.Size); n > limit {
			return errPassed
		}
		return nil
	})
	switch {
	case errors.Is(err, errStop):
		return n, nil
	case err == nil:
		err = errPassed
	}
	return 0, err
}

// openCAR asks for the content's CAR.
func (c *Recall) openCAR(ctx context.Context, s *carStream, at replica) error {
	b, err := c.all.getCAR(ctx, at, c.root, "all")
	if err != nil {
		return err
	}
	in, err := car.NewReader(io.LimitReader(b, c.limit), carBlock)
	if err != nil {
		b.Close()
		return err
	}
	s.body, s.in = b, in
	return nil
}

// getCAR asks a provider for the CAR of a DAG, or of a block.
func (r *Retriever) getCAR(ctx context.Context, at replica, root cid.Cid, scope string) (*body, error) {
	h := http.Header{"Accept": {"application/vnd.ipld.car"}}
	b, err := r.get(ctx, at, "/ipfs/"+root.String()+"?format=car&dag-scope="+scope, h)
	if err != nil {
		return nil, err
	}
	if b.status != http.StatusOK {
		b.Close()
		return nil, fmt.Errorf("/ipfs answers HTTP %d", b.status)
	}
	return b, nil
}

// blockwise asks for one block after the other: for the middle of a content,
// and from a provider that has only some of its pieces.
func (w *window) blockwise(ctx context.Context, at replica) error {
	for len(w.places) > 0 {
		p := w.places[0]
		data, err := w.recall.all.blockCAR(ctx, at, p)
		if err != nil {
			return err
		}
		w.places = w.places[1:]
		if err := w.keep(ctx, node.Block{Cid: p.Cid, Data: data}, viaCAR); err != nil {
			return err
		}
	}
	return nil
}

// blockCAR asks for the CAR of one block.
func (r *Retriever) blockCAR(ctx context.Context, at replica, p piece.Place) ([]byte, error) {
	b, err := r.getCAR(ctx, at, p.Cid, "block")
	if err != nil {
		return nil, err
	}
	defer b.Close()
	in, err := car.NewReader(b, carBlock)
	if err != nil {
		return nil, err
	}
	id, data, err := in.Next()
	switch {
	case err == io.EOF || err == nil && !id.Equals(p.Cid):
		return nil, errLacks
	case err != nil:
		return nil, err
	}
	if err := checkBlock(id, data); err != nil {
		return nil, err
	}
	_, _ = io.CopyN(io.Discard, b, 1) // the end, so that the connection is used again
	return data, nil
}
