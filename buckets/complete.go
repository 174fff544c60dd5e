package buckets

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// CompletedPart names a part as the client lists it.
type CompletedPart struct {
	Number    int
	ETag      string
	Checksums map[string]string // compared when given
}

// doneRow records a completed upload, for a client that did not get the answer and asks again.
type doneRow struct {
	Completed time.Time
	Bucket    string
	Asked     string // digest of the list of parts
	Object    objectRow
}

// Complete joins the parts and makes the object visible. check sees the parts
// in order before anything becomes visible and may fill in attributes (checksums).
// Completing again with the same parts, after success, gives the same object;
// this is remembered for a day.
func (b *Buckets) Complete(ctx context.Context, bucket Bucket, key, id string, parts []CompletedPart, check func([]Part, *Attributes) error, cond Conditions) (Object, error) {
	asked := askedDigest(parts)
	u, list, err := b.listed(ctx, bucket, key, id, parts)
	if errors.Is(err, ErrNoUpload) {
		return b.completed(ctx, bucket, key, id, asked)
	}
	if err != nil {
		return Object{}, fmt.Errorf("complete upload %s: %w", id, err)
	}
	if check != nil {
		if err := check(list, &u.Attributes); err != nil {
			return Object{}, err
		}
	}
	o, err := b.join(ctx, bucket, u, list, asked, cond)
	if err != nil {
		if _, gone := b.Upload(ctx, bucket, key, id); errors.Is(gone, ErrNoUpload) {
			// Another Complete, or an Abort, came first, and that is what went wrong.
			return b.completed(ctx, bucket, key, id, asked)
		}
		return Object{}, fmt.Errorf("complete upload %s: %w", id, err)
	}
	b.metrics.objects.WithLabelValues("complete").Inc()
	return o, nil
}

// listed returns the upload and the stored parts that the client lists.
func (b *Buckets) listed(ctx context.Context, bucket Bucket, key, id string, parts []CompletedPart) (u MultipartUpload, list []Part, err error) {
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		list = nil
		if u, err = uploadRow(tx, bucket.UUID, key, id); err != nil {
			return err
		}
		if len(parts) == 0 {
			return ErrInvalidPart
		}
		for i, want := range parts {
			if i > 0 && want.Number <= parts[i-1].Number {
				return ErrPartOrder
			}
			p, err := partRow(tx, id, want.Number)
			if err != nil {
				return fmt.Errorf("part %d: %w", want.Number, err)
			}
			if !want.names(p) {
				return fmt.Errorf("part %d: %w", want.Number, ErrInvalidPart)
			}
			if p.Size < minPartSize && i < len(parts)-1 {
				return fmt.Errorf("part %d: %w", want.Number, ErrPartSize)
			}
			list = append(list, p)
		}
		return nil
	})
	return u, list, err
}

// names says whether the client means the stored part.
func (c CompletedPart) names(p Part) bool {
	for algorithm, sum := range c.Checksums {
		if p.Checksums[algorithm] != sum {
			return false
		}
	}
	return c.ETag == p.ETag
}

// join builds the object from its parts and puts it in the place of the upload.
func (b *Buckets) join(ctx context.Context, bucket Bucket, u MultipartUpload, list []Part, asked string, cond Conditions) (o Object, err error) {
	ctx, end := b.writes.begin(ctx, bucket)
	defer func() { err = reason(ctx, err); end() }()
	if err := b.precheck(ctx, bucket, u.Key, u.Attributes, cond); err != nil {
		return Object{}, err
	}
	lease := b.node.Lease()
	defer lease.Release()
	o, err = b.assemble(ctx, bucket, u, list)
	if err != nil {
		return Object{}, err
	}
	now, sums := time.Now().UTC(), newPartSums(list, o.Checksums)
	return b.commit(ctx, change{asked: bucket, name: u.Key, cond: cond, event: EventComplete, extra: func(tx kv.Tx, o Object) error {
		if err := unchanged(tx, bucket.UUID, u, list); err != nil {
			return err
		}
		return errors.Join(
			putPartSums(tx, o.Content, sums),
			removeUpload(tx, bucket, u.Key, u.ID),
			kv.PutJSON(tx, keyDone(u.ID), doneRow{Completed: now, Bucket: bucket.UUID, Asked: asked, Object: newObjectRow(o)}))
	}}, o)
}

// assemble makes the DAG of an object out of those of its parts. The caller holds a lease.
func (b *Buckets) assemble(ctx context.Context, bucket Bucket, u MultipartUpload, list []Part) (Object, error) {
	files := make([]node.File, len(list))
	sizes := make([]int64, len(list))
	for i, p := range list {
		files[i] = node.File{Root: p.CID, Size: p.Size}
		sizes[i] = p.Size
	}
	etag, err := joinedETag(list)
	if err != nil {
		return Object{}, err
	}
	o := Object{Bucket: bucket.UUID, Key: u.Key, Owner: u.Owner, ETag: etag, Attributes: u.Attributes}
	if u.CAR {
		dag, err := b.joinCAR(ctx, bucket, files, &o.Attributes)
		o.CID, o.Size, o.Joined = dag.Root, dag.Size, true
		return o, err
	}
	file, joined, err := b.node.Concat(ctx, files, !bucket.Policy.Publish)
	o.CID, o.Size, o.Joined, o.Parts = file.Root, file.Size, joined, sizes
	return o, err
}

// unchanged says that the upload still is in progress with the parts that were joined.
func unchanged(tx kv.Tx, bucket string, u MultipartUpload, list []Part) error {
	if _, err := uploadRow(tx, bucket, u.Key, u.ID); err != nil {
		return err
	}
	for _, p := range list {
		now, err := partRow(tx, u.ID, p.Number)
		if err != nil {
			return fmt.Errorf("part %d: %w", p.Number, err)
		}
		if !now.CID.Equals(p.CID) || now.ETag != p.ETag {
			return fmt.Errorf("part %d was replaced: %w", p.Number, ErrInvalidPart)
		}
	}
	return nil
}

// completed returns the object an upload was completed to, if it was with this
// list of parts. It reads in an update, because its answer is a promise: a view
// may show a completion that is not durable yet, or whose sync has failed.
func (b *Buckets) completed(ctx context.Context, bucket Bucket, key, id, asked string) (Object, error) {
	var d doneRow
	err := b.update(ctx, func(tx kv.Tx) (err error) {
		d, err = kv.GetJSON[doneRow](tx, keyDone(id))
		return err
	})
	if err == nil && (d.Bucket != bucket.UUID || d.Object.Key != key || d.Asked != asked) {
		err = ErrNoUpload
	}
	if errors.Is(err, kv.ErrNotFound) {
		err = ErrNoUpload
	}
	if err != nil {
		return Object{}, fmt.Errorf("complete upload %s: %w", id, err)
	}
	o := d.Object.object()
	o.Latest = true // then
	return o, nil
}

// askedDigest tells lists of parts apart.
func askedDigest(parts []CompletedPart) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %q\n", p.Number, p.ETag)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// joinedETag is S3's ETag of a multipart object: the MD5 of the parts' MD5s, and their number.
func joinedETag(list []Part) (string, error) {
	h := md5.New()
	for _, p := range list {
		sum, err := hex.DecodeString(p.ETag)
		if err != nil {
			return "", fmt.Errorf("etag of part %d: %w", p.Number, err)
		}
		h.Write(sum)
	}
	return multipartETag([md5.Size]byte(h.Sum(nil)), len(list)), nil
}

func multipartETag(sum [md5.Size]byte, parts int) string { return fmt.Sprintf("%x-%d", sum, parts) }
