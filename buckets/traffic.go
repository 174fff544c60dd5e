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

// Traffic is what went out of the contents with a root, over HTTP.
type Traffic struct {
	Requests, Bytes int64
}

func (t Traffic) plus(o Traffic) Traffic { return Traffic{t.Requests + o.Requests, t.Bytes + o.Bytes} }

// What goes out is counted in memory and written down by the batch: a process
// that dies forgets some minutes of it, and a read stays a read.
const (
	trafficEvery = 10 * time.Minute
	// maxTraffic bounds the roots in memory between two writes; of what is sent
	// of others meanwhile nothing is known.
	maxTraffic = 1 << 17
)

// traffic is what was not written down yet.
type traffic struct {
	mu    sync.Mutex
	fresh map[string]Traffic // guarded by mu; by the root's key
}

// Sent counts a request that so many bytes under a root went out for.
func (b *Buckets) Sent(root cid.Cid, bytes int64) {
	key := string(rootKey(root))
	t := &b.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	known, ok := t.fresh[key]
	if !ok && len(t.fresh) >= maxTraffic {
		return
	}
	if t.fresh == nil {
		t.fresh = make(map[string]Traffic)
	}
	t.fresh[key] = known.plus(Traffic{1, bytes})
}

// TrafficOf returns what went out of each of some roots, as far as it is known,
// in their order. Contents with the same root share it.
func (b *Buckets) TrafficOf(ctx context.Context, roots []cid.Cid) ([]Traffic, error) {
	var out []Traffic
	err := b.view(ctx, func(tx kv.Tx) error {
		out = make([]Traffic, len(roots))
		for i, root := range roots {
			var err error
			if out[i], err = trafficRow(tx, rootKey(root)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("traffic: %w", err)
	}
	t := &b.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, root := range roots {
		out[i] = out[i].plus(t.fresh[string(rootKey(root))])
	}
	return out, nil
}

// flushTraffic writes down what went out since. What it cannot write is
// forgotten: written twice it would count twice.
func (b *Buckets) flushTraffic(ctx context.Context) error {
	t := &b.traffic
	t.mu.Lock()
	fresh := t.fresh
	t.fresh = nil
	t.mu.Unlock()
	for len(fresh) > 0 {
		some := make(map[string]Traffic, readBatch)
		for key, sent := range fresh {
			some[key] = sent
			delete(fresh, key)
			if len(some) == readBatch {
				break
			}
		}
		if err := b.update(ctx, func(tx kv.Tx) error { return addTraffic(tx, some) }); err != nil {
			return fmt.Errorf("traffic: %w", err)
		}
	}
	return nil
}

func addTraffic(tx kv.Tx, some map[string]Traffic) error {
	for key, sent := range some {
		root := []byte(key)
		// The gateway serves what has no content, too.
		if named, err := anyContent(tx, root); err != nil || !named {
			if err != nil {
				return err
			}
			continue
		}
		old, err := trafficRow(tx, root)
		if err != nil {
			return err
		}
		sum := old.plus(sent)
		w := rowcode.NewWriter(compact)
		w.Int(sum.Requests)
		w.Int(sum.Bytes)
		if err := tx.Put(keySent(root), w.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func trafficRow(tx kv.Tx, root []byte) (Traffic, error) {
	raw, err := tx.Get(keySent(root))
	if errors.Is(err, kv.ErrNotFound) {
		return Traffic{}, nil
	}
	if err != nil {
		return Traffic{}, err
	}
	r := rowcode.NewReader(raw, compact)
	t := Traffic{Requests: r.Int(), Bytes: r.Int()}
	return t, r.Err()
}

func keySent(root []byte) []byte { return kv.Key(tabSent, root) }
