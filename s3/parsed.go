package s3

import (
	"context"
	"sync"

	"github.com/whypfs/whypfs/buckets"
)

// maxParsed is how many buckets' documents of one kind are kept parsed.
const maxParsed = 1024

// parsed keeps what the documents of one name say, for as long as the buckets
// have them in the same revision. A bucket that has none costs nothing.
type parsed[T any] struct {
	name  string
	parse func(buckets.Bucket, []byte) (T, error)

	mu   sync.Mutex // guards kept
	kept map[string]revision[T]
}

type revision[T any] struct {
	number uint64
	value  T
}

func newParsed[T any](name string, parse func(buckets.Bucket, []byte) (T, error)) *parsed[T] {
	return &parsed[T]{name: name, parse: parse, kept: map[string]revision[T]{}}
}

// of returns the parsed document of a bucket, and whether it has one.
func (p *parsed[T]) of(ctx context.Context, store *buckets.Buckets, b buckets.Bucket) (value T, ok bool, err error) {
	number := b.Documents[p.name]
	if number == 0 {
		return value, false, nil
	}
	p.mu.Lock()
	kept := p.kept[b.UUID]
	p.mu.Unlock()
	if kept.number == number {
		return kept.value, true, nil
	}
	// What is read is of that revision or a newer one.
	data, err := store.Document(ctx, b, p.name)
	if err != nil {
		return value, false, err
	}
	if value, err = p.parse(b, data); err != nil {
		return value, false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kept) >= maxParsed {
		clear(p.kept)
	}
	p.kept[b.UUID] = revision[T]{number, value}
	return value, true, nil
}
