package buckets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/whypfs/whypfs/internal/lifecycle"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// An object of a cold storage class gives up its local copy as soon as every
// wanted deal of its zone is active. What brings the copy back, a read or a
// restore, does so for a time: the job release then gives it up again. Both
// are marked in the content, which is an object version's own.

var (
	ErrNotCold   = errors.New("the object is not kept on Filecoin alone")
	ErrCold      = errors.New("the object is kept on Filecoin alone and was not restored")
	ErrRestoring = errors.New("the object is being restored already")
	ErrDays      = errors.New("a restored copy stays for at least one day")
)

// Cold says whether a storage class keeps objects on Filecoin alone.
func Cold(class string) bool { return slices.Contains(lifecycle.Classes, class) }

// instant says whether objects of a class can be read without being restored
// first, whatever the bucket's policy says.
func instant(class string) bool { return class == lifecycle.Classes[0] }

// Restoration is how an object that is or was kept on Filecoin alone can be read.
type Restoration struct {
	Ongoing bool      // its copy is on its way
	Until   time.Time // its copy stays that long; zero: it was not restored
	Closed  bool      // it cannot be read until it is restored
}

// Restoration tells of an object. It costs a read only where there is something to tell.
func (b *Buckets) Restoration(ctx context.Context, bucket Bucket, o Object) (Restoration, error) {
	if !Cold(o.Class) && !bucket.Policy.Archive || o.Marker {
		return Restoration{}, nil
	}
	c, err := b.Content(ctx, o.Content)
	if errors.Is(err, ErrNoContent) {
		return Restoration{}, nil // deleted meanwhile
	}
	if err != nil {
		return Restoration{}, err
	}
	return Restoration{
		Ongoing: c.Restoring > 0,
		Until:   c.Until,
		Closed:  c.Offloaded && bucket.Policy.Archive && !instant(o.Class),
	}, nil
}

// RestoreObject has the copy of a cold object brought back for a number of
// days. That it was brought back already, and now stays as long, is told by
// again. ErrRestoring, ErrNotCold, ErrDays, and the errors of Head.
func (b *Buckets) RestoreObject(ctx context.Context, bucket Bucket, key, version string, days int) (again bool, err error) {
	if days < 1 || days > maxRestore {
		return false, ErrDays
	}
	now := time.Now()
	err = b.update(ctx, func(tx kv.Tx) error {
		again = false
		bucket, err := bucketRow(tx, bucket.UUID)
		if err != nil {
			return err
		}
		o, err := find(tx, bucket, key, version)
		if err != nil {
			return err
		}
		if o.Marker {
			return ErrMarker
		}
		c, err := contentRow(tx, o.Content)
		if err != nil {
			return err
		}
		switch {
		case !Cold(o.Class) && !(bucket.Policy.Archive && (c.Offloaded || !c.Until.IsZero())):
			return ErrNotCold
		case c.Restoring > 0:
			return ErrRestoring
		}
		again = !c.Until.IsZero()
		return b.askRestore(tx, bucket, o, c, days, now)
	})
	if err != nil {
		return false, fmt.Errorf("restore %q: %w", key, err)
	}
	return again, nil
}

// maxRestore is the most days that a copy can be asked for.
const maxRestore = 36500

// askRestore has the job bring the copy back, or keeps the one that is there.
func (b *Buckets) askRestore(tx kv.Tx, bucket Bucket, o Object, c Content, days int, now time.Time) error {
	if c.Offloaded {
		c.Restoring = days
		return errors.Join(
			putContent(tx, c),
			b.queue.Add(tx, jobRestore, contentJobID(c.ID), time.Time{}),
			b.emit(tx, bucket, EventRestore, o))
	}
	first := c.Until.IsZero()
	c.Until = b.clock.After(now, int64(days)).UTC()
	err := errors.Join(
		putContent(tx, c),
		b.queue.Add(tx, jobRelease, contentJobID(c.ID), c.Until),
		b.emit(tx, bucket, EventRestore, o))
	if first {
		err = errors.Join(err, b.emit(tx, bucket, EventRestored, o))
	}
	return err
}

// restoreCold is the job that brings back the copy of a cold content.
func (b *Buckets) restoreCold(ctx context.Context, job string) error {
	c, err := b.coldContent(ctx, job)
	if err != nil || c.Restoring == 0 {
		return err
	}
	if c.Offloaded {
		if _, limited := b.dealer.(Retriever); limited {
			r, err := b.Retrieve(ctx, c.ID, CauseRestore)
			if err != nil {
				return err
			}
			return queue.Later(time.Now().Add(lookAgain), fmt.Sprintf("retrieval %d brings it back", r.ID))
		}
		if err := b.Restore(ctx, c.CID); err != nil {
			return err
		}
	}
	now := time.Now()
	return b.update(ctx, func(tx kv.Tx) error {
		bucket, o, c, err := named(tx, c.ID)
		if errors.Is(err, ErrNoContent) || err == nil && c.Restoring == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if c.Offloaded {
			return b.queue.Add(tx, jobRestore, job, time.Time{}) // given up again meanwhile
		}
		c.Until = b.clock.After(now, int64(c.Restoring)).UTC()
		c.Restoring = 0
		return errors.Join(
			putContent(tx, c),
			b.queue.Add(tx, jobRelease, job, c.Until),
			b.emit(tx, bucket, EventRestored, o))
	})
}

