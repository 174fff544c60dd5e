package buckets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/whypfs/whypfs/internal/lifecycle"
	"github.com/whypfs/whypfs/kv"
)

const (
	tabWalk = "lcy"
	// walkPage is how many versions are looked at before what is due is done.
	walkPage = 500
	// walkBatch bounds the changes that are one transaction.
	walkBatch = 32
	// walkErrors is how many versions may fail before a pass is given up.
	walkErrors = 10
)

func keyWalk(bucket string) []byte { return kv.Key(tabWalk, bucket) }

// lifecycleWalk is one pass over a bucket: a page of versions is read, then
// what is due of it is done in small transactions. What is due is judged again
// in there, so that nothing which changed meanwhile is touched.
type lifecycleWalk struct {
	b      *Buckets
	bucket Bucket
	rules  *lifecycle.Config

	now    time.Time       // of the page
	acts   []lifecycleAct  // what is due of the page
	active map[uint64]bool // zones: whether all their wanted deals are active
	counts map[string]int  // of what was done, for a person
	errs   []error         // of versions that could not be changed

	// Of the key that is being read, newest version first:
	key    string
	since  time.Time // when the version before was made
	newer  int64     // versions before that are not the newest
	marker *Object   // its newest version, if that is a delete marker
	stay   int       // versions behind the newest that are not to go
}

// lifecycleAct is one thing that is due: do does it in a transaction. errStale
// and ErrLocked are no failures, and come before do has written anything.
type lifecycleAct struct {
	what   string
	object Object
	do     func(tx kv.Tx, bucket Bucket, o Object, candidate uint64) error
}

// errStale says that a version is not any more what it was when it was judged.
var errStale = errors.New("the version has changed meanwhile")

// errRulesChanged says that a pass applies rules that are not the bucket's any more.
var errRulesChanged = errors.New("the lifecycle rules have changed meanwhile")

// walkCursor is where a pass that was interrupted goes on, if the rules are still the same.
type walkCursor struct {
	Revision      uint64
	Prefix, After string
}

func (w *lifecycleWalk) run(ctx context.Context) error {
	from, err := w.resume(ctx)
	if err != nil {
		return err
	}
	w.active, w.counts = map[uint64]bool{}, map[string]int{}
	for _, prefix := range w.rules.Prefixes() {
		if prefix < from.Prefix {
			continue
		}
		after := ""
		if prefix == from.Prefix {
			after = from.After
		}
		if err := errors.Join(w.versions(ctx, prefix, after), w.uploads(ctx, prefix)); err != nil {
			return err
		}
	}
	if err := w.b.endWalk(ctx, w.bucket.UUID); err != nil {
		return err
	}
	return errors.Join(w.errs...)
}

// resume returns where to begin.
func (w *lifecycleWalk) resume(ctx context.Context) (from walkCursor, err error) {
	err = w.b.view(ctx, func(tx kv.Tx) error {
		from, err = kv.GetJSON[walkCursor](tx, keyWalk(w.bucket.UUID))
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		return err
	})
	if from.Revision != w.bucket.Documents[documentLifecycle] {
		from = walkCursor{}
	}
	return from, err
}

// save remembers that everything up to a key has been looked at.
func (w *lifecycleWalk) save(ctx context.Context, prefix, after string) error {
	return w.b.update(ctx, func(tx kv.Tx) error {
		return kv.PutJSON(tx, keyWalk(w.bucket.UUID), walkCursor{w.bucket.Documents[documentLifecycle], prefix, after})
	})
}

// endWalk forgets where a pass was.
func (b *Buckets) endWalk(ctx context.Context, uuid string) error {
	var begun bool
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		begun, err = has(tx, keyWalk(uuid))
		return err
	})
	if err != nil || !begun {
		return err
	}
	return b.update(ctx, func(tx kv.Tx) error { return tx.Delete(keyWalk(uuid)) })
}

