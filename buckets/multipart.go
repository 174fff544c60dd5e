package buckets

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

var (
	ErrNoUpload    = errors.New("no such upload")
	ErrInvalidPart = errors.New("a part is missing or its etag differs")
	ErrPartOrder   = errors.New("parts are not in ascending order")
	ErrPartSize    = errors.New("a part other than the last is under 5 MiB")
)

const (
	maxParts    = 10000
	minPartSize = 5 << 20
	partSlot    = 0 // of the owner's usage, from which the parts of an ended upload are taken
)

// MultipartUpload is an upload in progress.
type MultipartUpload struct {
	ID    string // ordered by time
	Key   string
	Owner uint64 // of the object to be
	// Initiator began it: 0, as in old rows, is its owner.
	Initiator uint64 `json:",omitempty"`
	Started   time.Time
	Attributes
	Algorithm string // checksum algorithm asked for at creation, or ""
}

// Part is a stored part of an upload.
type Part struct {
	Number    int
	Size      int64
	ETag      string
	CID       cid.Cid
	Modified  time.Time
	Checksums map[string]string
}

// CreateUpload begins an upload by initiator of an object that will be owner's.
// It stays until it is completed, aborted, or abandoned for Options.UploadExpiry.
func (b *Buckets) CreateUpload(ctx context.Context, bucket Bucket, key string, owner, initiator uint64, attr Attributes, algorithm string) (MultipartUpload, error) {
	if !validKey(key) {
		return MultipartUpload{}, ErrKey
	}
	id, err := uuid.NewV7() // listings order a key's uploads by time
	if err != nil {
		return MultipartUpload{}, fmt.Errorf("upload id: %w", err)
	}
	u := MultipartUpload{
		ID: id.String(), Key: key, Owner: owner, Initiator: initiator, Attributes: attr, Algorithm: algorithm,
		Started: time.Now().UTC().Truncate(time.Millisecond),
	}
	err = b.update(ctx, func(tx kv.Tx) error {
		now, err := bucketRow(tx, bucket.UUID)
		if err == nil {
			err = now.mayLock(attr)
		}
		if err != nil {
			return err
		}
		return kv.PutJSON(tx, keyUpload(bucket.UUID, key, u.ID), u)
	})
	if err != nil {
		return MultipartUpload{}, fmt.Errorf("create upload of %q: %w", key, err)
	}
	return u, nil
}

// Upload returns an upload in progress, or ErrNoUpload.
func (b *Buckets) Upload(ctx context.Context, bucket Bucket, key, id string) (MultipartUpload, error) {
	var u MultipartUpload
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		u, err = uploadRow(tx, bucket.UUID, key, id)
		return err
	})
	if err != nil {
		return MultipartUpload{}, fmt.Errorf("upload %s of %q: %w", id, key, err)
	}
	return u, nil
}

// PutPart stores a part (1..10000), replacing one with its number.
func (b *Buckets) PutPart(ctx context.Context, bucket Bucket, key, id string, number int, up Upload) (p Part, err error) {
	ctx, end := b.writes.begin(ctx, bucket)
	defer func() { err = reason(ctx, err); end() }()
	if number < 1 || number > maxParts {
		return Part{}, fmt.Errorf("part %d: %w", number, ErrInvalidPart)
	}
	if _, err := b.Upload(ctx, bucket, key, id); err != nil {
		return Part{}, err
	}
	if err := b.stillAs(ctx, bucket); err != nil {
		return Part{}, fmt.Errorf("part %d of upload %s: %w", number, id, err)
	}
	room, err := b.admit(ctx, bucket.Owner, Usage{Bytes: up.Expect}, func(tx kv.Tx) (Usage, error) {
		old, err := partRow(tx, id, number)
		if errors.Is(err, ErrInvalidPart) {
			err = nil
		}
		return Usage{Bytes: old.Size}, err
	})
	if err != nil {
		return Part{}, fmt.Errorf("part %d of upload %s: %w", number, id, err)
	}
	up.Body = within(up.Body, room)
	lease := b.node.Lease()
	defer lease.Release()
	var attr Attributes
	file, sum, err := b.importBody(ctx, bucket, up, &attr)
	if err != nil {
		return Part{}, err
	}
	p = Part{
		Number: number, Size: file.Size, ETag: hex.EncodeToString(sum), CID: file.Root,
		Modified: time.Now().UTC().Truncate(time.Millisecond), Checksums: attr.Checksums,
	}
	if err := b.commitPart(ctx, bucket, key, id, p); err != nil {
		return Part{}, fmt.Errorf("part %d of upload %s: %w", number, id, err)
	}
	return p, nil
}

