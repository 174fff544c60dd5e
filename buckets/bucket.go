package buckets

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/whypfs/whypfs/kv"
)

var (
	ErrNoBucket     = errors.New("no such bucket")
	ErrBucketExists = errors.New("bucket exists and belongs to someone else")
	ErrBucketOwned  = errors.New("bucket exists and is yours")
	ErrBucketName   = errors.New("invalid bucket name")
	ErrNotEmpty     = errors.New("bucket is not empty")
	ErrPolicy       = errors.New("invalid bucket policy") // wrapped with what is wrong
)

// Bucket is a named space with an owner and a policy. A user's global bucket
// takes uploads that name none; it has no S3 name and ListBuckets omits it.
type Bucket struct {
	UUID    string
	Name    string
	Owner   uint64
	Global  bool
	Created time.Time
	Policy  Policy
}

// CreateBucket makes a bucket. The name rule is S3's (3-63, lower case …).
func (b *Buckets) CreateBucket(ctx context.Context, owner uint64, name string) (Bucket, error) {
	if !validName(name) {
		return Bucket{}, fmt.Errorf("create bucket %q: %w", name, ErrBucketName)
	}
	bucket := b.newBucket(owner)
	bucket.Name = name
	err := b.update(ctx, func(tx kv.Tx) error {
		switch old, err := bucketNamed(tx, name); {
		case err == nil && old.Owner == owner:
			return ErrBucketOwned
		case err == nil:
			return ErrBucketExists
		case !errors.Is(err, ErrNoBucket):
			return err
		}
		return errors.Join(
			kv.PutJSON(tx, keyBucket(bucket.UUID), bucket),
			kv.PutJSON(tx, keyName(name), bucket.UUID),
			kv.PutJSON(tx, keyByOwner(owner, name), bucket.UUID))
	})
	if err != nil {
		return Bucket{}, fmt.Errorf("create bucket %q: %w", name, err)
	}
	return bucket, nil
}

// Bucket returns the bucket with that name, or ErrNoBucket.
func (b *Buckets) Bucket(ctx context.Context, name string) (Bucket, error) {
	var bucket Bucket
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		bucket, err = bucketNamed(tx, name)
		return err
	})
	if err != nil {
		return Bucket{}, fmt.Errorf("bucket %q: %w", name, err)
	}
	return bucket, nil
}

// BucketByUUID returns the bucket, global ones too, or ErrNoBucket.
func (b *Buckets) BucketByUUID(ctx context.Context, uuid string) (Bucket, error) {
	var bucket Bucket
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		bucket, err = bucketRow(tx, uuid)
		return err
	})
	if err != nil {
		return Bucket{}, fmt.Errorf("bucket %q: %w", uuid, err)
	}
	return bucket, nil
}

// GlobalBucket returns the owner's global bucket, making it if need be.
func (b *Buckets) GlobalBucket(ctx context.Context, owner uint64) (Bucket, error) {
	var bucket Bucket
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		bucket, err = globalBucket(tx, owner)
		return err
	})
	if errors.Is(err, ErrNoBucket) {
		made := b.newBucket(owner)
		made.Global = true
		err = b.update(ctx, func(tx kv.Tx) (err error) {
			// Someone else may have made it since.
			bucket, err = globalBucket(tx, owner)
			if !errors.Is(err, ErrNoBucket) {
				return err
			}
			bucket = made
			return errors.Join(
				kv.PutJSON(tx, keyBucket(made.UUID), made),
				kv.PutJSON(tx, keyGlobal(owner), made.UUID))
		})
	}
	if err != nil {
		return Bucket{}, fmt.Errorf("global bucket of user %d: %w", owner, err)
	}
	return bucket, nil
}