// versions looks at the versions of the keys that start with prefix and come after a key.
func (w *lifecycleWalk) versions(ctx context.Context, prefix, after string) error {
	q := VersionQuery{Prefix: prefix, AfterKey: after, Max: walkPage}
	w.begin("")
	for {
		page, err := w.b.Versions(ctx, w.bucket, q)
		if err != nil {
			return err
		}
		w.now = time.Now()
		done := after
		for _, o := range page.Versions {
			if o.Key != w.key {
				w.end()
				done = w.key
				w.begin(o.Key)
			}
			w.visit(o)
		}
		if !page.More {
			w.end()
		}
		if err := w.apply(ctx); err != nil || !page.More {
			return err
		}
		q.AfterKey, q.AfterVersion = page.NextKey, page.NextVersion
		if done != "" && done != after {
			after = done
			if err := w.save(ctx, prefix, after); err != nil {
				return err
			}
		}
	}
}

func (w *lifecycleWalk) begin(key string) {
	w.key, w.since, w.newer, w.marker, w.stay = key, time.Time{}, 0, nil, 0
}

// visit judges the next version of the key.
func (w *lifecycleWalk) visit(o Object) {
	it := LifecycleItem(o)
	switch {
	case o.Latest && o.Marker:
		w.marker = &o
	case o.Latest:
		if due, _, ok := w.rules.Expiry(it, w.b.clock); ok && !due.After(w.now) {
			w.due("removed", o, w.expire)
		} else if class := w.rules.Transition(it, w.b.clock, w.now); class != "" {
			w.move(o, class)
		}
	default:
		was := lifecycle.Replaced{Since: w.since, Newer: w.newer}
		w.newer++
		if w.rules.Noncurrent(it, was, w.b.clock, w.now) {
			w.due("removed", o, w.drop)
			break
		}
		w.stay++
		if class := w.rules.NoncurrentTransition(it, was, w.b.clock, w.now); class != "" && !o.Marker {
			w.move(o, class)
		}
	}
	w.since = o.Modified
}

// end judges a key whose versions have all been visited.
func (w *lifecycleWalk) end() {
	if w.marker != nil && w.stay == 0 && w.rules.Marker(w.key, w.marker.Modified, w.b.clock, w.now) {
		w.due("removed", *w.marker, w.dropMarker)
	}
}

func (w *lifecycleWalk) due(what string, o Object, do func(kv.Tx, Bucket, Object, uint64) error) {
	w.acts = append(w.acts, lifecycleAct{what, o, do})
}

// move notes that a version is to change its storage class.
func (w *lifecycleWalk) move(o Object, class string) {
	w.due("moved", o, func(tx kv.Tx, bucket Bucket, o Object, _ uint64) error {
		return w.b.chill(tx, bucket, o, class, w.active)
	})
}

// expire deletes what is still its key's current version, as a client would.
func (w *lifecycleWalk) expire(tx kv.Tx, bucket Bucket, o Object, candidate uint64) error {
	now, found, err := current(tx, bucket.UUID, o.Key, Conditions{})
	if err != nil {
		return err
	}
	due, _, ok := w.rules.Expiry(LifecycleItem(now), w.b.clock)
	if !found || now.place() != o.place() || !ok || due.After(w.now) {
		return errStale
	}
	_, _, err = w.b.deleteCurrent(tx, bucket, o.Key, DeleteOptions{expiry: true}, candidate)
	return err
}

// drop removes a version that is not the current one.
func (w *lifecycleWalk) drop(tx kv.Tx, bucket Bucket, o Object, _ uint64) error {
	now, err := versionNamed(tx, bucket.UUID, o.Key, o.VersionID())
	if errors.Is(err, ErrNoVersion) || err == nil && (now.place() != o.place() || now.Latest) {
		return errStale
	}
	if err != nil {
		return err
	}
	_, _, err = w.b.deleteVersion(tx, bucket, o.Key, DeleteOptions{Version: o.VersionID(), expiry: true})
	return err
}

// dropMarker removes a delete marker that no version is behind.
func (w *lifecycleWalk) dropMarker(tx kv.Tx, bucket Bucket, o Object, _ uint64) error {
	there, err := has(tx, keyObject(bucket.UUID, o.Key))
	if err != nil {
		return err
	}
	versions := 0
	for _, err := range tx.Scan(kv.Range(tabVersion, bucket.UUID, o.Key)) {
		if err != nil {
			return err
		}
		if versions++; versions > 1 {
			break
		}
	}
	newest, err := versionNamed(tx, bucket.UUID, o.Key, o.VersionID())
	if errors.Is(err, ErrNoVersion) || there || versions != 1 || err == nil && newest.place() != o.place() {
		return errStale
	}
	if err != nil {
		return err
	}
	_, _, err = w.b.deleteVersion(tx, bucket, o.Key, DeleteOptions{Version: o.VersionID(), expiry: true})
	return err
}

