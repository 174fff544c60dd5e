package buckets_test

import (
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// TestGather puts contents into zones together, also one whose id is older than
// those that were assigned before it.
func TestGather(t *testing.T) {
	f := newTest(t, buckets.Options{Gather: time.Millisecond})
	f.run()
	b := f.bucket("one")
	assigned := func() bool {
		list, err := f.Contents(t.Context(), 0, 100, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Zone == 0 {
				return false
			}
		}
		return true
	}
	late := f.put(b, "late", "body")
	f.await("the first content in a zone", assigned)
	for range 3 {
		f.put(b, "other", time.Now().String())
		f.await("a content in a zone", assigned)
	}
	// As if the first upload's transaction had waited all the while.
	if err := f.Unassign(t.Context(), late.Content); err != nil {
		t.Fatal(err)
	}
	f.put(b, "last", "body of the last")
	f.await("the late content in a zone", assigned)
}
