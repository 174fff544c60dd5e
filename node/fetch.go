package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
)

// DAGError says why a DAG cannot be kept here, however often it is fetched, in
// words for who asked for it.
type DAGError struct {
	Reason   string
	TooLarge bool // for the MaxBytes of its fetch
}

func (e *DAGError) Error() string { return "the DAG cannot be kept: " + e.Reason }

func badDAG(format string, args ...any) error {
	return &DAGError{Reason: fmt.Sprintf(format, args...)}
}

var (
	// ErrStalled says that no block came for FetchOptions.Idle.
	ErrStalled = errors.New("no block came")
	// ErrNoSource says that there is nobody to fetch from.
	ErrNoSource = errors.New("nobody to fetch from")
)

// FetchOptions of FetchDAG. The zero value fetches from whoever is connected,
// without a limit, until ctx ends.
type FetchOptions struct {
	Private bool // the blocks are stored as private
	// Own says that whoever asks may read the DAG already, so that blocks which
	// are here as private count as here. Else they are fetched like any other:
	// to know a CID gives nobody what is private.
	Own     bool
	Origins []string // multiaddrs with /p2p/ of peers that are said to have the DAG

	Idle time.Duration // without a new block; then ErrStalled. 0: for ever
	// Grace is how long a fetch whose origins do not answer, on a node without
	// peers, waits for somebody to connect; then ErrNoSource. Who has the data
	// may be one whom nobody can dial.
	Grace     time.Duration
	MaxBytes  int64 // that are fetched, those of From too; more is a *DAGError. 0: no limit
	MaxBlocks int64
	// MaxLinks, unless it is 0, asks nobody: what is not here, or has more links
	// than that, is ErrNotFound.
	MaxLinks int

	From FetchState // of an earlier call that did not end well

	// Keep, if not nil, is called once, before the fetch counts on any block.
	// When it has returned nil the root is among those that Sweep is told, and
	// so no lease has to be held.
	Keep func(context.Context) error
	// Progress, if not nil, is told now and then where the fetch is.
	Progress func(context.Context, FetchState) error
}

// FetchState is how far a fetch got.
type FetchState struct {
	Cursor        []byte `json:",omitempty"` // a place in the DAG: what is to its left is here. Empty: its beginning
	Blocks, Bytes int64  // fetched
}

// FetchDAG brings the DAG under root into the store: from peers that are
// connected, from opt.Origins, which are dialled and not let go meanwhile, and
// with a DHT from the providers it names. When it returns nil every block is
// here and durable, as Measure will confirm. Blocks that are here are not
// fetched, and with opt.From neither are they looked at again.
//
// What the DAG is at fault for is a *DAGError. Every other error is worth
// another call, from the state that comes with it.
func (n *Node) FetchDAG(ctx context.Context, root cid.Cid, opt FetchOptions) (FetchState, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the session
	f := newFetch(n, root, opt)
	err := f.run(ctx)
	if err != nil {
		err = fmt.Errorf("fetch %s: %w", root, err)
	}
	return f.state(), err
}

// Fetch is FetchDAG for a caller who holds a lease and may read what is here,
// without a limit. With private unset, blocks under root that are here as
// private become public. It waits for a block that nobody has until ctx ends.
func (n *Node) Fetch(ctx context.Context, root cid.Cid, private bool) error {
	if n.host.swap == nil {
		return fmt.Errorf("fetch %s: %w", root, ErrNoHost)
	}
	_, err := n.FetchDAG(ctx, root, FetchOptions{Private: private, Own: true})
	return err
}
