package buckets

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/rowcode"
	"github.com/whypfs/whypfs/kv"
)

// When a root was read last is written down by the hour, and by the batch, so
// that reads stay reads: a root that is read all day costs 24 small writes, and
// one process that dies forgets a minute of them. It is kept only where
// something asks for it: Options.Offload.

const (
	readEvery = time.Minute // reads are written down as often
	readGrain = time.Hour
	readBatch = 500
	// maxReads bounds the roots in memory between two writes; what is read
	// beyond it is taken for not read.
	maxReads = 1 << 17
)

// reads are the roots that were read lately.
type reads struct {
	mu    sync.Mutex
	fresh map[string]int64 // guarded by mu; hours, by the root's key
	known map[string]int64 // guarded by mu; those that are written down as read in that hour
}

// Read notes that the blocks of a root were read. Open does so itself.
func (b *Buckets) Read(root cid.Cid) {
	if !b.offloading.enabled() {
		return
	}
	key, hour := string(rootKey(root)), hourOf(time.Now())
	r := &b.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[key] == hour || len(r.fresh) >= maxReads {
		return
	}
	if r.fresh == nil {
		r.fresh = make(map[string]int64)
	}
	r.fresh[key] = hour
}

func hourOf(t time.Time) int64 { return t.Unix() / int64(readGrain/time.Second) }

// RunReads writes down what was read and what went out, until ctx ends, and then once more.
func (b *Buckets) RunReads(ctx context.Context) error {
	reads, sent := time.NewTicker(readEvery), time.NewTicker(trafficEvery)
	defer reads.Stop()
	defer sent.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			ctx = context.WithoutCancel(ctx)
			return errors.Join(b.flushReads(ctx), b.flushTraffic(ctx))
		case <-reads.C:
			err = b.flushReads(ctx)
		case <-sent.C:
			err = b.flushTraffic(ctx)
		}
		if err != nil && ctx.Err() == nil {
			b.log.ErrorContext(ctx, "write down what was read", "err", err)
		}
	}
}

// flushReads writes down what was read since. What it cannot write is forgotten.
func (b *Buckets) flushReads(ctx context.Context) error {
	r := &b.reads
	r.mu.Lock()
	fresh := r.fresh
	r.fresh = nil
	if len(r.known)+len(fresh) > maxReads {
		r.known = nil
	}
	r.mu.Unlock()
	for len(fresh) > 0 {
		some := make(map[string]int64, readBatch)
		for key, hour := range fresh {
			if some[key] = hour; len(some) == readBatch {
				break
			}
		}
		if err := b.update(ctx, func(tx kv.Tx) error { return putReads(tx, some) }); err != nil {
			return fmt.Errorf("reads: %w", err)
		}
		r.mu.Lock()
		if r.known == nil {
			r.known = make(map[string]int64)
		}
		for key, hour := range some {
			r.known[key] = hour
			delete(fresh, key)
		}
		r.mu.Unlock()
	}
	return nil
}

func putReads(tx kv.Tx, hours map[string]int64) error {
	for key, hour := range hours {
		old, err := lastRead(tx, []byte(key))
		if err != nil {
			return err
		}
		if old >= hour {
			continue
		}
		w := rowcode.NewWriter(compact)
		w.Int(hour)
		if err := tx.Put(keyRead([]byte(key)), w.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// lastRead is the hour in which a root was read last, 0 if none is known.
func lastRead(tx kv.Tx, root []byte) (int64, error) {
	raw, err := tx.Get(keyRead(root))
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r := rowcode.NewReader(raw, compact)
	hour := r.Int()
	return hour, r.Err()
}

// forgetNameless drops a table's rows of roots that no content has any more. Most
// have one, and looking at them does not hold writers up.
func (b *Buckets) forgetNameless(ctx context.Context, table string) error {
	for from, to := kv.Range(table); from != nil; {
		var gone [][]byte
		var next []byte
		err := b.view(ctx, func(tx kv.Tx) (err error) {
			gone, next, err = nameless(tx, from, to)
			return err
		})
		if err == nil && len(gone) > 0 {
			err = b.update(ctx, func(tx kv.Tx) error { return dropRoots(tx, table, gone) })
		}
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// nameless returns the roots, of some rows from from on, that no content has,
// and where to go on; nil at the end.
func nameless(tx kv.Tx, from, to []byte) (gone [][]byte, next []byte, err error) {
	seen := 0
	for row, err := range tx.Scan(from, to) {
		if err != nil {
			return nil, nil, err
		}
		if seen++; seen > gcBatch {
			return gone, append([]byte(nil), row.Key...), nil
		}
		var root []byte
		if err := kv.Unkey(row.Key, nil, &root); err != nil {
			return nil, nil, err
		}
		named, err := anyContent(tx, root)
		if err != nil {
			return nil, nil, err
		}
		if !named {
			gone = append(gone, root)
		}
	}
	return gone, nil, nil
}

// dropRoots drops the rows of those of the roots that no content has got meanwhile.
func dropRoots(tx kv.Tx, table string, roots [][]byte) error {
	for _, root := range roots {
		named, err := anyContent(tx, root)
		if err == nil && !named {
			err = tx.Delete(kv.Key(table, root))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// anyContent says whether a content has a root.
func anyContent(tx kv.Tx, root []byte) (bool, error) {
	for _, err := range tx.Scan(kv.Range(tabCID, root)) {
		return err == nil, err
	}
	return false, nil
}

func keyRead(root []byte) []byte { return kv.Key(tabRead, root) }
