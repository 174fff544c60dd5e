package buckets

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/clip"
	"github.com/whypfs/whypfs/internal/span"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// keepPin is called before the first block of a pin is stored: from then on its
// root is one of those whose blocks stay.
func (b *Buckets) keepPin(ctx context.Context, id uint64) error {
	now := time.Now().UTC()
	return b.update(ctx, func(tx kv.Tx) error {
		p, err := pinRow(tx, id)
		if errors.Is(err, ErrNoPin) || err == nil && !p.unfinished() {
			return errPinEnded
		}
		if err != nil || p.State == PinPinning {
			return err
		}
		was := p
		p.Reason = "being fetched"
		return errors.Join(
			tx.Put(keyPinRef(p.CID, id), present),
			kv.PutJSON(tx, keyPinRun(id), pinRun{At: p.Since}),
			restatePin(tx, was, &p, PinPinning, now))
	})
}

// pinLocal pins what is here already, if that is soon done. It says whether it was.
func (b *Buckets) pinLocal(ctx context.Context, p Pin) bool {
	if _, ok := b.node.HasBlock(ctx, p.CID); !ok {
		return false
	}
	// Until the content holds the root.
	lease := b.node.Lease()
	defer lease.Release()
	var bucket Bucket
	var own bool
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		if bucket, err = bucketRow(tx, p.Bucket); err == nil {
			own, _, err = ownsRoot(tx, p, bucket)
		}
		return err
	})
	if err == nil {
		_, err = b.node.FetchDAG(ctx, p.CID, node.FetchOptions{Private: !bucket.Policy.Publish, Own: own, MaxLinks: localLinks})
	}
	if err == nil {
		err = b.finishPin(ctx, p, bucket)
	}
	if err != nil {
		b.log.DebugContext(ctx, "pin is left to its job", "pin", p.ID, "err", err)
		return false
	}
	b.metrics.pins.tries.WithLabelValues(pinnedResult).Inc()
	return true
}

// ownsRoot says whether the owner of a pin has a content with that root, and so
// may read its blocks, and whether any such is offloaded. What was made here may
// be read as long as it stays as private as it is.
func ownsRoot(tx kv.Tx, p Pin, bucket Bucket) (own, offloaded bool, err error) {
	own = p.Here && !bucket.Policy.Publish
	all, err := contentsWithRoot(tx, p.CID)
	for _, c := range all {
		if c.Owner == p.Owner && !c.Deleted {
			own = own || !c.Offloaded
			offloaded = offloaded || c.Offloaded
		}
	}
	return own, offloaded, err
}

// errPinLost says that blocks are missing of what was walked to its end.
var errPinLost = errors.New("blocks of it were lost meanwhile")

// finishPin makes a pin whose DAG is here the content that it is: an object of
// the bucket, stored as the bucket was when it was fetched.
func (b *Buckets) finishPin(ctx context.Context, p Pin, bucket Bucket) error {
	dag, extent, err := b.node.Measure(ctx, p.CID)
	if errors.Is(err, node.ErrNotFound) || errors.Is(err, node.ErrDamaged) {
		return fmt.Errorf("%w: %w", errPinLost, err)
	}
	if err != nil {
		return err
	}
	limit := b.pinOptions.MaxBytes
	if p.MaxBytes > 0 {
		limit = min(limit, p.MaxBytes)
	}
	if extent.Bytes > limit || dag.Size > MaxObject {
		return &node.DAGError{Reason: fmt.Sprintf("it has %s, and may have %s", humanize.IBytes(uint64(max(extent.Bytes, dag.Size))), humanize.IBytes(uint64(limit)))}
	}
	o := Object{
		Bucket: bucket.UUID, Key: p.Key, Owner: p.Owner, CID: p.CID, Size: dag.Size, Joined: true,
		// Nobody has sent these bytes, so the ETag, like that of parts, is not their MD5.
		ETag: multipartETag(md5.Sum(p.CID.Bytes()), 1),
	}
	if !dag.File {
		o.Headers = map[string]string{contentType: car.MediaType}
	}
	now := time.Now().UTC()
	_, err = b.commit(ctx, change{asked: bucket, name: p.name(), event: EventPut, extra: func(tx kv.Tx, made Object) error {
		return b.pinned(tx, p.ID, made, extent, now)
	}}, o)
	if err == nil {
		b.metrics.objects.WithLabelValues("pin").Inc()
	}
	return err
}

