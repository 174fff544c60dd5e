package buckets_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// quotaOf is Options.Quota of an owner whose limit can change.
type quotaOf struct{ bytes, objects atomic.Int64 }

func (q *quotaOf) get(_ context.Context, owner uint64) (bytes, objects int64, err error) {
	if owner != 7 {
		return 0, 0, nil
	}
	return q.bytes.Load(), q.objects.Load(), nil
}

func newQuotaTest(t *testing.T, bytes, objects int64) (*fixture, *quotaOf) {
	t.Helper()
	q := &quotaOf{}
	q.bytes.Store(bytes)
	q.objects.Store(objects)
	return newTest(t, buckets.Options{Quota: q.get}), q
}

func (f *fixture) wantUsage(what string, bytes, objects int64) {
	f.t.Helper()
	if u, err := f.Usage(f.t.Context(), 7); err != nil || u != (buckets.Usage{Bytes: bytes, Objects: objects}) {
		f.t.Errorf("%s: usage is %+v, %v, want %d bytes in %d objects", what, u, err, bytes, objects)
	}
}

func (f *fixture) tryPut(b buckets.Bucket, key string, up buckets.Upload) error {
	_, err := f.Put(f.t.Context(), b, key, 7, up, buckets.Attributes{}, buckets.Conditions{})
	return err
}

func TestUsage(t *testing.T) {
	f := newTest(t, buckets.Options{Dealer: &dealer{}})
	b := f.bucket("one")
	f.wantUsage("nothing", 0, 0)
	f.put(b, "a", "12345")
	f.put(b, "b", "12345") // the same bytes count twice
	f.wantUsage("two", 10, 2)
	f.put(b, "a", "123")
	f.wantUsage("replaced", 8, 2)
	f.put(b, "a", "123")
	f.wantUsage("put again", 8, 2)
	f.delete(b, "b")
	f.wantUsage("deleted", 3, 1)
	if err := f.SetVersioning(t.Context(), b, buckets.Enabled); err != nil {
		t.Fatal(err)
	}
	f.put(b, "a", "1234")
	f.delete(b, "a")
	f.wantUsage("two versions and a marker", 7, 2)
	// In a piece it is nobody's any more once it is deleted, though the zone has it.
	two := f.bucket("two")
	o := f.put(two, "c", "123456")
	f.completed(two)
	f.delete(two, "c")
	if !f.content(o.Content).Deleted {
		t.Error("the zone lost it")
	}
	f.wantUsage("deleted in a zone", 7, 2)
	id, list := f.begin(b, "m", fresh(5*mib), "tail")
	f.wantUsage("parts", 7+5*mib+4, 2)
	f.part(b, "m", id, 2, "longer tail")
	f.wantUsage("a part replaced", 7+5*mib+11, 2)
	f.part(b, "m", id, 3, "unlisted")
	list[1] = f.part(b, "m", id, 2, "end")
	if _, err := f.complete(b, "m", id, list); err != nil {
		t.Fatal(err)
	}
	f.wantUsage("completed", 7+5*mib+3, 3)
	id, _ = f.begin(b, "m", "given up")
	wantErr(t, "Abort", f.Abort(t.Context(), b, "m", id), nil)
	f.wantUsage("aborted", 7+5*mib+3, 3)
	if all, err := f.Usages(t.Context()); err != nil || len(all) != 1 || all[7].Objects != 3 {
		t.Errorf("Usages = %+v, %v", all, err)
	}
}

