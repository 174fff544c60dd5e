package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

var (
	ErrNoRetrieval = errors.New("no such retrieval")
	// ErrNotPacked says that no piece holds a content yet, so nobody can give it back.
	ErrNotPacked = errors.New("the content is in no piece yet")
)

// Cause is what a content is brought back for.
type Cause string

const (
	CauseRestore Cause = "restore" // the operator asked, or someone over S3
	CauseRepair  Cause = "repair"  // a lost replica is replaced out of what is here
	CauseRefresh Cause = "refresh" // V1's API asked
	CauseSample  Cause = "sample"  // a provider's samples are bad: what is left had better be here
)

// ranks order the causes: the smaller goes first. Readers are before all of
// them, and in no queue.
var ranks = map[Cause]uint64{CauseRestore: 1, CauseRepair: 2, CauseRefresh: 3, CauseSample: 3}

const lastRank = 3

// RetrievalState is how far a retrieval is.
type RetrievalState string

const (
	RetrievalWaiting   RetrievalState = "waiting" // for its turn, its time or the budget: Reason says which
	RetrievalRunning   RetrievalState = "running" // never stored
	RetrievalDone      RetrievalState = "done"
	RetrievalFailed    RetrievalState = "failed" // for good
	RetrievalCancelled RetrievalState = "cancelled"
)

// A Retrieval brings one content back from providers. There is at most one of a
// content that has not ended.
type Retrieval struct {
	ID      uint64         `json:"id"`
	Content uint64         `json:"content"`
	CID     cid.Cid        `json:"cid"`
	Owner   uint64         `json:"owner"`
	Bucket  string         `json:"bucket"` // uuid
	Name    string         `json:"name"`
	Cause   Cause          `json:"cause"`
	State   RetrievalState `json:"state"`
	Added   time.Time      `json:"added"`
	Next    time.Time      `json:"next,omitzero"` // when it may run next, unless it has ended
	Ended   time.Time      `json:"ended,omitzero"`
	Tries   int            `json:"tries"` // in vain, in a row
	Bytes   int64          `json:"bytes"` // of blocks that came for it, over all tries
	Size    int64          `json:"size"`  // of the content
	Reason  string         `json:"reason,omitempty"`
}

func (r Retrieval) unfinished() bool { return r.State == RetrievalWaiting }

// A Retriever is a Dealer that brings contents back within limits.
type Retriever interface {
	// Retrieve is Restore as order says. The content's root is kept from sweeps.
	Retrieve(ctx context.Context, c Content, order RetrieveOrder) error
}

// RetrieveOrder is how a content is brought back.
type RetrieveOrder struct {
	Cause Cause
	// Allow is asked before so many bytes are asked for of providers, from
	// several goroutines. Its error ends the retrieval, wrapped.
	Allow func(ctx context.Context, bytes int64) error
	Came  func(bytes int64) // is told of blocks that came
}

// Retrieve has a content brought back: now, or when its turn comes. Who asks for
// one that waits already has it tried at once, for the better of both causes.
// ErrNoContent, ErrNotPacked.
func (b *Buckets) Retrieve(ctx context.Context, content uint64, cause Cause) (Retrieval, error) {
	r, err := b.retrieve(ctx, content, cause)
	if err != nil {
		return r, fmt.Errorf("retrieve content %d: %w", content, err)
	}
	return r, nil
}

func (b *Buckets) retrieve(ctx context.Context, content uint64, cause Cause) (r Retrieval, err error) {
	c, err := b.Content(ctx, content)
	if err != nil {
		return r, err
	}
	sources, err := b.sources(ctx, c.CID)
	if err != nil {
		return r, err
	}
	if len(sources) == 0 || b.dealer == nil {
		return r, ErrNotPacked
	}
	candidate := b.newID()
	err = b.update(ctx, func(tx kv.Tx) error {
		c, err := contentRow(tx, content)
		if err != nil {
			return err
		}
		if c.Deleted {
			return ErrNoContent
		}
		if r, err = b.addRetrieval(tx, c, cause, candidate, time.Now().UTC()); err != nil {
			return err
		}
		return b.wakeRetrievals(tx)
	})
	return r, err
}

