package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
)

// maxRefills bounds the roots that strangers have refilled at once.
const maxRefills = 64

// A Refill brings blocks of one DAG back while it is read, from wherever they
// are kept besides. It is safe for concurrent use.
type Refill interface {
	// Block returns a block of the DAG that is not here, checked against its
	// CID, as soon as it has come; ErrNotFound if the DAG has none like it. The
	// caller does not change the bytes.
	Block(ctx context.Context, c cid.Cid) ([]byte, error)
	// Seen says that a block was read: what follows it may be wanted next.
	Seen(c cid.Cid)
	// Close ends what nobody else waits for.
	Close()
}

// refilling is the Refill of one reader, which begins with what it misses first.
type refilling struct {
	mu     sync.Mutex // guards what follows
	begun  bool
	closed bool
	refill Refill
	err    error // of the beginning
}

// get begins the refill of root, once.
func (r *refilling) get(ctx context.Context, n *Node, root cid.Cid) (Refill, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, context.Canceled
	}
	if !r.begun {
		r.begun = true
		if r.refill, r.err = n.cfg.Refill(ctx, root); r.err == nil {
			n.log.InfoContext(ctx, "content is read from elsewhere", "cid", root.String())
		}
	}
	return r.refill, r.err
}

// seen says that a block was read here.
func (r *refilling) seen(c cid.Cid) {
	r.mu.Lock()
	refill := r.refill
	r.mu.Unlock()
	if refill != nil {
		refill.Seen(c)
	}
}

func (r *refilling) close() {
	r.mu.Lock()
	refill := r.refill
	r.closed, r.refill = true, nil
	r.mu.Unlock()
	if refill != nil {
		refill.Close()
	}
}

// begin begins a refill of root for a stranger. ErrNotFound: there is nothing
// to refill it from. errRestoring: come back later.
func (r *restorer) begin(ctx context.Context, root cid.Cid) (s strangersRefill, err error) {
	if r.public != nil && !r.public(ctx, root) {
		return s, ErrNotFound
	}
	r.mu.Lock()
	busy := r.closed || r.refills[root] == 0 && len(r.refills) >= maxRefills || time.Now().Before(r.resting[root])
	if !busy {
		r.refills[root]++
	}
	r.mu.Unlock()
	if busy {
		return s, errRestoring
	}
	refill, err := r.refill(ctx, root)
	if err != nil {
		r.leave(root)
		if errors.Is(err, ErrNotFound) || ctx.Err() != nil {
			return s, err
		}
		return s, r.failed(ctx, root, err)
	}
	return strangersRefill{refill, r, root}, nil
}

// leave gives the place of a refill back.
func (r *restorer) leave(root cid.Cid) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refills[root]--; r.refills[root] == 0 {
		delete(r.refills, root)
	}
}

// failed has a root rest, and hides the reason from strangers.
func (r *restorer) failed(ctx context.Context, root cid.Cid, err error) error {
	r.log.WarnContext(ctx, "refill for gateway", "cid", root.String(), "err", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rest(root)
	return errRestoring
}

// strangersRefill is a Refill as the gateway uses it.
type strangersRefill struct {
	Refill
	all  *restorer
	root cid.Cid
}

func (s strangersRefill) Close() {
	s.Refill.Close()
	s.all.leave(s.root)
}

// wait is Block for a request, which waits for a while if it has sent nothing yet.
func (s strangersRefill) wait(ctx context.Context, c cid.Cid, patient bool) ([]byte, error) {
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.all.quit, cancel)()
	if !patient {
		defer time.AfterFunc(restoreWait, cancel).Stop()
	}
	data, err := s.Block(wait, c)
	switch {
	case err == nil, errors.Is(err, ErrNotFound):
		return data, err
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case wait.Err() != nil:
		return nil, fmt.Errorf("%w: %s", errRestoring, c)
	}
	return nil, s.all.failed(ctx, s.root, err)
}

// bring gets a missing block by the refill of a DAG that may hold it. ErrNotFound:
// none does.
func (v *visit) bring(ctx context.Context, missed cid.Cid, r *restorer) ([]byte, error) {
	tried := map[cid.Cid]bool{}
	for _, root := range v.holders(missed) {
		if tried[root] {
			continue
		}
		tried[root] = true
		refill, err := v.refillOf(ctx, root, r)
		var data []byte
		if err == nil {
			data, err = refill.wait(ctx, missed, v.sent.Load() > 0)
		}
		if err == nil || !errors.Is(err, ErrNotFound) {
			return data, err
		}
	}
	return nil, ErrNotFound
}

// refillOf begins the refill of a root, once in a visit.
func (v *visit) refillOf(ctx context.Context, root cid.Cid, r *restorer) (strangersRefill, error) {
	v.mending.Lock()
	defer v.mending.Unlock()
	if refill, ok := v.refills[root]; ok {
		return refill, nil
	}
	if err, was := v.tried[root]; was {
		return strangersRefill{}, err
	}
	if v.tried == nil {
		v.tried, v.refills = map[cid.Cid]error{}, map[cid.Cid]strangersRefill{}
	}
	if len(v.tried) == maxMends {
		return strangersRefill{}, ErrNotFound
	}
	// The refill is the request's, not the one read's that begins it.
	refill, err := r.begin(v.ctx, root)
	v.tried[root] = err
	if err != nil {
		return strangersRefill{}, err
	}
	v.refills[root] = refill
	v.refilled.Store(true)
	return refill, nil
}

// seen tells the refills of a visit what was read here.
func (v *visit) seen(c cid.Cid) {
	if !v.refilled.Load() {
		return
	}
	v.mending.Lock()
	defer v.mending.Unlock()
	for _, refill := range v.refills {
		refill.Seen(c)
	}
}

// endRefills closes them.
func (v *visit) endRefills() {
	v.mending.Lock()
	defer v.mending.Unlock()
	for _, refill := range v.refills {
		refill.Close()
	}
	v.refills, v.tried = nil, nil
}
