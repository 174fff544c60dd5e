package buckets_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// atEnd is a body that calls fn before its end.
func atEnd(body string, fn func()) buckets.Upload {
	return buckets.Upload{Body: io.MultiReader(strings.NewReader(body), readerFunc(func([]byte) (int, error) {
		fn()
		return 0, io.EOF
	}))}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestPublishChangesDuringUpload: a bucket may be made private, or
// public, while an object is on the way. The object is not taken: its
// blocks are stored as the bucket was. The client's next try is.
func TestPublishChangesDuringUpload(t *testing.T) {
	for _, publish := range []bool{true, false} {
		f := newTest(t, buckets.Options{Policy: buckets.Policy{Publish: publish}})
		ctx := t.Context()
		b := f.bucket("one")
		src := f.put(f.bucket("two"), "src", "copied body")
		changed := make(chan error, 1)
		change := func() {
			// It waits for uploads that began before; they see the change at once.
			go func() {
				_, err := f.SetPolicy(ctx, "one", func(p *buckets.Policy) { p.Publish = !publish })
				changed <- err
			}()
			f.await("the change", func() bool { return f.named("one").Policy.Publish != publish })
		}
		_, err := f.Put(ctx, b, "key", 7, atEnd("body", change), buckets.Attributes{}, buckets.Conditions{})
		wantErr(t, "Put", err, buckets.ErrPublishChanged)
		wantErr(t, "SetPolicy", <-changed, nil)
		_, err = f.Copy(ctx, src, b, "copy", 7, buckets.Attributes{}, buckets.Conditions{})
		wantErr(t, "Copy", err, buckets.ErrPublishChanged)
		for _, key := range []string{"key", "copy"} {
			if _, err := f.Head(ctx, b, key, ""); !errors.Is(err, buckets.ErrNoObject) {
				t.Errorf("publish %v: Head(%q) = %v, want %v", publish, key, err, buckets.ErrNoObject)
			}
		}
		b, err = f.Bucket(ctx, "one")
		wantErr(t, "Bucket", err, nil)
		f.put(b, "key", "other body")
	}
}
