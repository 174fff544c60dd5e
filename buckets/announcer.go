package buckets

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// announcer keeps what the node announces equal to what is published. Roots
// whose contents changed wait in memory: what a crash loses, the walk over all
// roots at the next start says again.
type announcer struct {
	mu      sync.Mutex // guards waiting
	waiting map[cid.Cid]struct{}
	wake    chan struct{} // of capacity 1
	again   chan struct{} // of capacity 1: everything is to be said anew
}

// announceRetry is the pause after a failure, which is the disk's.
const announceRetry = time.Minute

func newAnnouncer() *announcer {
	return &announcer{waiting: map[cid.Cid]struct{}{}, wake: make(chan struct{}, 1), again: make(chan struct{}, 1)}
}

// changed has the announcer look at root once tx is committed.
func (a *announcer) changed(tx kv.Tx, root cid.Cid) {
	if a != nil {
		tx.OnCommit(func() { a.look(root) })
	}
}

// look has the announcer look at roots. A nil announcer announces nothing.
func (a *announcer) look(roots ...cid.Cid) {
	if a == nil {
		return
	}
	a.mu.Lock()
	for _, root := range roots {
		a.waiting[root] = struct{}{}
	}
	a.mu.Unlock()
	poke(a.wake)
}

// anew has the announcer say everything again.
func (a *announcer) anew() {
	if a != nil {
		poke(a.again)
	}
}

func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// take empties the list of what waits.
func (a *announcer) take() (roots []cid.Cid) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for root := range a.waiting {
		roots = append(roots, root)
	}
	clear(a.waiting)
	return roots
}

// RunAnnouncer announces what is published, and stops announcing what no
// longer is, until ctx ends. It begins with everything, as nobody knows what a
// crash has lost, and does so again after each sweep. Without Options.Announce
// it does nothing.
func (b *Buckets) RunAnnouncer(ctx context.Context) error {
	a := b.announcer
	if a == nil {
		return nil
	}
	a.anew()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-a.again:
			err = b.node.AnnounceOnly(ctx, b.publishedRoots(ctx))
			if err != nil {
				a.anew()
			}
		case <-a.wake:
			err = b.announceChanged(ctx, a.take())
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		b.log.ErrorContext(ctx, "announce", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(announceRetry):
		}
	}
}

// announceChanged announces those of roots that are published, and ends it for
// the others. What it could not do waits again.
func (b *Buckets) announceChanged(ctx context.Context, roots []cid.Cid) error {
	var live, gone []cid.Cid
	err := b.view(ctx, func(tx kv.Tx) error {
		live, gone = nil, nil
		for _, root := range roots {
			published, err := isPublished(tx, root)
			switch {
			case err != nil:
				return err
			case published:
				live = append(live, root)
			default:
				gone = append(gone, root)
			}
		}
		return nil
	})
	if err == nil {
		err = errors.Join(b.node.Unannounce(ctx, gone...), b.node.Announce(ctx, live...))
	}
	if err != nil {
		b.announcer.look(roots...)
	}
	return err
}

// rootBatch bounds how many contents are read in one transaction.
const rootBatch = 1000

// publishedRoots yields the roots of published contents, some perhaps twice,
// and of the trees of publishing buckets.
func (b *Buckets) publishedRoots(ctx context.Context) iter.Seq2[cid.Cid, error] {
	return func(yield func(cid.Cid, error) bool) {
		var after []byte
		for {
			var roots []cid.Cid
			var next []byte
			err := b.view(ctx, func(tx kv.Tx) (err error) {
				roots, err = publishedAfter(tx, after, &next)
				if err == nil && next == nil {
					var trees []cid.Cid
					trees, err = shownTrees(tx)
					roots = append(roots, trees...)
				}
				return err
			})
			if err != nil {
				yield(cid.Undef, err)
				return
			}
			for _, root := range roots {
				if !yield(root, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			after = next
		}
	}
}

// publishedAfter reads the roots of the published contents of one batch.
func publishedAfter(tx kv.Tx, after []byte, last *[]byte) (roots []cid.Cid, err error) {
	publish := map[string]bool{} // of buckets seen
	err = contentsAfter(tx, after, last, func(c Content) error {
		if _, seen := publish[c.Bucket]; !seen {
			bucket, err := bucketRow(tx, c.Bucket)
			if err != nil && !errors.Is(err, ErrNoBucket) {
				return err
			}
			publish[c.Bucket] = err == nil && bucket.Policy.Publish
		}
		if !c.Deleted && publish[c.Bucket] {
			roots = append(roots, c.CID)
		}
		return nil
	})
	return roots, err
}

// contentsAfter calls fn for a batch of contents, those after a key, and sets
// last to the key of the last one; nil if there are no more.
func contentsAfter(tx kv.Tx, after []byte, last *[]byte, fn func(Content) error) error {
	from, to := kv.Range(tabContent)
	if after != nil {
		from = append(append([]byte{}, after...), 0)
	}
	*last = nil
	read := 0
	for row, err := range tx.Scan(from, to) {
		if err != nil {
			return err
		}
		if read++; read > rootBatch {
			return nil
		}
		c, err := decodeContent(row.Value)
		if err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
		*last = append([]byte(nil), row.Key...)
	}
	*last = nil
	return nil
}
