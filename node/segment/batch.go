package segment

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node/blocks"
)

// A Batch is a blocks.Batch.
type Batch struct {
	store   *Store
	private bool
	sweeps  bool // may use the reserve, as it makes more room than it takes

	mu      sync.Mutex
	ends    map[*segment]int64 // what Sync waits for
	dirty   int64
	written int64 // by this batch
}

// Batch begins a batch of private or public blocks.
func (s *Store) Batch(private bool) blocks.Batch { return s.batch(private) }

func (s *Store) batch(private bool) *Batch {
	return &Batch{store: s, private: private, ends: map[*segment]int64{}}
}

// Put stores a block whose hash the caller has checked. It is durable once Sync
// returns nil. A block that is here already is not written again; if it is
// private and the batch is public, it becomes public.
func (b *Batch) Put(ctx context.Context, c cid.Cid, data []byte) error {
	_, _, err := b.put(ctx, c, data)
	return err
}

// Has says whether Put would write nothing; then Sync waits for the block too.
func (b *Batch) Has(c cid.Cid) bool {
	if _, ok := identityData(c); ok {
		return true
	}
	f := b.store.stored(keyOf(multihashOf(c)), b.private)
	if f.serves {
		b.awaitFound(f)
	}
	return f.serves
}

// Publish makes a block that is here public, and ErrNotFound says that it is not
// here. It is so for certain once Sync returns nil.
func (b *Batch) Publish(ctx context.Context, c cid.Cid) error {
	if _, ok := identityData(c); ok {
		return nil
	}
	s, k := b.store, keyOf(multihashOf(c))
	f := found{}
	_, err := s.find(k, func(g *segment, l loc) bool { return f.take(s, k, g, l, false) })
	switch {
	case f.segment == nil && err == nil:
		err = s.absent()
	case f.segment != nil:
		err = b.judge(ctx, k, f, false)
	}
	if err != nil {
		return fmt.Errorf("publish %s: %w", c, err)
	}
	return nil
}

// Hide makes a block private, at once for all readers of public blocks, and for
// good once Sync returns nil: until it is published, or stored as public, again.
func (b *Batch) Hide(ctx context.Context, c cid.Cid) error {
	if _, ok := identityData(c); ok {
		return nil // it is in its own name
	}
	// Also a block that is private, or not here: what a crash may bring back
	// of it must not be public.
	if err := b.judge(ctx, keyOf(multihashOf(c)), found{}, true); err != nil {
		return fmt.Errorf("hide %s: %w", c, err)
	}
	return nil
}

// judge writes a verdict, unless it stands already. f is where the block is.
func (b *Batch) judge(ctx context.Context, k key, f found, private bool) error {
	_, err := b.store.appendAll(ctx, b, 0, func() []record {
		v, ok := b.store.verdictOn(k, &f)
		if ok && v.private == private || f.serves && !ok {
			return nil
		}
		return []record{newVerdictRecord(k, private)}
	})
	if err == nil && b.awaitFound(f) {
		err = b.Sync(ctx)
	}
	return err
}

// put also says where the block is.
func (b *Batch) put(ctx context.Context, c cid.Cid, data []byte) (g *segment, l loc, err error) {
	if _, ok := identityData(c); ok {
		return nil, loc{}, nil
	}
	s, k := b.store, keyOf(multihashOf(c))
	f := s.stored(k, b.private)
	if !f.serves {
		stale := true
		for stale && err == nil {
			f, stale, err = b.write(ctx, c, k, f, data)
			if stale {
				f = s.stored(k, b.private)
			}
		}
		if err != nil {
			s.metrics.puts.WithLabelValues("failed").Inc()
			return nil, loc{}, fmt.Errorf("store %s: %w", c, err)
		}
	} else {
		s.metrics.puts.WithLabelValues("found").Inc()
	}
	if b.awaitFound(f) {
		err = b.Sync(ctx)
	}
	return f.segment, f.loc, err
}