// release is the job that gives up the copy of a cold content: when its deals
// are active, and when the time of a copy that came back is over. A content
// whose zone is not complete yet is seen to when it is.
func (b *Buckets) release(ctx context.Context, job string) error {
	c, err := b.coldContent(ctx, job)
	if err != nil || !c.releasable() || c.Zone == 0 {
		return err
	}
	if time.Now().Before(c.Until) {
		return queue.Later(c.Until, "its copy was asked for until then")
	}
	z, err := b.loadZone(ctx, c.Zone)
	if err != nil || z.State != ZoneComplete {
		return err
	}
	if err := b.dealt(ctx, c.Zone); errors.Is(err, ErrNotComplete) {
		return queue.Later(time.Now().Add(lookAgain), "waits for active deals")
	} else if err != nil {
		return err
	}
	return b.update(ctx, func(tx kv.Tx) error {
		bucket, o, c, err := named(tx, c.ID)
		if errors.Is(err, ErrNoContent) || err == nil && (!c.releasable() || time.Now().Before(c.Until)) {
			return nil
		}
		if err != nil {
			return err
		}
		ended := !c.Until.IsZero()
		if err := b.giveUp(tx, c, time.Now().Add(sweepSoon)); err != nil || !ended {
			return err
		}
		return b.emit(tx, bucket, EventRestoreEnded, o)
	})
}

// sweepSoon is how long a sweep waits for more copies to be given up.
const sweepSoon = time.Minute

// releasable says that the copy is here, and not for good.
func (c Content) releasable() bool {
	return !c.Offloaded && c.Restoring == 0 && (c.Cold || !c.Until.IsZero())
}

// wanted says that someone has asked for the copy, which stays for that time.
func (c Content) wanted(now time.Time) bool { return c.Restoring > 0 || now.Before(c.Until) }

// chill moves a version to a cold storage class. A copy that is still here is
// given up in the same transaction; ErrNotComplete unless active, by zone, says
// that its deals are.
func (b *Buckets) chill(tx kv.Tx, bucket Bucket, o Object, class string, active map[uint64]bool) error {
	now, err := versionNamed(tx, bucket.UUID, o.Key, o.VersionID())
	if errors.Is(err, ErrNoVersion) || err == nil && now.place() != o.place() {
		return errStale
	}
	if err != nil {
		return err
	}
	c, err := contentRow(tx, now.Content)
	if err != nil {
		return err
	}
	if !c.Cold && !active[c.Zone] {
		return ErrNotComplete
	}
	if !c.Cold {
		c.Cold = true
		if !c.Offloaded {
			err = b.giveUp(tx, c, time.Now().Add(sweepSoon))
		} else {
			err = putContent(tx, c)
		}
	}
	now.Class = class
	return errors.Join(err, store(tx, now), b.emit(tx, bucket, EventTransition, now))
}

// look finds out which of the zones of versions that are to move have all their deals.
func (w *lifecycleWalk) look(ctx context.Context, acts []lifecycleAct) error {
	clear(w.active) // deals end: what was true of the last page may not be of this one
	for _, a := range acts {
		if a.what != "moved" {
			continue
		}
		c, err := w.b.Content(ctx, a.object.Content)
		if errors.Is(err, ErrNoContent) {
			continue
		}
		if err != nil {
			return err
		}
		if _, known := w.active[c.Zone]; known || c.Zone == 0 {
			continue
		}
		err = w.b.dealt(ctx, c.Zone)
		if err != nil && !errors.Is(err, ErrNotComplete) && !errors.Is(err, ErrNoZone) {
			return err
		}
		w.active[c.Zone] = err == nil
	}
	return nil
}

// coldContent returns the content that a job is about; the zero one, which asks
// for nothing, if it is gone.
func (b *Buckets) coldContent(ctx context.Context, job string) (Content, error) {
	id, err := strconv.ParseUint(job, 10, 64)
	if err != nil {
		return Content{}, fmt.Errorf("content of job %q: %w", job, err)
	}
	c, err := b.Content(ctx, id)
	if errors.Is(err, ErrNoContent) || c.Deleted {
		return Content{}, nil
	}
	return c, err
}

func contentJobID(id uint64) string { return strconv.FormatUint(id, 10) }

// named returns a content that an object names, with that object and its
// bucket, or ErrNoContent.
func named(tx kv.Tx, id uint64) (Bucket, Object, Content, error) {
	c, err := contentRow(tx, id)
	if err == nil && c.Deleted {
		err = ErrNoContent
	}
	if err != nil {
		return Bucket{}, Object{}, c, err
	}
	bucket, err := bucketRow(tx, c.Bucket)
	if err != nil {
		return bucket, Object{}, c, err
	}
	o, err := versionOf(tx, c)
	return bucket, o, c, err
}
