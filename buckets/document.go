package buckets

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// ErrNoDocument says that a bucket has no document of that name.
var ErrNoDocument = errors.New("no such document of the bucket")

// Document returns a document that a transport keeps with a bucket, such as
// its CORS rules, or ErrNoDocument. Nothing in this package knows what is in it.
// A bucket without the document costs nothing. What a caller derives from a
// document it may keep for as long as Bucket.Documents has the same revision.
func (b *Buckets) Document(ctx context.Context, bucket Bucket, name string) ([]byte, error) {
	if bucket.Documents[name] == 0 {
		return nil, fmt.Errorf("document %q of bucket %q: %w", name, bucket.Name, ErrNoDocument)
	}
	var data []byte
	err := b.view(ctx, func(tx kv.Tx) error {
		raw, err := tx.Get(keyDocument(bucket.UUID, name))
		if errors.Is(err, kv.ErrNotFound) {
			return ErrNoDocument
		}
		data = bytes.Clone(raw)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("document %q of bucket %q: %w", name, bucket.Name, err)
	}
	return data, nil
}

// SetDocument stores a document of a bucket; nil data deletes it.
func (b *Buckets) SetDocument(ctx context.Context, bucket Bucket, name string, data []byte) error {
	candidate := b.newID()
	_, err := b.changeBucket(ctx, bucket.UUID, func(tx kv.Tx, bucket *Bucket) error {
		return bucket.setDocument(tx, name, data, candidate)
	})
	if err != nil {
		return fmt.Errorf("set document %q of bucket %q: %w", name, bucket.Name, err)
	}
	return nil
}

// setDocument stores a document, or with nil data deletes it, and notes its
// revision in the bucket, which the caller stores. candidate is a new id.
func (bucket *Bucket) setDocument(tx kv.Tx, name string, data []byte, candidate uint64) error {
	key := keyDocument(bucket.UUID, name)
	old := bucket.Documents[name]
	if data == nil {
		delete(bucket.Documents, name)
		return tx.Delete(key)
	}
	if bucket.Documents == nil {
		bucket.Documents = map[string]uint64{}
	}
	// Newer than that of a document deleted before.
	bucket.Documents[name] = max(candidate, old+1)
	return tx.Put(key, data)
}

// deleteDocuments removes all documents of a bucket.
func deleteDocuments(tx kv.Tx, bucket Bucket) error {
	for name := range bucket.Documents {
		if err := tx.Delete(keyDocument(bucket.UUID, name)); err != nil {
			return err
		}
	}
	return nil
}
