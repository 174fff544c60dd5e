package buckets

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/whypfs/whypfs/kv"
)

// maxCached is how many buckets' documents are remembered; when there are
// more, all are read again.
const maxCached = 4096

// documentCache remembers a document that this package itself understands, by
// bucket and revision. It is safe for concurrent use; what it returns is
// shared and must not be changed.
type documentCache[T any] struct {
	mu   sync.Mutex
	docs map[string]cached[T] // guarded by mu, by the bucket's uuid
}

type cached[T any] struct {
	revision uint64
	doc      *T
}

// get returns the document that a bucket has under a name, nil if it has none.
// A bucket read before tx may have a document that is gone or newer meanwhile:
// what is there now is returned, and not remembered.
func (c *documentCache[T]) get(tx kv.Tx, bucket Bucket, name string) (*T, error) {
	revision := bucket.Documents[name]
	if revision == 0 {
		return nil, nil
	}
	c.mu.Lock()
	known, ok := c.docs[bucket.UUID]
	c.mu.Unlock()
	if ok && known.revision == revision {
		return known.doc, nil
	}
	now, err := bucketRow(tx, bucket.UUID)
	if err != nil {
		return nil, err
	}
	if now.Documents[name] == 0 {
		return nil, nil
	}
	data, err := tx.Get(keyDocument(bucket.UUID, name))
	if err != nil {
		return nil, fmt.Errorf("document %q: %w", name, err)
	}
	doc := new(T)
	if err := json.Unmarshal(data, doc); err != nil {
		return nil, fmt.Errorf("document %q: %w", name, err)
	}
	if now.Documents[name] == revision {
		c.remember(bucket.UUID, cached[T]{revision, doc})
	}
	return doc, nil
}

func (c *documentCache[T]) remember(uuid string, doc cached[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.docs == nil || len(c.docs) >= maxCached {
		c.docs = map[string]cached[T]{}
	}
	c.docs[uuid] = doc
}