// write appends what it takes that the block, found as f, serves the batch;
// nothing if f is stale.
func (b *Batch) write(ctx context.Context, c cid.Cid, k key, f found, data []byte) (_ found, stale bool, err error) {
	s := b.store
	r, err := newBlockRecord(c, data, b.private)
	if err != nil {
		return f, stale, err
	}
	taken := b.private && s.published(k)
	result := "found"
	written, err := s.appendAll(ctx, b, len(data), func() []record {
		if f, stale = s.storedSince(k, f, b.private); stale {
			return nil
		}
		v, judged := s.verdictOn(k, &f)
		turn := judged && v.private != b.private && !b.sweeps // a sweep judges nothing
		switch {
		case f.serves || f.segment != nil && judged && (b.sweeps || !v.private):
			return nil
		case f.segment != nil:
			result = "published"
			return []record{newVerdictRecord(k, false)}
		case turn && b.private && !taken:
			// What a verdict says of a block that was here before does not go for this one.
			result = "written"
			return []record{newVerdictRecord(k, true), r}
		case turn && !b.private:
			result = "written"
			return []record{r, newVerdictRecord(k, false)}
		}
		result = "written"
		return []record{r}
	})
	if err != nil || stale {
		return f, stale, err
	}
	for _, w := range written {
		if w.entry != nil {
			f.segment, f.loc = w.segment, w.entry.loc
			s.metrics.bytes.Add(float64(len(data)))
			if len(data) >= largeBlock && !b.sweeps {
				s.cache.keep(f.loc, data)
			}
		}
	}
	s.metrics.puts.WithLabelValues(result).Inc()
	if !b.sweeps {
		s.uploads.Add(1)
	}
	return f, false, nil
}

// longBlock is from what size on a block waits for others of its kind.
const longBlock = 256 << 10

// lockAppend locks appendMu to append a block. Of the long ones only one at a
// time waits for it, and the others for that one: a short one has not two
// hundred uploads' leaves before it, but a leaf, and is itself soon done.
func (s *Store) lockAppend(size int) (unlock func()) {
	if size < longBlock {
		s.appendMu.Lock()
		return s.appendMu.Unlock
	}
	s.longMu.Lock()
	s.appendMu.Lock()
	return func() {
		s.appendMu.Unlock()
		s.longMu.Unlock()
	}
}

// An appended is a record and where it went.
type appended struct {
	record
	segment *segment
}

// appendAll appends the records that choose returns, a block of size bytes and
// small ones, and makes b wait for them. choose is called with appendMu held.
func (s *Store) appendAll(ctx context.Context, b *Batch, size int, choose func() []record) (done []appended, err error) {
	var full []*segment
	unlock := s.lockAppend(size)
	for _, r := range choose() {
		if err = s.checkSpace(r.size()); err != nil && !b.sweeps {
			break
		}
		g, f, e := s.append(r)
		full = append(full, f...)
		if err = e; err != nil {
			break
		}
		done = append(done, appended{r, g})
	}
	unlock()
	for _, f := range full {
		// Whoever ends a segment seals it. A fault in it is for those to hear whose blocks it takes.
		if err := s.seal(f); err != nil {
			s.log.ErrorContext(ctx, "seal segment", "segment", f.id, "err", err)
		}
	}
	if err != nil {
		return nil, asFull(err)
	}
	for _, d := range done {
		b.await(d.segment, d.end(), d.size())
	}
	return done, nil
}

// awaitFound makes Sync wait for what was found. It says whether it is time to sync.
func (b *Batch) awaitFound(f found) (due bool) {
	if f.segment != nil {
		due = b.await(f.segment, f.loc.end(), 0)
	}
	if f.judge != nil {
		due = b.await(f.judge, f.verdict.end(), 0) || due
	}
	return due
}

// await makes Sync wait until g is durable up to end, n bytes of which this
// batch wrote. It says whether it is time to sync.
func (b *Batch) await(g *segment, end, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ends[g] = max(b.ends[g], end)
	if !g.past {
		b.dirty += n
	}
	b.written += n
	return b.dirty >= maxDirty
}

// Sync returns when everything put before is durable. After an error some of
// it is not, and every later Sync fails too.
func (b *Batch) Sync(ctx context.Context) error {
	b.mu.Lock()
	ends := maps.Clone(b.ends)
	b.dirty = 0
	b.mu.Unlock()
	for g, end := range ends {
		if err := b.store.syncTo(ctx, g, end); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for g, end := range ends {
		if b.ends[g] == end {
			delete(b.ends, g)
		}
	}
	return nil
}
