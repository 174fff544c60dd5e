package buckets_test

import (
	"context"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
)

// What went out counts at once, is kept over a restart, and goes with the last
// content of its root.
func TestTraffic(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("box")
	a, same, other := f.put(b, "a", "some body"), f.put(b, "same", "some body"), f.put(b, "b", "another")
	nobodys := cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	roots := []cid.Cid{a.CID, other.CID, nobodys}
	want := func(what string, want ...buckets.Traffic) {
		t.Helper()
		got, err := f.TrafficOf(t.Context(), roots)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v is %+v, want %+v", what, roots[i], got[i], want[i])
			}
		}
	}
	flush := func() {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantErr(t, "RunReads", f.RunReads(ctx), nil) // writes down what is left at the end
	}
	none := buckets.Traffic{}
	want("nothing yet", none, none, none)
	f.Sent(a.CID, 9)
	f.Sent(same.CID, 3)
	f.Sent(nobodys, 1)
	want("in memory", buckets.Traffic{Requests: 2, Bytes: 12}, none, buckets.Traffic{Requests: 1, Bytes: 1})
	flush()
	want("written down", buckets.Traffic{Requests: 2, Bytes: 12}, none, none)
	f.Sent(a.CID, 1)
	f.Sent(other.CID, 0)
	flush()
	f.reopen()
	want("after a restart", buckets.Traffic{Requests: 3, Bytes: 13}, buckets.Traffic{Requests: 1}, none)
	f.delete(b, "a")
	wantErr(t, "GC", f.GC(t.Context()), nil)
	want("one of two contents is gone", buckets.Traffic{Requests: 3, Bytes: 13}, buckets.Traffic{Requests: 1}, none)
	f.delete(b, "same")
	wantErr(t, "GC", f.GC(t.Context()), nil)
	want("both are gone", none, buckets.Traffic{Requests: 1}, none)
}
