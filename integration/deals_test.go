//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// object is what a test stored and expects to read.
type object struct {
	bucket, key string
	body        []byte
	cid         string
}

func (s *server) store(t *testing.T, c *minio.Client, bucket, key string, seed uint64, size int) object {
	t.Helper()
	body := make([]byte, size)
	io.ReadFull(random(seed), body)
	_, err := c.PutObject(testContext(t), bucket, key, bytes.NewReader(body), int64(size), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.StatObject(testContext(t), bucket, key, minio.StatObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object{bucket, key, body, cidOf(info)}
}

func (s *server) check(t *testing.T, c *minio.Client, o object) {
	t.Helper()
	r, err := c.GetObject(testContext(t), o.bucket, o.key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, o.body) {
		t.Errorf("%s/%s: read %d bytes (%v) that differ from the %d stored", o.bucket, o.key, len(got), err, len(o.body))
	}
}

// zoneOf returns the newest zone of a bucket, as `whypfs zone ls` shows it.
func (s *server) zoneOf(t *testing.T, bucket string) (buckets.Zone, bool) {
	t.Helper()
	var uuid string
	for _, b := range list[buckets.Bucket](s, "bucket", "ls") {
		if b.Name == bucket {
			uuid = b.UUID
		}
	}
	for _, z := range list[buckets.Zone](s, "zone", "ls") {
		if z.Bucket == uuid {
			return z, true
		}
	}
	return buckets.Zone{}, false
}

// active returns the providers of a zone's active deals, and fails the test
// if one piece has two with the same provider.
func (s *server) active(t *testing.T, zone uint64) map[string]deals.Deal {
	t.Helper()
	at := map[string]deals.Deal{}
	for _, d := range list[deals.Deal](s, "deal", "ls") {
		if d.Zone != zone || d.State != deals.DealActive {
			continue
		}
		if _, twice := at[d.Piece+d.Provider]; twice {
			t.Errorf("piece %s has two active deals with %s", d.Piece, d.Provider)
		}
		at[d.Piece+d.Provider] = d
	}
	return at
}

// TestMainJob is the whole job: put objects, see one zone sealed by size and
// one by age, six active deals with six providers for each, a provider that
// vanishes replaced, the local blocks gone and everything read back.
func TestMainJob(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--sandbox")
	c := s.minio()
	for _, b := range []string{"by-size", "by-age"} {
		if err := c.MakeBucket(testContext(t), b, minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s.run("bucket", "policy", "by-size", "--threshold", "16MiB", "--max-age", "1h")
	s.run("bucket", "policy", "by-age", "--threshold", "1GiB", "--max-age", "5s")
	var objects []object
	for i := range 6 {
		objects = append(objects, s.store(t, c, "by-size", fmt.Sprintf("dir/%d", i), uint64(i), 3<<20))
	}
	full := time.Now()
	objects = append(objects, s.store(t, c, "by-age", "small", 100, 12345), s.store(t, c, "by-age", "medium", 101, 2<<20+1))

	zones := map[string]buckets.Zone{}
	for bucket, by := range map[string]string{"by-size": "size", "by-age": "age"} {
		await(t, 60*time.Second, "zone of "+bucket+" complete", func() bool {
			z, ok := s.zoneOf(t, bucket)
			zones[bucket] = z
			return ok && z.State == buckets.ZoneComplete
		})
		if bucket == "by-size" {
			t.Logf("full zone to complete: %v", time.Since(full).Round(100*time.Millisecond))
		}
		z := zones[bucket]
		if z.SealedBy != by {
			t.Errorf("zone of %s was sealed by %q, want %q", bucket, z.SealedBy, by)
		}
		if got, want := len(s.active(t, z.ID)), 6*len(z.Pieces); got != want || want == 0 {
			t.Errorf("zone of %s has %d active deals, want %d", bucket, got, want)
		}
	}
	s.vanish(t, zones["by-size"].ID)
	s.loseBlocks(t)
	c = s.minio()
	for i, o := range objects {
		// Whichever asks first brings the object back from a provider.
		if i%2 == 0 {
			s.check(t, c, o)
		}
		got, err := s.gateway(http.DefaultClient, "/ipfs/"+o.cid)
		if err != nil || !bytes.Equal(got, o.body) {
			t.Errorf("gateway: %s: %d bytes, %v", o.cid, len(got), err)
		}
		s.check(t, c, o)
	}
}

// vanish makes a provider with an active deal go away and waits for a replacement.
func (s *server) vanish(t *testing.T, zone uint64) {
	t.Helper()
	before := s.active(t, zone)
	var gone deals.Deal
	for _, gone = range before {
		break
	}
	s.run("sandbox", "provider", "fail", gone.Provider, "vanish")
	await(t, 60*time.Second, "deal with "+gone.Provider+" replaced", func() bool {
		now := s.active(t, zone)
		_, still := now[gone.Piece+gone.Provider]
		return !still && len(now) == len(before)
	})
	failed := false
	for _, d := range list[deals.Deal](s, "deal", "ls") {
		failed = failed || d.UUID == gone.UUID && d.State == deals.DealFailed && d.Reason != ""
	}
	if !failed {
		t.Errorf("deal %s with the vanished %s is not shown as failed with a reason", gone.UUID, gone.Provider)
	}
}

// loseBlocks stops the node, deletes every segment of the block store, and starts it again.
func (s *server) loseBlocks(t *testing.T) {
	t.Helper()
	s.stop()
	removeBlocks(t, s.data)
	s.up()
}