func TestQuotaBytes(t *testing.T) {
	f, q := newQuotaTest(t, 10, 0)
	b := f.bucket("one")
	f.put(b, "a", "123456")
	const want = "quota exceeded: 6 B of 10 B are used, and this needs 5 B more"
	err := f.tryPut(b, "b", buckets.Upload{Body: failing{t}, Expect: 5}) // the body is not touched
	if !errors.Is(err, buckets.ErrQuota) || buckets.QuotaReason(err) != want {
		t.Errorf("Put = %v, want %q", err, want)
	}
	// Of unknown length it is read as far as there is room.
	body := &counting{r: strings.NewReader(strings.Repeat("x", 50*mib))}
	if err := f.tryPut(b, "b", buckets.Upload{Body: body}); !errors.Is(err, buckets.ErrQuota) || body.n > mib {
		t.Errorf("Put = %v after %d bytes", err, body.n)
	}
	wantErr(t, "Put into the rest", f.tryPut(b, "b", upload("1234")), nil)
	wantErr(t, "Put of nothing", f.tryPut(b, "empty", upload("")), nil)
	wantErr(t, "Put in place of another", f.tryPut(b, "b", buckets.Upload{Body: strings.NewReader("4321"), Expect: 4}), nil)
	wantErr(t, "Put of more in its place", f.tryPut(b, "b", buckets.Upload{Body: strings.NewReader("54321"), Expect: 5}), buckets.ErrQuota)
	o, err := f.Head(t.Context(), b, "a", "")
	wantErr(t, "Head", err, nil)
	_, err = f.Copy(t.Context(), o, b, "c", 7, buckets.Attributes{}, buckets.Conditions{})
	wantErr(t, "Copy", err, buckets.ErrQuota)
	f.wantUsage("full", 10, 3)

	// Who has more than he may can make it less, and nothing else.
	q.bytes.Store(5)
	wantErr(t, "Put of less", f.tryPut(b, "a", upload("12345")), nil)
	wantErr(t, "Put of more", f.tryPut(b, "a", upload("1234567")), buckets.ErrQuota)
	f.delete(b, "a")
	wantErr(t, "Put after a delete", f.tryPut(b, "a", upload("1")), nil)

	// Others have theirs.
	other, err := f.CreateBucket(t.Context(), 8, "other", buckets.BucketOptions{})
	wantErr(t, "CreateBucket", err, nil)
	wantErr(t, "Put of another", f.tryPut(other, "a", upload(fresh(mib))), nil)
	// In a bucket with versions nothing is replaced.
	q.bytes.Store(9)
	if err := f.SetVersioning(t.Context(), b, buckets.Enabled); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Put of a version", f.tryPut(b, "b", buckets.Upload{Body: strings.NewReader("54321"), Expect: 5}), buckets.ErrQuota)
}

func TestQuotaObjects(t *testing.T) {
	f, _ := newQuotaTest(t, 0, 2)
	b := f.bucket("one")
	f.put(b, "a", "1")
	f.put(b, "b", "2")
	err := f.tryPut(b, "c", buckets.Upload{Body: failing{t}})
	if want := "quota exceeded: 2 of 2 contents are there, and this needs 1 more"; !errors.Is(err, buckets.ErrQuota) || buckets.QuotaReason(err) != want {
		t.Errorf("Put = %v", err)
	}
	wantErr(t, "Put in place of another", f.tryPut(b, "b", upload("3")), nil)
	if _, err := f.Add(t.Context(), b, "d", 7, upload("4"), buckets.Attributes{}); !errors.Is(err, buckets.ErrQuota) {
		t.Errorf("Add = %v", err)
	}
	f.wantUsage("full", 2, 2)
}

func TestQuotaOfParts(t *testing.T) {
	f, q := newQuotaTest(t, 5*mib+10, 0)
	b := f.bucket("one")
	id, list := f.begin(b, "key", fresh(5*mib), "123456789")
	_, err := f.PutPart(t.Context(), b, "key", id, 3, buckets.Upload{Body: failing{t}, Expect: 2})
	wantErr(t, "PutPart", err, buckets.ErrQuota)
	_, err = f.PutPart(t.Context(), b, "key", id, 3, upload("12"))
	wantErr(t, "PutPart of unknown length", err, buckets.ErrQuota)
	list[1] = f.part(b, "key", id, 2, "1234567890") // one byte more
	if _, err := f.complete(b, "key", id, list); err != nil {
		t.Errorf("Complete = %v", err)
	}
	f.wantUsage("full", 5*mib+10, 1)
	// What was let in before the limit sank can still be completed: it makes nothing more.
	q.bytes.Store(0)
	id, list = f.begin(b, "other", "12345")
	q.bytes.Store(1)
	if _, err := f.complete(b, "other", id, list); err != nil {
		t.Errorf("Complete over the limit = %v", err)
	}
}

// Writers at once never keep more than they may, and as much as fits.
func TestQuotaIsExact(t *testing.T) {
	f, _ := newQuotaTest(t, 100, 0)
	b := f.bucket("one")
	var stored atomic.Int32
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			switch err := f.tryPut(b, fmt.Sprint("key", i), upload(fmt.Sprintf("%010d", i))); {
			case err == nil:
				stored.Add(1)
			case !errors.Is(err, buckets.ErrQuota):
				t.Errorf("Put = %v", err)
			}
		})
	}
	wg.Wait()
	f.wantUsage("after 40 of 10 bytes", 100, 10)
	if stored.Load() != 10 {
		t.Errorf("%d were stored, want 10", stored.Load())
	}
}