// RetrieveBucket has everything of a bucket brought back that is not here and
// that pieces hold, and says how many contents that are.
func (b *Buckets) RetrieveBucket(ctx context.Context, bucket Bucket, cause Cause) (n int, err error) {
	const batch = 100
	for from := 0; ; from += batch {
		zones, err := b.Zones(ctx, 0, bucket.UUID, batch, from)
		if err != nil {
			return n, fmt.Errorf("retrieve bucket %s: %w", bucket.Name, err)
		}
		for _, z := range zones {
			if len(z.Pieces) == 0 {
				continue
			}
			some, err := b.retrieveZone(ctx, z.ID, cause)
			if n += some; err != nil {
				return n, fmt.Errorf("retrieve bucket %s: %w", bucket.Name, err)
			}
		}
		if len(zones) < batch {
			return n, nil
		}
	}
}

// retrieveZone does so for a zone.
func (b *Buckets) retrieveZone(ctx context.Context, zone uint64, cause Cause) (n int, err error) {
	for after, more := uint64(0), true; more; {
		list, err := b.ZoneContents(ctx, zone, after, gcBatch)
		if err != nil {
			return n, err
		}
		more = len(list) == gcBatch
		var lacking []uint64
		for _, c := range list {
			after = c.ID
			_, here := b.node.HasBlock(ctx, c.CID)
			if !c.Deleted && (c.Offloaded || !here) {
				lacking = append(lacking, c.ID)
			}
		}
		if len(lacking) == 0 {
			continue
		}
		if err := b.retrieveAll(ctx, lacking, cause); err != nil {
			return n, err
		}
		n += len(lacking)
	}
	return n, nil
}

// retrieveAll adds retrievals of contents that pieces hold.
func (b *Buckets) retrieveAll(ctx context.Context, contents []uint64, cause Cause) error {
	now := time.Now().UTC()
	var candidates []uint64
	for range contents {
		candidates = append(candidates, b.newID())
	}
	return b.update(ctx, func(tx kv.Tx) error {
		for i, id := range contents {
			c, err := contentRow(tx, id)
			if errors.Is(err, ErrNoContent) || err == nil && c.Deleted {
				continue
			}
			if err == nil {
				_, err = b.addRetrieval(tx, c, cause, candidates[i], now)
			}
			if err != nil {
				return err
			}
		}
		return b.wakeRetrievals(tx)
	})
}

// Endangered has what is not here of a zone brought back, because of its
// replicas there are fewer than wanted. It only notes that, and returns.
func (b *Buckets) Endangered(ctx context.Context, zone uint64, cause Cause) error {
	err := b.update(ctx, func(tx kv.Tx) error {
		return b.queue.Add(tx, jobRetrieve, retrieveZoneJob(zone, cause), time.Time{})
	})
	if err != nil {
		return fmt.Errorf("retrieve zone %d: %w", zone, err)
	}
	return nil
}

// CancelRetrieval ends a retrieval. What it brought goes with the next sweep,
// and a restore over S3 that waits for it ends too. ErrNoRetrieval: there is no
// such retrieval, or it has ended.
func (b *Buckets) CancelRetrieval(ctx context.Context, id uint64) error {
	err := b.update(ctx, func(tx kv.Tx) error {
		r, err := retrievalRow(tx, id)
		if err == nil && !r.unfinished() {
			err = ErrNoRetrieval
		}
		if err != nil {
			return err
		}
		c, err := contentRow(tx, r.Content)
		if err == nil && c.Restoring > 0 {
			c.Restoring = 0
			err = errors.Join(putContent(tx, c), b.queue.Remove(tx, jobRestore, contentJobID(c.ID)))
		}
		if err != nil && !errors.Is(err, ErrNoContent) {
			return err
		}
		return b.endRetrieval(tx, r, RetrievalCancelled, "it was cancelled")
	})
	if err != nil {
		return fmt.Errorf("cancel retrieval %d: %w", id, err)
	}
	b.retrieving.cancel(id)
	return nil
}
