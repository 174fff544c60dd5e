package md5lane_test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/internal/md5lane"
)

// Many bodies at once, of sizes around those of pieces and blocks, each have
// the MD5 that they have alone; some are given up midway.
func TestHash(t *testing.T) {
	for round := range 3 {
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				rng := rand.NewChaCha8([32]byte{byte(i), byte(round)})
				data := make([]byte, []int{0, 1, 63, 64, 100 << 10, 256 << 10, 256<<10 + 1, 1 << 20, 3<<20 + 17}[i%9])
				rng.Read(data)
				want := md5.Sum(data)
				h := md5lane.New()
				defer h.Close()
				for rest := data; len(rest) > 0; {
					k := min(len(rest), []int{1 << 20, 300 << 10, 64 << 10}[i%3])
					h.Write(rest[:k])
					if rest = rest[k:]; i == 17 && len(rest) > 0 {
						return // the upload broke off
					}
				}
				for range 2 {
					if got := h.Sum(nil); !bytes.Equal(got, want[:]) {
						t.Errorf("body %d of %d bytes: MD5 %x, want %x", i, len(data), got, want)
					}
				}
			})
		}
		wg.Wait()
	}
}

func BenchmarkHash(b *testing.B) {
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data := make([]byte, 1<<20)
			b.SetBytes(int64(n * len(data)))
			for b.Loop() {
				var wg sync.WaitGroup
				for range n {
					wg.Go(func() {
						h := md5lane.New()
						defer h.Close()
						h.Write(data)
						h.Sum(nil)
					})
				}
				wg.Wait()
			}
		})
	}
}
