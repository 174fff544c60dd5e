package buckets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/dustin/go-humanize"

	"github.com/whypfs/whypfs/kv"
)

// ErrQuota says that an owner would keep more than he may; the error that wraps
// it says how much that is.
var ErrQuota = errors.New("quota exceeded")

// errNoLimit says that nobody can tell an owner's quota at the moment. Why is
// not for the owner: it may tell where the accounts are.
var errNoLimit = errors.New("the owner's quota cannot be asked for at the moment")

// quotaError is an ErrQuota as its owner is told of it.
type quotaError string

func (e quotaError) Error() string      { return string(e) }
func (quotaError) Is(target error) bool { return target == ErrQuota }

// overQuota says what a write would make of an owner's usage.
func overQuota(limit, used, more Usage) error {
	if limit.Objects > 0 && used.Objects+more.Objects > limit.Objects {
		return quotaError(fmt.Sprintf("%v: %d of %d contents are there, and this needs %d more", ErrQuota, used.Objects, limit.Objects, max(more.Objects, 1)))
	}
	size := func(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
	return quotaError(fmt.Sprintf("%v: %s of %s are used, and this needs %s more", ErrQuota, size(used.Bytes), size(limit.Bytes), size(more.Bytes)))
}

// noRoom says how much more a body might have had.
func noRoom(room int64) error {
	return quotaError(fmt.Sprintf("%v: there is room for %s", ErrQuota, humanize.IBytes(uint64(room))))
}

// QuotaReason is the text of an ErrQuota, for whom it concerns, without what was being done.
func QuotaReason(err error) string {
	var e quotaError
	if errors.As(err, &e) {
		return e.Error()
	}
	return ErrQuota.Error()
}

// limitOf returns how much an owner may keep; zero fields are no limit. It may be
// asked of another machine, so no transaction asks for it.
func (b *Buckets) limitOf(ctx context.Context, owner uint64) (Usage, error) {
	if b.quota == nil {
		return Usage{}, nil
	}
	bytes, objects, err := b.quota(ctx, owner)
	if err != nil {
		return Usage{}, fmt.Errorf("quota of user %d: %w: %w", owner, errNoLimit, err)
	}
	return Usage{Bytes: bytes, Objects: objects}, nil
}

// refuses says whether a change of usage is too much. One that makes nothing
// more is not, even of an owner who has more than he may.
func (limit Usage) refuses(used, more Usage) bool {
	return limit.Bytes > 0 && more.Bytes > 0 && used.Bytes+more.Bytes > limit.Bytes ||
		limit.Objects > 0 && more.Objects > 0 && used.Objects+more.Objects > limit.Objects
}

// within runs the writes of a transaction, and fails if they make an owner keep
// more than he may. This is where quotas are kept: it sees all that was committed.
func (limit Usage) within(tx kv.Tx, owner uint64, writes func() error) error {
	if limit == (Usage{}) {
		return writes()
	}
	before, err := usageOf(tx, owner)
	if err != nil {
		return err
	}
	if err := writes(); err != nil {
		return err
	}
	after, err := usageOf(tx, owner)
	if err != nil {
		return err
	}
	if more := after.plus(before.negative()); limit.refuses(before, more) {
		return overQuota(limit, before, more)
	}
	return nil
}

// admit refuses a write before its body is read: of more, of which the size is
// what the client says, in the place of what frees, some bytes of the owner's.
// It returns how many bytes may come.
func (b *Buckets) admit(ctx context.Context, owner uint64, more Usage, frees func(kv.Tx) (Usage, error)) (room int64, err error) {
	limit, err := b.limitOf(ctx, owner)
	if err != nil || limit == (Usage{}) {
		return math.MaxInt64, err
	}
	err = b.view(ctx, func(tx kv.Tx) error {
		used, err := usageOf(tx, owner)
		if err != nil {
			return err
		}
		var freed Usage
		if frees != nil {
			if freed, err = frees(tx); err != nil {
				return err
			}
		}
		room = math.MaxInt64
		if limit.Bytes > 0 {
			room = freed.Bytes + max(limit.Bytes-used.Bytes, 0)
		}
		if more := more.plus(freed.negative()); limit.refuses(used, more) {
			return overQuota(limit, used, more)
		}
		return nil
	})
	return room, err
}

// freedBy is what an owner gets back when an object is put in a key.
func freedBy(bucket Bucket, key string) func(kv.Tx) (Usage, error) {
	if bucket.Versioning != "" || key == "" {
		return nil
	}
	return func(tx kv.Tx) (Usage, error) {
		o, err := objectAt(tx, bucket.UUID, key)
		if errors.Is(err, ErrNoObject) {
			return Usage{}, nil
		}
		return Usage{Bytes: o.Size, Objects: 1}, err
	}
}

// roomReader fails when more comes than an owner has room for.
type roomReader struct {
	r    io.Reader
	room int64
	over error
}

func within(r io.Reader, room int64) io.Reader {
	if room == math.MaxInt64 {
		return r
	}
	return &roomReader{r: r, room: room, over: noRoom(room)}
}

func (r *roomReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.room -= int64(n); r.room < 0 {
		return 0, r.over
	}
	return n, err
}
