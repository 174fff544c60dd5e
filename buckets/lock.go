package buckets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

var (
	ErrLocked    = errors.New("the version is locked")
	ErrLockOff   = errors.New("object lock is not enabled in the bucket")
	ErrRetention = errors.New("invalid retention") // no mode, no time, or more than one
)

// LockMode says who may end a retention.
type LockMode string

const (
	Governance LockMode = "GOVERNANCE" // who may bypass it
	Compliance LockMode = "COMPLIANCE" // nobody, before its time
)

func (m LockMode) valid() bool { return m == Governance || m == Compliance }

// Retention keeps a version from being removed until a time; the zero value does not.
type Retention struct {
	Mode  LockMode
	Until time.Time
}

func (r Retention) valid() bool {
	return r == Retention{} || r.Mode.valid() && !r.Until.IsZero()
}

// active says whether the time has not come yet.
func (r Retention) active(now time.Time) bool { return now.Before(r.Until) }

// allows says whether a version under r may come under next: a retention may
// only grow, unless it is of GOVERNANCE and bypassed.
func (r Retention) allows(next Retention, now time.Time, bypass bool) bool {
	switch {
	case !r.active(now), bypass && r.Mode == Governance:
		return true
	}
	return next.Mode == r.Mode && !next.Until.Before(r.Until)
}

// The longest default retention.
const (
	maxRetentionYears = 100
	maxRetentionDays  = 100 * 365
)

// DefaultRetention is what new objects of a bucket get that come without one.
// One of Days and Years is set.
type DefaultRetention struct {
	Mode        LockMode
	Days, Years int
}

func (d DefaultRetention) valid() bool {
	if d.Mode != "" && !d.Mode.valid() || d.Days < 0 || d.Years < 0 {
		return false
	}
	return d.Mode.valid() && (d.Days == 0) != (d.Years == 0) && d.Days <= maxRetentionDays && d.Years <= maxRetentionYears
}

// ObjectLock is a bucket's configuration of object lock.
type ObjectLock struct {
	Default *DefaultRetention
}

// SetObjectLock enables object lock in a bucket with versioning, else
// ErrVersioningOff, for good, and sets its default retention.
func (b *Buckets) SetObjectLock(ctx context.Context, bucket Bucket, lock ObjectLock) error {
	_, err := b.changeBucket(ctx, bucket.UUID, func(_ kv.Tx, bucket *Bucket) error {
		switch {
		case lock.Default != nil && !lock.Default.valid():
			return ErrRetention
		case bucket.Versioning != Enabled:
			return ErrVersioningOff
		}
		bucket.Lock = &lock
		return nil
	})
	if err != nil {
		return fmt.Errorf("set object lock of %q: %w", bucket.Name, err)
	}
	return nil
}

// mayLock says whether an object can have the lock that its attributes ask for.
func (bucket Bucket) mayLock(a Attributes) error {
	switch {
	case bucket.Lock == nil && (a.Hold || a.Retention != Retention{}):
		return ErrLockOff
	case !a.Retention.valid():
		return ErrRetention
	}
	return nil
}

// lock gives a new object that asks for no retention the bucket's default.
func (bucket Bucket) lock(a *Attributes, now time.Time) error {
	if err := bucket.mayLock(*a); err != nil {
		return err
	}
	if bucket.Lock != nil && bucket.Lock.Default != nil && a.Retention == (Retention{}) {
		d := bucket.Lock.Default
		a.Retention = Retention{Mode: d.Mode, Until: now.UTC().AddDate(d.Years, 0, d.Days)}
	}
	return nil
}

// Removable returns ErrLocked if a version may not be removed now.
func (o Object) Removable(bypass bool) error {
	if o.Hold || !o.Retention.allows(Retention{}, time.Now(), bypass) {
		return ErrLocked
	}
	return nil
}

// SetRetention changes the retention of a version; see change. To shorten or
// end one that is active, or to change its mode, is ErrLocked unless it is of
// GOVERNANCE and bypassed.
func (b *Buckets) SetRetention(ctx context.Context, bucket Bucket, key, version string, r Retention, bypass bool) (Object, error) {
	return b.change(ctx, bucket, key, version, "", func(bucket Bucket, o *Object) error {
		switch {
		case bucket.Lock == nil:
			return ErrLockOff
		case !r.valid():
			return ErrRetention
		case !o.Retention.allows(r, time.Now(), bypass):
			return ErrLocked
		}
		o.Retention = r
		return nil
	})
}

// SetHold puts a legal hold on a version or takes it off; see change.
func (b *Buckets) SetHold(ctx context.Context, bucket Bucket, key, version string, on bool) (Object, error) {
	return b.change(ctx, bucket, key, version, "", func(bucket Bucket, o *Object) error {
		if bucket.Lock == nil {
			return ErrLockOff
		}
		o.Hold = on
		return nil
	})
}
