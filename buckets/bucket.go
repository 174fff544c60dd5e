package buckets

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/whypfs/whypfs/internal/acl"
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
	Flip    Flip `json:",omitempty"` // how far a change of Policy.Publish is carried out; "": all of it

	Versioning Versioning        `json:",omitempty"` // "": never set
	Lock       *ObjectLock       `json:",omitempty"` // nil: object lock is not enabled
	Grants     []acl.Grant       `json:",omitzero"`  // nil: S3's default; none at all is another list
	Documents  map[string]uint64 `json:",omitempty"` // revision of each document it has; see Document
	Tree       bool              `json:",omitempty"` // it has a tree; see Buckets.Tree
}

// BucketOptions are what can be asked of a new bucket.
type BucketOptions struct {
	ObjectLock bool // enables versioning too
	Grants     []acl.Grant
	Documents  map[string][]byte // see SetDocument
}

// CreateBucket makes a bucket. The name rule is S3's (3-63, lower case …).
func (b *Buckets) CreateBucket(ctx context.Context, owner uint64, name string, opt BucketOptions) (Bucket, error) {
	if !validName(name) {
		return Bucket{}, fmt.Errorf("create bucket %q: %w", name, ErrBucketName)
	}
	bucket := b.newBucket(owner)
	bucket.Name, bucket.Grants = name, opt.Grants
	if opt.ObjectLock {
		bucket.Versioning, bucket.Lock = Enabled, &ObjectLock{}
	}
	for document := range opt.Documents {
		if bucket.Documents == nil {
			bucket.Documents = map[string]uint64{}
		}
		bucket.Documents[document] = b.newID()
	}
	err := b.update(ctx, func(tx kv.Tx) error {
		switch old, err := bucketNamed(tx, name); {
		case err == nil && old.Owner == owner:
			return ErrBucketOwned
		case err == nil:
			return ErrBucketExists
		case !errors.Is(err, ErrNoBucket):
			return err
		}
		for document, data := range opt.Documents {
			if err := tx.Put(keyDocument(bucket.UUID, document), data); err != nil {
				return err
			}
		}
		return errors.Join(
			putBucket(tx, bucket),
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
				putBucket(tx, made),
				kv.PutJSON(tx, keyGlobal(owner), made.UUID))
		})
	}
	if err != nil {
		return Bucket{}, fmt.Errorf("global bucket of user %d: %w", owner, err)
	}
	return bucket, nil
}

// DeleteBucket removes a bucket that has no versions, else ErrNotEmpty. As in S3
// its uploads in progress end with it. Zones that are past open go on without it.
func (b *Buckets) DeleteBucket(ctx context.Context, bucket Bucket) (err error) {
	// One upload can have 10,000 parts, so each ends in a transaction of its own.
	for more := true; more && err == nil; {
		err = b.update(ctx, func(tx kv.Tx) (err error) {
			more, err = b.deleteBucket(tx, bucket)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("delete bucket %q: %w", bucket.Name, err)
	}
	return nil
}

// deleteBucket removes one upload of a bucket without versions, and then there
// is more to do, or the bucket itself.
func (b *Buckets) deleteBucket(tx kv.Tx, bucket Bucket) (more bool, err error) {
	if bucket, err = bucketRow(tx, bucket.UUID); err != nil {
		return false, err
	}
	found, err := anyOf(tx, bucket.UUID, tabObject, tabVersion)
	if err == nil && found {
		err = ErrNotEmpty
	}
	if err != nil {
		return false, err
	}
	u, found, err := anyUpload(tx, bucket.UUID)
	switch {
	case err != nil:
		return false, err
	case found:
		return true, removeUpload(tx, bucket, u.Key, u.ID)
	}
	if bucket.Tree {
		err = b.dropTree(tx, bucket.UUID)
	}
	return false, errors.Join(err,
		tx.Delete(keyBucket(bucket.UUID)),
		tx.Delete(keyName(bucket.Name)),
		tx.Delete(keyByOwner(bucket.Owner, bucket.Name)),
		deleteDocuments(tx, bucket))
}

func anyUpload(tx kv.Tx, bucket string) (u MultipartUpload, found bool, err error) {
	for row, err := range tx.Scan(kv.Range(tabUpload, bucket)) {
		if err == nil {
			err = decode(row.Value, &u)
		}
		return u, err == nil, err
	}
	return u, false, nil
}

// SetPolicy changes a bucket's policy. When Publish changes it returns once
// everything the bucket has is public, or once nothing of it is; what public
// buckets have too is public again soon after. If it fails on the way, a job
// goes on.
// change may be called more than once, so it only sets fields.
func (b *Buckets) SetPolicy(ctx context.Context, name string, change func(*Policy)) (Bucket, error) {
	bucket, err := b.Bucket(ctx, name)
	if err != nil {
		return Bucket{}, err
	}
	bucket, err = b.changeBucket(ctx, bucket.UUID, func(tx kv.Tx, bucket *Bucket) error {
		publish := bucket.Policy.Publish
		change(&bucket.Policy)
		if err := bucket.Policy.validate(); err != nil {
			return err
		}
		if bucket.Policy.Publish != publish {
			if err := b.flip(tx, bucket); err != nil {
				return err
			}
		}
		return b.recheckZones(tx, bucket.UUID)
	})
	if err == nil && bucket.Flip != "" {
		// The change stands, and its job goes on with it, whatever becomes of this.
		err = b.visible(ctx, bucket.UUID)
	}
	if err != nil {
		return Bucket{}, fmt.Errorf("set policy of %q: %w", name, err)
	}
	return bucket, nil
}

// SetBucketGrants replaces the grants of a bucket.
func (b *Buckets) SetBucketGrants(ctx context.Context, bucket Bucket, grants []acl.Grant) error {
	_, err := b.changeBucket(ctx, bucket.UUID, func(_ kv.Tx, bucket *Bucket) error {
		bucket.Grants = grants
		return nil
	})
	if err != nil {
		return fmt.Errorf("set grants of %q: %w", bucket.Name, err)
	}
	return nil
}

// changeBucket lets fn, which may run more than once, change a bucket's row. It
// takes no name: who was allowed to change a bucket must not change another's
// that has got its name meanwhile.
func (b *Buckets) changeBucket(ctx context.Context, uuid string, fn func(kv.Tx, *Bucket) error) (Bucket, error) {
	var bucket Bucket
	err := b.update(ctx, func(tx kv.Tx) (err error) {
		if bucket, err = bucketRow(tx, uuid); err != nil {
			return err
		}
		if err := fn(tx, &bucket); err != nil {
			return err
		}
		return putBucket(tx, bucket)
	})
	return bucket, err
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
	raw, err := tx.Get(keyBucket(uuid))
	if errors.Is(err, kv.ErrNotFound) {
		return Bucket{}, ErrNoBucket
	}
	if err != nil {
		return Bucket{}, err
	}
	return decodeBucket(raw)
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

// isEmpty says whether a bucket has neither versions nor uploads in progress.
func isEmpty(tx kv.Tx, bucket string) (bool, error) {
	found, err := anyOf(tx, bucket, tabObject, tabVersion, tabUpload)
	return !found && err == nil, err
}

// anyOf says whether a bucket has a row in one of some tables.
func anyOf(tx kv.Tx, bucket string, tables ...string) (bool, error) {
	for _, table := range tables {
		from, to := kv.Range(table, bucket)
		if found, err := anyRow(tx, from, to); err != nil || found {
			return found, err
		}
	}
	return false, nil
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
