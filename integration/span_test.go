//go:build integration

package integration

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/whypfs/whypfs/queue"
)

// TestObjectLargerThanPieces: an object that spans several pieces is safe when
// all of them are, gives its local copy up when the disk gets full, and comes
// back whole, and in part, from providers.
func TestObjectLargerThanPieces(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--sandbox", "--sandbox-providers", "3", "--sandbox-epoch", "100ms",
		"--offload-above", "30MiB", "--offload-to", "1MiB", "--sample-every", "1s")
	c := s.minio()
	if err := c.MakeBucket(testContext(t), "large", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	s.run("bucket", "policy", "large", "--max-piece", "8MiB", "--threshold", "40MiB", "--replication", "2")
	o := s.store(t, c, "large", "object", 1, 40<<20)
	x := s.says(t, "large/object", "It is safe on Filecoin: each of its ", " pieces has the 2 active deals that are wanted.")
	if n := len(x.Pieces); n < 5 {
		t.Errorf("an object of 40 MiB is in %d pieces of 8 MiB", n)
	}
	for _, p := range x.Pieces {
		if p.PaddedSize > 8<<20 || p.Active < 2 {
			t.Errorf("piece is %+v", p)
		}
	}
	// The disk is looked at once a minute; somebody does not want to wait. What
	// providers have not given a sample of yet stays.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		s.run("job", "run", "offload")
		said := strings.Join(s.explain(t, "large/object").Sentences, "\n")
		if strings.Contains(said, "Its blocks are not kept here") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not given up:\n%s\n%+v", said, list[queue.Job](s, "job", "ls"))
		}
	}
	for _, j := range list[queue.Job](s, "job", "ls") {
		if j.Kind == "offload" && !j.Running && !strings.Contains(j.Reason, "gave up 1 objects of 40 MiB") {
			t.Errorf("the job that gave it up says %q", j.Reason)
		}
	}
	s.loseBlocks(t) // and with them what the sweep has not come to
	c = s.minio()
	part := o.body[17<<20+1 : 29<<20+3]
	opt := minio.GetObjectOptions{}
	if err := opt.SetRange(17<<20+1, 29<<20+2); err != nil {
		t.Fatal(err)
	}
	r, err := c.GetObject(testContext(t), "large", "object", opt)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	r.Close()
	if err != nil || !bytes.Equal(got, part) {
		t.Errorf("a range of %d bytes has %d, or others (%v)", len(part), len(got), err)
	}
	s.check(t, c, o)
	if x := s.explain(t, "large/object"); x.Content.Offloaded {
		t.Error("it is read, and still said not to be here")
	}
}
