package md5lane_test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/internal/md5lane"
)

// Many bodies at once, of sizes around those of pieces and blocks, each have
// the MD5 that they have alone, in pieces of any size.
func TestHash(t *testing.T) {
	for round := range 4 {
		var wg sync.WaitGroup
		for i := range 27 {
			wg.Go(func() {
				rng := rand.NewChaCha8([32]byte{byte(i), byte(round)})
				data := make([]byte, []int{0, 1, 63, 64, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 20, 3<<20 + 17}[i%9])
				rng.Read(data)
				want := md5.Sum(data)
				h := md5lane.New()
				for range 2 {
					for rest := data; len(rest) > 0; {
						k := min(len(rest), []int{1 << 20, 300<<10 + 64*i, 100_000}[i/9])
						h.Write(rest[:k])
						rest = rest[k:]
					}
					for range 2 {
						if got := h.Sum([]byte("x")); got[0] != 'x' || !bytes.Equal(got[1:], want[:]) {
							t.Errorf("body %d of %d bytes: MD5 %x, want %x", i, len(data), got[1:], want)
						}
					}
					h.Reset()
				}
			})
		}
		wg.Wait()
	}
}

// A patient body waits for another that was there lately, until that has a piece
// or it is hurried; an impatient one, or one alone, does not.
func TestWait(t *testing.T) {
	if !md5lane.Paired {
		t.Skip("one body at once")
	}
	data := make([]byte, 2<<20)
	rand.NewChaCha8([32]byte{2}).Read(data)
	a, b := md5lane.New(), md5lane.New()
	write := func(h *md5lane.Hash) <-chan bool {
		done := make(chan bool)
		go func() {
			h.Write(data)
			close(done)
		}()
		return done
	}
	pieces := map[*md5lane.Hash]int{}
	// waiting has b wait for a. On a slow machine a may have been there too long ago.
	waiting := func() <-chan bool {
		for {
			<-write(a)
			pieces[a]++
			done := write(b)
			pieces[b]++
			for over := false; !over; runtime.Gosched() {
				if md5lane.Waits(b) {
					return done
				}
				select {
				case <-done:
					over = true
				default:
				}
			}
		}
	}
	b.Wait(true)
	done := waiting()
	<-write(a) // takes b along
	pieces[a]++
	<-done
	done = waiting()
	b.Hurry()
	<-done
	b.Hurry() // before the piece that is not to wait
	<-write(b)
	b.Wait(false)
	<-write(b)
	pieces[b] += 2
	for h, n := range pieces {
		if want := md5.Sum(bytes.Repeat(data, n)); !bytes.Equal(h.Sum(nil), want[:]) {
			t.Errorf("MD5 of %d pieces is %x, want %x", n, h.Sum(nil), want)
		}
	}
}

func FuzzHash(f *testing.F) {
	f.Add([]byte("abc"), uint16(1), uint8(3))
	f.Fuzz(func(t *testing.T, seed []byte, cut uint16, n uint8) {
		data := bytes.Repeat(append(seed, 1), (70<<10+int(n)*64)/(len(seed)+1)+1)
		want := md5.Sum(data)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				h := md5lane.New()
				k := min(len(data), 64<<10+int(cut)*i)
				h.Write(data[:k])
				h.Write(data[k:])
				if got := h.Sum(nil); !bytes.Equal(got, want[:]) {
					t.Errorf("MD5 %x, want %x", got, want)
				}
			})
		}
		wg.Wait()
	})
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
						h.Write(data)
						h.Sum(nil)
					})
				}
				wg.Wait()
			}
		})
	}
}