// commitPart makes a part whose blocks are stored one of the upload's.
func (b *Buckets) commitPart(ctx context.Context, bucket Bucket, key, id string, p Part) error {
	limit, err := b.limitOf(ctx, bucket.Owner)
	if err != nil {
		return err
	}
	return b.update(ctx, func(tx kv.Tx) error {
		if _, err := uploadRow(tx, bucket.UUID, key, id); err != nil {
			return err
		}
		now, err := bucketRow(tx, bucket.UUID)
		if err != nil {
			return err
		}
		if now.Policy.Publish != bucket.Policy.Publish {
			return ErrPublishChanged // the blocks are stored as the caller's bucket wanted
		}
		old, err := partRow(tx, id, p.Number)
		if err == nil {
			err = tx.Delete(keyPartRef(old.CID, id, old.Number))
		} else if errors.Is(err, ErrInvalidPart) {
			err = nil
		}
		return limit.within(tx, bucket.Owner, func() error {
			return errors.Join(err,
				use(tx, bucket.Owner, uint64(p.Number), Usage{Bytes: p.Size - old.Size}),
				kv.PutJSON(tx, keyPart(id, p.Number), p),
				tx.Put(keyPartRef(p.CID, id, p.Number), present))
		})
	})
}

// Parts returns up to max parts with numbers greater than after, and whether there are more.
func (b *Buckets) Parts(ctx context.Context, bucket Bucket, key, id string, after, max int) ([]Part, bool, error) {
	var list []Part
	var more bool
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		if _, err := uploadRow(tx, bucket.UUID, key, id); err != nil {
			return err
		}
		list, more, err = partRows(tx, id, after, max)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("parts of upload %s: %w", id, err)
	}
	return list, more, nil
}

func partRows(tx kv.Tx, id string, after, max int) (list []Part, more bool, err error) {
	_, to := kv.Range(tabPart, id)
	for row, err := range tx.Scan(keyPart(id, after+1), to) {
		if err != nil {
			return nil, false, err
		}
		if len(list) >= max {
			return list, true, nil
		}
		var p Part
		if err := decode(row.Value, &p); err != nil {
			return nil, false, err
		}
		list = append(list, p)
	}
	return list, false, nil
}

// Abort forgets the upload and its parts.
func (b *Buckets) Abort(ctx context.Context, bucket Bucket, key, id string) error {
	err := b.update(ctx, func(tx kv.Tx) error { return abort(tx, bucket, key, id) })
	if err != nil {
		return fmt.Errorf("abort upload %s: %w", id, err)
	}
	return nil
}

func abort(tx kv.Tx, bucket Bucket, key, id string) error {
	if _, err := uploadRow(tx, bucket.UUID, key, id); err != nil {
		return err
	}
	return removeUpload(tx, bucket, key, id)
}

// removeUpload drops an upload and its parts, of which there are at most 10,000.
func removeUpload(tx kv.Tx, bucket Bucket, key, id string) error {
	list, _, err := partRows(tx, id, 0, math.MaxInt)
	if err != nil {
		return err
	}
	var freed Usage
	for _, p := range list {
		freed.Bytes -= p.Size
		if err := errors.Join(tx.Delete(keyPart(id, p.Number)), tx.Delete(keyPartRef(p.CID, id, p.Number))); err != nil {
			return err
		}
	}
	return errors.Join(use(tx, bucket.Owner, partSlot, freed), tx.Delete(keyUpload(bucket.UUID, key, id)))
}

func uploadRow(tx kv.Tx, bucket, key, id string) (MultipartUpload, error) {
	u, err := kv.GetJSON[MultipartUpload](tx, keyUpload(bucket, key, id))
	if errors.Is(err, kv.ErrNotFound) {
		return MultipartUpload{}, ErrNoUpload
	}
	return u, err
}

func partRow(tx kv.Tx, id string, number int) (Part, error) {
	p, err := kv.GetJSON[Part](tx, keyPart(id, number))
	if errors.Is(err, kv.ErrNotFound) {
		return Part{}, ErrInvalidPart
	}
	return p, err
}