func TestQuotaOfPins(t *testing.T) {
	q := &quotaOf{}
	q.bytes.Store(10_000)
	f := newPinTest(t, buckets.Options{Quota: q.get})
	o := newOrigin(t)
	defer f.start()()
	lease := o.Lease()
	defer lease.Release()
	pin := func(size int) (buckets.Pin, error) {
		t.Helper()
		file, err := o.Import(t.Context(), strings.NewReader(fresh(size)), node.ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return f.Pin(t.Context(), 7, buckets.PinRequest{CID: file.Root, Origins: []string{o.addr()}})
	}
	p, err := pin(6000)
	wantErr(t, "Pin", err, nil)
	f.awaitPin(p, buckets.PinPinned)
	for _, size := range []int{6000, 12 << 20} { // that is seen at its end, and on the way
		p, err = pin(size)
		wantErr(t, "Pin", err, nil)
		f.await("failure", func() bool { return f.pinNow(p).State == buckets.PinFailed })
		if p = f.pinNow(p); !strings.HasPrefix(p.Reason, "quota exceeded: ") || p.Bytes > 8<<20 {
			t.Errorf("pin of %d bytes failed: %+v", size, p)
		}
	}
	f.wantUsage("one pin", 6000, 1)
	q.bytes.Store(6000)
	_, err = pin(1)
	wantErr(t, "Pin by who is at his limit", err, buckets.ErrQuota)
}

// A quota that cannot be asked for delays a pin, however long it has waited, and
// its owner is not told how it is asked for.
func TestPinWithoutQuota(t *testing.T) {
	var away atomic.Bool
	f := newPinTest(t, buckets.Options{Pins: buckets.PinOptions{Timeout: time.Nanosecond}, Quota: func(context.Context, uint64) (int64, int64, error) {
		if away.Load() {
			return 0, 0, errors.New("dial tcp 10.1.2.3:3005: connection refused")
		}
		return 0, 0, nil
	}})
	o := newOrigin(t)
	lease := o.Lease()
	defer lease.Release()
	file, err := o.Import(t.Context(), strings.NewReader(fresh(6000)), node.ImportOptions{})
	wantErr(t, "Import", err, nil)
	p, err := f.Pin(t.Context(), 7, buckets.PinRequest{CID: file.Root, Origins: []string{o.addr()}})
	wantErr(t, "Pin", err, nil)
	away.Store(true)
	defer f.start()()
	f.await("a try", func() bool { return strings.Contains(f.pinNow(p).Reason, "quota") })
	if got := f.pinNow(p); got.State == buckets.PinFailed || strings.Contains(got.Reason, "10.1.2.3") {
		t.Errorf("without a quota the pin is %+v", got)
	}
	away.Store(false)
	f.awaitPin(p, buckets.PinPinned)
}

// A store from before usage was kept is counted once.
func TestCountUsage(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	f.put(b, "a", "12345")
	f.put(b, "b", "123")
	f.delete(b, "b")
	f.begin(b, "m", "1234567")
	err := f.store.Update(t.Context(), func(tx kv.Tx) error {
		var keys [][]byte
		for row, err := range tx.Scan(kv.Range("use")) {
			if err != nil {
				return err
			}
			keys = append(keys, append([]byte(nil), row.Key...))
		}
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	wantErr(t, "Update", err, nil)
	wantErr(t, "Check", f.Check(t.Context()), buckets.ErrInconsistent)
	for range 2 {
		wantErr(t, "CountUsage", f.CountUsage(t.Context()), nil)
		f.wantUsage("counted", 12, 1)
	}
	f.put(b, "c", "12")
	wantErr(t, "RecountUsage", f.RecountUsage(t.Context()), nil)
	f.wantUsage("counted again", 14, 2)
}

// failing is a body that must not be read.
type failing struct{ t *testing.T }

func (f failing) Read([]byte) (int, error) {
	f.t.Error("the body is read")
	return 0, io.EOF
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p[:min(len(p), 64<<10)])
	c.n += n
	return n, err
}
