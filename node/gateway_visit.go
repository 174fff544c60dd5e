package node

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/ipldlinks"
)

// A DAG of a few small blocks can be a file with more places than anybody can
// walk, and no bytes in them. So a request may read spareReads blocks, and then
// readsPerByte for each byte that it has sent: who is sent bytes has to take them.
const (
	spareReads   = 1 << 14
	readsPerByte = 4
)

// errHollow ends a request that reads and reads and sends nothing.
var errHollow = gateway.NewErrorStatusCode(errors.New("this content has too many blocks for its bytes"), http.StatusUnprocessableEntity)

const (
	// recentParents are remembered, so that what holds a missing block is known.
	recentParents = 8
	// maxMends bounds the roots that one request may ask to have restored.
	maxMends = 16
)

// A visit is one request as the blocks see it: what it has cost, what came of
// it, and which DAGs are restored for it.
type visit struct {
	ctx          context.Context // of the request, as the session of a fetch outlives the call that begins it
	blocks, sent atomic.Int64
	local        bool   // only-if-cached: nothing is brought from elsewhere
	head         bool   // no body is sent
	ifRange      string // the ETag that a range holds for, if it is bound to one

	mu       sync.Mutex // guards what follows
	body     *gatewayFile
	roots    []cid.Cid // of the paths in hand
	recent   []cid.Cid // blocks with links that were read last
	fetching *fetching // nil until something is fetched
	leave    func()    // gives the slot of fetching back
	over     bool      // the request has been answered

	mending sync.Mutex                  // held while something is restored
	tried   map[cid.Cid]error           // guarded by mending
	refills map[cid.Cid]strangersRefill // guarded by mending; by root

	refilled atomic.Bool // refills has some
}

type visitKey struct{}

// visitOf is the request that ctx belongs to, or nil.
func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// read counts a block, and says whether it may be read.
func (v *visit) read() bool {
	return v.blocks.Add(1) <= spareReads+readsPerByte*v.sent.Load()
}

// end gives back what the visit holds.
func (v *visit) end() {
	v.endRefills()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	if v.leave != nil {
		v.leave()
	}
}

// enter notes that the DAG under root is read from now on.
func (v *visit) enter(root cid.Cid) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !slices.Contains(v.roots, root) {
		v.roots = append(v.roots, root)
	}
}

// saw notes a block that was read.
func (v *visit) saw(c cid.Cid) {
	if !ipldlinks.Has(c) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.recent) == recentParents {
		v.recent = append(v.recent[:0], v.recent[1:]...)
	}
	v.recent = append(v.recent, c)
}

// holders are the roots whose DAG may hold the block missed, the smallest
// first: itself, the blocks above it, the root of the path. Content in a
// directory has been stored, and is restored, under a root of its own.
func (v *visit) holders(missed cid.Cid) []cid.Cid {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := []cid.Cid{missed}
	for _, c := range slices.Backward(v.recent) {
		all = append(all, c)
	}
	for _, c := range slices.Backward(v.roots) {
		all = append(all, c)
	}
	var out []cid.Cid
	for _, c := range all {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// mend restores what may hold missed, each root once in a visit, until found
// says that the block is here. ErrNotFound: nobody has it.
func (v *visit) mend(ctx context.Context, missed cid.Cid, restore func(ctx context.Context, root, missed cid.Cid) error, found func() bool) error {
	v.mending.Lock()
	defer v.mending.Unlock()
	// Another read of this visit may have been here before.
	if len(v.tried) > 0 && found() {
		return nil
	}
	for _, root := range v.holders(missed) {
		err, was := v.tried[root]
		if !was {
			if len(v.tried) == maxMends {
				break
			}
			err = restore(ctx, root, missed)
			if v.tried == nil {
				v.tried = map[cid.Cid]error{}
			}
			v.tried[root] = err
			if err == nil && found() {
				return nil
			}
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return ErrNotFound
}
