//go:build integration

package crash

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/internal/crashsim"
)

// TestFaultsAnswered makes calls of the real binary fail under uploads. A full
// disk is 507, anything else 500 and no success; reads go on; and all that was
// answered with success is certain to be on the disk.
func TestFaultsAnswered(t *testing.T) {
	for _, tt := range []struct {
		meta, inject string
		codes        []int // of failures; the first of them comes up
	}{
		// The start of a node makes a part of these calls, which a thread counts for
		// itself; uploads go on until faults have come up.
		{bolt, "pwrite64:error=ENOSPC:when=60+4", []int{http.StatusInsufficientStorage}},
		{bolt, "fdatasync:error=EIO:when=40+3", []int{http.StatusInternalServerError}},
		{pebble, "pwrite64:error=EIO:when=4+4", []int{http.StatusInternalServerError}},
	} {
		t.Run(tt.meta+" "+tt.inject, func(t *testing.T) {
			t.Parallel()
			s, err := tryTraced(t, tt.meta, "-e", "inject="+tt.inject)
			for tries := 0; err != nil && tries < 20; tries++ {
				s, err = tryTraced(t, tt.meta, "-e", "inject="+tt.inject) // the fault came too soon
			}
			must(t, err)
			c := remote{s.client(t)}
			out := &book{}
			codes := putMany(t, c, out, tt.codes[0])
			for code, n := range codes {
				if code != http.StatusOK && !slices.Contains(tt.codes, code) {
					t.Errorf("%d answers were %d, want 200 or %v", n, code, tt.codes)
				}
			}
			if codes[tt.codes[0]] == 0 || codes[http.StatusOK] == 0 {
				t.Errorf("answers %v, want some of %d and of 200", codes, tt.codes[0])
			}
			log := s.end(t, syscall.SIGKILL)
			certain(t, log, out, tt.meta)
		})
	}
}

// maxPuts is how many objects a client puts at the most.
const maxPuts = 400

// putMany puts objects by several clients until some have been stored and some
// answered with a fault's status, and says how often each status came.
func putMany(t *testing.T, c remote, out *book, fault int) map[int]int {
	t.Helper()
	ctx := t.Context()
	// A fault may hit this too.
	for range 5 {
		if c.MakeBucket(ctx, private, minio.MakeBucketOptions{}) == nil {
			break
		}
	}
	var mu sync.Mutex
	codes := map[int]int{}
	var clients sync.WaitGroup
	for w := range 3 {
		clients.Go(func() {
			for i := range maxPuts {
				mu.Lock()
				enough := i >= 12 && codes[http.StatusOK] > 0 && codes[fault] > 0
				mu.Unlock()
				if enough {
					return
				}
				body := newBody(uint64(maxPuts*w+i), 3000)
				key := fmt.Sprintf("w%d/%d", w, i)
				_, err := c.put(ctx, private, key, body)
				mu.Lock()
				if err == nil {
					codes[http.StatusOK]++
					out.add(event{Path: key, Body: body})
				} else {
					codes[minio.ToErrorResponse(err).StatusCode]++
				}
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	for _, e := range out.all {
		if o, err := c.head(ctx, private, e.Path); err != nil || o.body != e.Body {
			t.Errorf("object %s is %q after the faults, %v", e.Path, o.body, err)
		}
	}
	return codes
}

// certain wants what was acknowledged in the least that a power cut leaves.
func certain(t *testing.T, log *crashsim.Log, out *book, driver string) {
	t.Helper()
	dir := filepath.Join(scratchDir(t), "state")
	must(t, writeImage(log.Certain(log.End()), dir))
	s, err := openStores(t.Context(), dir, driver)
	must(t, err)
	defer s.close()
	b, err := s.buckets.Bucket(t.Context(), private)
	must(t, err)
	for _, e := range out.all {
		o, err := s.buckets.Head(t.Context(), b, e.Path, "")
		if err == nil {
			err = s.same(t.Context(), o.CID, o.Size, e.Body)
		}
		if err != nil {
			t.Errorf("after a power cut: %v", err)
		}
	}
}
