package piece_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"golang.org/x/sync/errgroup"
)

// filled is a node with n contents of size bytes, and a database as the product uses it.
func filled(b *testing.B, n, size int) (*world, []piece.Member) {
	b.Helper()
	w := newWorld(b, piece.Options{})
	members := make([]piece.Member, n)
	var g errgroup.Group
	g.SetLimit(16)
	var mu sync.Mutex
	lease := w.node.Lease()
	defer lease.Release()
	for i := range members {
		g.Go(func() error {
			data := random(size, uint64(i))
			f, err := w.node.Import(context.Background(), bytes.NewReader(data), node.ImportOptions{})
			mu.Lock()
			members[i] = piece.Member{Content: uint64(i + 1), Root: f.Root, Size: f.Size}
			mu.Unlock()
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	return w, members
}

// fresh gives the world an empty database.
func (w *world) fresh() {
	w.t.Helper()
	store, err := kv.OpenPebble(context.Background(), filepath.Join(w.t.TempDir(), "meta"), kv.PebbleOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { store.Close() })
	w.over(store)
}

var loads = []struct{ n, size int }{{16, 64 << 20}, {20_000, 4 << 10}}

func BenchmarkPack(b *testing.B) {
	for _, l := range loads {
		b.Run(fmt.Sprintf("%dx%d", l.n, l.size), func(b *testing.B) {
			w, members := filled(b, l.n, l.size)
			b.SetBytes(int64(l.n) * int64(l.size))
			used := time.Duration(0)
			b.ResetTimer()
			for i := range b.N {
				b.StopTimer()
				w.fresh()
				before := processorTime(b)
				b.StartTimer()
				w.pack(piece.PackRequest{Zone: uint64(i + 1), Members: members})
				used += processorTime(b) - before
			}
			b.ReportMetric(float64(b.N)*float64(l.n)*float64(l.size)/1e6/used.Seconds(), "MB/cpu-s")
		})
	}
}

// Six clients pull the same piece at once, each in ranges of 32 MiB.
func BenchmarkServe(b *testing.B) {
	for _, l := range loads {
		b.Run(fmt.Sprintf("%dx%d", l.n, l.size), func(b *testing.B) {
			w, members := filled(b, l.n, l.size)
			w.fresh()
			p := w.pack(piece.PackRequest{Zone: 1, Members: members})[0]
			srv := httptest.NewServer(w.pieces.Handler(only(p.CID)))
			defer srv.Close()
			const clients = 6
			total := min(p.Size, 1<<30)
			b.SetBytes(clients * total)
			before := processorTime(b)
			for b.Loop() {
				var g errgroup.Group
				for c := range int64(clients) {
					g.Go(func() error {
						return pull(srv.URL, p, c*total/clients, total)
					})
				}
				if err := g.Wait(); err != nil {
					b.Fatal(err)
				}
			}
			used := processorTime(b) - before
			b.ReportMetric(float64(b.N)*clients*float64(total)/1e6/used.Seconds(), "MB/cpu-s")
		})
	}
}

// pull reads total bytes of a piece, from start on and round its end.
func pull(url string, p piece.Piece, start, total int64) error {
	const step = 32 << 20
	buf := make([]byte, 256<<10)
	for done := int64(0); done < total; {
		off := (start + done) % total
		n := min(step, total-off, total-done)
		req, err := http.NewRequest("GET", url+"/piece/"+p.CID, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", token)
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		got, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, buf)
		resp.Body.Close()
		if err != nil || got != n {
			return fmt.Errorf("%d of %d bytes at %d: %w", got, n, off, err)
		}
		done += n
	}
	return nil
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