// apply does what is due of a page. Where a transaction fails its parts are
// tried alone, so that one bad version does not keep the others.
func (w *lifecycleWalk) apply(ctx context.Context) error {
	acts := w.acts
	w.acts = nil
	if err := w.look(ctx, acts); err != nil {
		return err
	}
	for batch := range slices.Chunk(acts, walkBatch) {
		err := w.commit(ctx, batch)
		if errors.Is(err, errRulesChanged) {
			return err
		}
		if err == nil {
			continue
		}
		for _, a := range batch {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := w.commit(ctx, []lifecycleAct{a}); err != nil {
				w.errs = append(w.errs, fmt.Errorf("%q: %w", a.object.Key, err))
			}
			if len(w.errs) >= walkErrors {
				return errors.Join(w.errs...)
			}
		}
	}
	return nil
}

// update runs fn in a transaction, with the bucket as it is there, as long as
// its rules are those of the pass: what their owner took back removes nothing.
func (w *lifecycleWalk) update(ctx context.Context, fn func(kv.Tx, Bucket) error) error {
	return w.b.update(ctx, func(tx kv.Tx) error {
		bucket, err := bucketRow(tx, w.bucket.UUID)
		if err != nil {
			return err
		}
		if bucket.Documents[documentLifecycle] != w.bucket.Documents[documentLifecycle] {
			return errRulesChanged
		}
		return fn(tx, bucket)
	})
}

// commit does some of what is due in one transaction.
func (w *lifecycleWalk) commit(ctx context.Context, acts []lifecycleAct) error {
	candidates := make([]uint64, len(acts))
	for i := range acts {
		candidates[i] = w.b.newID()
	}
	var counts map[string]int
	err := w.update(ctx, func(tx kv.Tx, bucket Bucket) error {
		counts = map[string]int{}
		for i, a := range acts {
			switch err := a.do(tx, bucket, a.object, candidates[i]); {
			case err == nil:
				counts[a.what]++
			case errors.Is(err, ErrLocked):
				counts["locked"]++
			case errors.Is(err, ErrNotComplete):
				counts["waiting for deals"]++
			case !errors.Is(err, errStale):
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for what, n := range counts {
		w.counts[what] += n
	}
	w.b.metrics.objects.WithLabelValues("expire").Add(float64(counts["removed"]))
	return nil
}

// uploads gives up the uploads that are due.
func (w *lifecycleWalk) uploads(ctx context.Context, prefix string) error {
	q := UploadQuery{Prefix: prefix, Max: walkPage}
	for {
		page, err := w.b.Uploads(ctx, w.bucket, q)
		if err != nil {
			return err
		}
		now := time.Now()
		for _, u := range page.Uploads {
			due, _, ok := w.rules.Upload(u.Key, u.Started, w.b.clock)
			if !ok || due.After(now) {
				continue
			}
			err := w.update(ctx, func(tx kv.Tx, bucket Bucket) error { return abort(tx, bucket, u.Key, u.ID) })
			if errors.Is(err, ErrNoUpload) {
				continue
			}
			if err != nil {
				return err
			}
			w.counts["uploads given up"]++
		}
		if !page.More {
			return nil
		}
		q.AfterKey, q.AfterID = page.NextKey, page.NextID
	}
}

// summary says what a pass did, for a person.
func (w *lifecycleWalk) summary() string {
	s := "runs daily"
	for i, what := range []string{"removed", "moved", "uploads given up", "locked", "waiting for deals"} {
		if n := w.counts[what]; n > 0 {
			if i == 0 || s == "runs daily" {
				s += "; last time"
			} else {
				s += ","
			}
			s += fmt.Sprintf(" %d %s", n, what)
		}
	}
	return s
}
