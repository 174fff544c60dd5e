package client

import (
	"context"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node"
)

// claims know what bytes the host has, or is getting, so that none are sent twice.
type claims struct {
	sizes  map[int64]int     // how many files, here and at the host, have a size
	unsure bool              // the host does not tell all sizes
	byCID  map[string]Entry  // what the host has, by multihash; guarded by syncing.mu
	flying map[string]flight // what it is getting; guarded by syncing.mu
}

// A flight is an upload that is under way; it is closed at its end.
type flight chan struct{}

func newClaims() claims {
	return claims{sizes: map[int64]int{}, byCID: map[string]Entry{}, flying: map[string]flight{}}
}

// has takes note of a file that the host has.
func (k *claims) has(e Entry, empty cid.Cid) {
	k.sizes[e.Size]++
	k.unsure = k.unsure || e.Size == 0 && !e.CID.Equals(empty)
	if e.CID.Defined() {
		k.byCID[string(e.CID.Hash())] = e
	}
}

// alone says that nothing that the host has or gets can be the same as a file
// of this size.
func (k *claims) alone(size int64) bool { return !k.unsure && k.sizes[size] < 2 }

// claim returns where the host has a file's bytes. If it has not, the caller is
// to upload them and then call landed; others wait for that.
func (r *syncing) claim(ctx context.Context, sum node.Sum) (e Entry, there bool, err error) {
	key := string(sum.Root.Hash())
	for {
		r.mu.Lock()
		e, there = r.byCID[key]
		if !there {
			e, there = r.byCID[string(sum.V1.Hash())]
		}
		under := r.flying[key]
		if !there && under == nil {
			r.flying[key] = make(flight)
		}
		r.mu.Unlock()
		if there || under == nil {
			return e, there, nil
		}
		select {
		case <-under:
		case <-ctx.Done():
			return e, false, context.Cause(ctx)
		}
	}
}

// landed ends a claim. Without a CID the upload failed, and the next one tries.
func (r *syncing) landed(sum node.Sum, e Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := string(sum.Root.Hash())
	close(r.flying[key])
	delete(r.flying, key)
	if e.CID.Defined() {
		r.byCID[key] = e
	}
}

// emptyFile is the root of a file without bytes.
func emptyFile(ctx context.Context) (cid.Cid, error) {
	sum, err := node.NewBuilder(nil).File(ctx, strings.NewReader(""))
	return sum.Root, err
}