// pinned ends a pin well.
func (b *Buckets) pinned(tx kv.Tx, id uint64, made Object, extent node.Extent, now time.Time) error {
	p, err := pinRow(tx, id)
	if errors.Is(err, ErrNoPin) || err == nil && !p.unfinished() {
		return errPinEnded
	}
	if err != nil {
		return err
	}
	was, old := p, p.Replaces
	p.Content, p.Size, p.Blocks, p.Bytes = made.Content, made.Size, extent.Blocks, extent.Bytes
	p.Reason, p.Tries, p.Next, p.Replaces = "", 0, time.Time{}, 0
	err = errors.Join(
		endPin(tx, was),
		restatePin(tx, was, &p, PinPinned, now),
		tx.Put(keyPinContent(p.Content, p.ID), present))
	if err == nil && old != 0 {
		err = b.removeReplaced(tx, old, &made)
	}
	return err
}

// The results of tries, as the metrics name them.
const (
	pinnedResult  = "pinned"
	failedResult  = "failed"  // for good
	brokenResult  = "broken"  // off, after some blocks
	vainResult    = "vain"    // no block came
	sliceResult   = "slice"   // others had to have their turn
	removedResult = "removed" // meanwhile
)

func (t *pinTry) result(err error) string {
	var bad *node.DAGError
	switch {
	case err == nil:
		return pinnedResult
	case errors.Is(err, errPinEnded):
		return removedResult
	case errors.Is(err, errPinSlice):
		return sliceResult
	case errors.As(err, &bad), errors.Is(err, ErrNoBucket), errors.Is(err, ErrQuota):
		return failedResult
	case t.came(), errors.Is(err, errNoLimit): // which says nothing of the peers that were not even asked
		return brokenResult
	}
	return vainResult
}

// record stores what came of a try that ended with err.
func (t *pinTry) record(ctx context.Context, err error) error {
	result := t.result(err)
	if result == pinnedResult || result == removedResult {
		return nil
	}
	why := pinReason(err)
	now := time.Now().UTC()
	var ended bool
	err = t.b.update(ctx, func(tx kv.Tx) error {
		ended = false
		p, err := pinRow(tx, t.pin.ID)
		if errors.Is(err, ErrNoPin) || err == nil && !p.unfinished() {
			return nil
		}
		if err != nil {
			return err
		}
		was := p
		if p.Reason = why; t.at.After(p.Since) {
			p.Since = t.at
		}
		if p.Since.After(now) { // the clock was ahead then
			p.Since = now
		}
		switch {
		case result == failedResult:
			ended = true
		case result == vainResult:
			p.Tries++
			if now.Sub(p.Since) > t.b.pinOptions.Timeout {
				p.Reason, ended = fmt.Sprintf("no block came for %s: %s", span.Text(now.Sub(p.Since)), why), true
			}
		default:
			p.Tries = 0
		}
		if ended {
			p.Next = time.Time{}
			return errors.Join(endPin(tx, was), restatePin(tx, was, &p, PinFailed, now))
		}
		p.Next = t.next(p, result, now)
		return errors.Join(t.keepState(tx, p), unqueuePin(tx, was), putPin(tx, p), t.b.queuePin(tx, p))
	})
	if err == nil && ended {
		t.b.log.InfoContext(ctx, "pin failed", "pin", t.pin.ID, "cid", t.pin.CID.String(), "err", why)
	}
	return err
}

// keepState stores how far a pin is. What was walked to its end and has lost
// blocks is walked again from the beginning.
func (t *pinTry) keepState(tx kv.Tx, p Pin) error {
	if p.State != PinPinning {
		return nil
	}
	if t.whole {
		t.state.Cursor = nil
	}
	return kv.PutJSON(tx, keyPinRun(p.ID), pinRun{FetchState: t.state, At: t.at})
}

// next is when a pin is tried again: after a back-off that doubles with each
// try in vain, half of it random.
func (t *pinTry) next(p Pin, result string, now time.Time) time.Time {
	if result == sliceResult {
		return now
	}
	opt := t.b.pinOptions
	back := opt.MinBack
	for range max(p.Tries-1, 0) {
		if back = 2 * back; back >= opt.MaxBack {
			back = opt.MaxBack
			break
		}
	}
	return now.Add(back/2 + rand.N(back/2+1))
}

// maxPinReason bounds a reason, in bytes.
const maxPinReason = 500

// pinReason is an error for whoever asked for the pin.
func pinReason(err error) string {
	var bad *node.DAGError
	s := ""
	switch {
	case errors.As(err, &bad):
		s = bad.Reason
	case errors.Is(err, ErrQuota):
		s = QuotaReason(err)
	case errors.Is(err, errNoLimit):
		s = errNoLimit.Error()
	case errors.Is(err, ErrNoBucket):
		s = "its bucket is gone"
	case errors.Is(err, node.ErrNoHost):
		s = "this node has no libp2p host to fetch with"
	default:
		s = err.Error()
	}
	return clip.Text(s, maxPinReason)
}