// ListBuckets returns the owner's buckets by name; owner 0: everybody's.
func (b *Buckets) ListBuckets(ctx context.Context, owner uint64) ([]Bucket, error) {
	var list []Bucket
	err := b.view(ctx, func(tx kv.Tx) error {
		list = nil
		from, to := kv.Range(tabByOwner, owner)
		if owner == 0 {
			from, to = kv.Range(tabName)
		}
		for row, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			var name string
			targets := []any{nil, &name}
			if owner != 0 {
				targets = []any{nil, nil, &name}
			}
			if err := kv.Unkey(row.Key, targets...); err != nil {
				return err
			}
			bucket, err := bucketNamed(tx, name)
			if err != nil {
				return err
			}
			list = append(list, bucket)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list buckets: %w", err)
	}
	return list, nil
}

// DeleteBucket removes an empty bucket without uploads in progress, else ErrNotEmpty.
// Zones that are past open go on without it.
func (b *Buckets) DeleteBucket(ctx context.Context, name string) error {
	err := b.update(ctx, func(tx kv.Tx) error {
		bucket, err := bucketNamed(tx, name)
		if err != nil {
			return err
		}
		empty, err := isEmpty(tx, bucket.UUID)
		if err != nil {
			return err
		}
		if !empty {
			return ErrNotEmpty
		}
		return errors.Join(
			tx.Delete(keyBucket(bucket.UUID)),
			tx.Delete(keyName(name)),
			tx.Delete(keyByOwner(bucket.Owner, name)))
	})
	if err != nil {
		return fmt.Errorf("delete bucket %q: %w", name, err)
	}
	return nil
}

// SetPolicy changes a bucket's policy. Publish can change only while the bucket has no objects.
// change may be called more than once, so it only sets fields.
func (b *Buckets) SetPolicy(ctx context.Context, name string, change func(*Policy)) (Bucket, error) {
	var bucket Bucket
	err := b.update(ctx, func(tx kv.Tx) (err error) {
		if bucket, err = bucketNamed(tx, name); err != nil {
			return err
		}
		publish := bucket.Policy.Publish
		change(&bucket.Policy)
		if err := bucket.Policy.validate(); err != nil {
			return err
		}
		if bucket.Policy.Publish != publish {
			empty, err := isEmpty(tx, bucket.UUID)
			if err != nil {
				return err
			}
			if !empty {
				return fmt.Errorf("%w: publish can change only while the bucket is empty", ErrPolicy)
			}
		}
		if err := kv.PutJSON(tx, keyBucket(bucket.UUID), bucket); err != nil {
			return err
		}
		return b.recheckZone(tx, bucket.UUID)
	})
	if err != nil {
		return Bucket{}, fmt.Errorf("set policy of %q: %w", name, err)
	}
	return bucket, nil
}

func (b *Buckets) newBucket(owner uint64) Bucket {
	return Bucket{
		UUID:    uuid.NewString(),
		Owner:   owner,
		Created: time.Now().UTC().Truncate(time.Millisecond),
		Policy:  b.policy,
	}
}

func bucketRow(tx kv.Tx, uuid string) (Bucket, error) {
	bucket, err := kv.GetJSON[Bucket](tx, keyBucket(uuid))
	if errors.Is(err, kv.ErrNotFound) {
		return Bucket{}, ErrNoBucket
	}
	return bucket, err
}

func bucketNamed(tx kv.Tx, name string) (Bucket, error) { return bucketAt(tx, keyName(name)) }

func globalBucket(tx kv.Tx, owner uint64) (Bucket, error) { return bucketAt(tx, keyGlobal(owner)) }

// bucketAt follows a row that holds a bucket's uuid.
func bucketAt(tx kv.Tx, key []byte) (Bucket, error) {
	uuid, err := kv.GetJSON[string](tx, key)
	if errors.Is(err, kv.ErrNotFound) {
		return Bucket{}, ErrNoBucket
	}
	if err != nil {
		return Bucket{}, err
	}
	return bucketRow(tx, uuid)
}

// isEmpty says whether a bucket has neither objects nor uploads in progress.
func isEmpty(tx kv.Tx, bucket string) (bool, error) {
	for _, table := range []string{tabObject, tabUpload} {
		from, to := kv.Range(table, bucket)
		if found, err := anyRow(tx, from, to); err != nil || found {
			return false, err
		}
	}
	return true, nil
}

// reservedPrefixes and reservedSuffixes are names S3 keeps for itself.
var (
	reservedPrefixes = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	reservedSuffixes = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}
)

// validName is S3's rule for the names of general purpose buckets.
func validName(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") {
		return false
	}
	for i, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case (c == '-' || c == '.') && i > 0 && i < len(name)-1:
		default:
			return false
		}
	}
	for _, p := range reservedPrefixes {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, s := range reservedSuffixes {
		if strings.HasSuffix(name, s) {
			return false
		}
	}
	ip, err := netip.ParseAddr(name)
	return err != nil || !ip.Is4()
}
