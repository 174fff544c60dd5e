//go:build integration

package integration

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/buckets"
)

// removeBlocks deletes the segment files, as a lost disk would.
func removeBlocks(t *testing.T, data string) {
	t.Helper()
	dir := filepath.Join(data, "blocks")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("segments in %s: %d entries, %v", dir, len(entries), err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// acked is what the node has acknowledged: key -> MD5 of the last body it
// said yes to. A key whose last write was not answered may hold either body.
type acked struct {
	mu   sync.Mutex
	sum  map[string]string
	open map[string]string // written, not answered
}

func (a *acked) try(key, sum string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open[key] = sum
}

func (a *acked) yes(key, sum string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sum[key] = sum
	delete(a.open, key)
}

// TestKill kills the node 30 times during concurrent uploads. Afterwards every
// acknowledged object is there, whole, and nothing is listed that cannot be read.
func TestKill(t *testing.T) {
	s := start(t, t.TempDir(), "--sandbox", "--threshold", "8MiB", "--replication", "3", "--sandbox-providers", "4")
	killOften(t, s, 32)
	// The jobs go on: zones that the kills interrupted are dealt.
	await(t, 2*time.Minute, "a complete zone", func() bool {
		for _, z := range list[buckets.Zone](s, "zone", "ls") {
			if z.State == buckets.ZoneComplete {
				return true
			}
		}
		return false
	})
}

// TestKillDrivers does so, less often, with the drivers that are not the default.
func TestKillDrivers(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--blocks", "pebble"}, {"--meta", "bolt"}} {
		t.Run(args[1], func(t *testing.T) {
			t.Parallel()
			s := start(t, t.TempDir(), args...)
			killOften(t, s, 5)
			s.stop()
			s.run("fsck", "--hash")
		})
	}
}

// killOften kills a node again and again during uploads, and looks at what it has then.
func killOften(t *testing.T, s *server, kills int) {
	t.Helper()
	if err := s.minio().MakeBucket(testContext(t), "kill", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	book := &acked{sum: map[string]string{}, open: map[string]string{}}
	for round := range kills {
		ctx, cancel := context.WithCancel(context.Background())
		var writers sync.WaitGroup
		c := s.minioTrying(1) // what is not answered is not sent again
		for w := range 4 {
			writers.Go(func() { upload(ctx, c, book, fmt.Sprintf("%d/%d", round, w), uint64(round*4+w)) })
		}
		time.Sleep(time.Duration(150+rand.IntN(600)) * time.Millisecond) // the moment of the kill is the randomness under test
		s.kill()
		cancel()
		writers.Wait()
		s.up()
		verify(t, s, book, round == kills-1)
	}
	t.Logf("%d objects acknowledged over %d kills", len(book.sum), kills)
	if len(book.sum) < kills {
		t.Errorf("only %d objects were acknowledged: the test did not load the node", len(book.sum))
	}
}

// upload stores objects of many sizes, one after the other, until ctx ends.
// Every fifth goes over an earlier key.
func upload(ctx context.Context, c *minio.Client, book *acked, prefix string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := 0; ctx.Err() == nil; i++ {
		key := fmt.Sprintf("%s/%d", prefix, i)
		if i%5 == 4 {
			key = fmt.Sprintf("%s/%d", prefix, i-1)
		}
		size := []int{0, 1, 1000, 70_000, 1 << 20, 3<<20 + 17, 6<<20 + 1}[r.IntN(7)]
		body := make([]byte, size)
		io.ReadFull(random(seed<<16+uint64(i)), body)
		sum := md5.Sum(body)
		book.try(key, hex.EncodeToString(sum[:]))
		opt := minio.PutObjectOptions{PartSize: 5 << 20}
		if _, err := c.PutObject(ctx, "kill", key, bytes.NewReader(body), int64(size), opt); err != nil {
			return
		}
		book.yes(key, hex.EncodeToString(sum[:]))
	}
}

// verify reads what is listed. With all set it reads everything, otherwise the
// newest round's objects and a sample.
func verify(t *testing.T, s *server, book *acked, all bool) {
	t.Helper()
	c := s.minio()
	listed := map[string]bool{}
	for o := range c.ListObjects(testContext(t), "kill", minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		listed[o.Key] = true
	}
	for key := range book.sum {
		if !listed[key] {
			t.Errorf("acknowledged object %s is not listed", key)
		}
	}
	for key := range listed {
		if !all && rand.IntN(10) != 0 {
			continue
		}
		r, err := c.GetObject(testContext(t), "kill", key, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		h := md5.New()
		_, err = io.Copy(h, r)
		r.Close()
		sum := hex.EncodeToString(h.Sum(nil))
		if err != nil || sum != book.sum[key] && sum != book.open[key] {
			t.Errorf("object %s: md5 %s (%v), acknowledged was %q, unanswered %q", key, sum, err, book.sum[key], book.open[key])
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// TestMemory uploads 5 GiB by multipart and watches the process's memory.
func TestMemory(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--block-cache", "64MiB")
	c := s.minio()
	if err := c.MakeBucket(testContext(t), "huge", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	const size = 5 << 30
	opt := minio.PutObjectOptions{PartSize: 64 << 20, NumThreads: 4}
	if _, err := c.PutObject(testContext(t), "huge", "5g", io.LimitReader(random(5), size), size, opt); err != nil {
		t.Fatal(err)
	}
	peak := peakRSS(t, s.cmd.Process.Pid)
	t.Logf("peak resident memory: %d MiB", peak>>20)
	if peak >= 512<<20 {
		t.Errorf("peak resident memory = %d MiB, want under 512", peak>>20)
	}
	info, err := c.StatObject(testContext(t), "huge", "5g", minio.StatObjectOptions{})
	if err != nil || info.Size != size {
		t.Fatalf("HEAD = %d bytes, %v, want %d", info.Size, err, int64(size))
	}
	res, err := http.Get(s.addr["gateway"] + "/ipfs/" + cidOf(info))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	sameStream(t, io.LimitReader(random(5), size), res.Body)
	if peak := peakRSS(t, s.cmd.Process.Pid); peak >= 512<<20 {
		t.Errorf("peak resident memory after reading = %d MiB, want under 512", peak>>20)
	}
}

// peakRSS is the most memory, in bytes, that a process has had resident.
func peakRSS(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib int64
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	if _, err := fmt.Sscan(string(after), &kib); err != nil {
		t.Fatalf("VmHWM: %v", err)
	}
	return kib << 10
}
