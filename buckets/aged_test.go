package buckets_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// market is providers by the smallest piece that they take, smallest first.
type market struct {
	mu    sync.Mutex
	sizes []int64 // guarded by mu
	err   error   // guarded by mu; they cannot be asked
}

func (m *market) set(sizes []int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sizes, m.err = sizes, err
}

func (m *market) smallest(n int) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return 0, m.err
	}
	if len(m.sizes) == 0 {
		return 0, nil
	}
	return m.sizes[min(n, len(m.sizes))-1], nil
}

// TestAged: a zone that is old enough while its piece is too small for
// providers stays open, takes contents and says what it waits for, or is
// sealed, as its policy says.
func TestAged(t *testing.T) {
	const kib = 1 << 10
	errAsk := errors.New("f01000: cannot be reached")
	for _, tt := range []struct {
		name     string
		aged     buckets.Aged
		maxPiece int64
		sizes    []int64
		ask      error
		reason   string // "": it is sealed
		minPiece int64  // of the zone that is sealed
	}{
		{name: "pad", aged: buckets.AgedPad, sizes: []int64{128 * kib, 2048 * kib}, minPiece: 2048 * kib},
		{name: "pad without providers", aged: buckets.AgedPad},
		{name: "wait, and it fits", aged: buckets.AgedWait, sizes: []int64{64 * kib, 128 * kib}, minPiece: 128 * kib},
		{name: "wait without providers", aged: buckets.AgedWait},
		{name: "wait", aged: buckets.AgedWait, sizes: []int64{2048 * kib, 2048 * kib},
			reason: "older than 10 h, but no provider takes pieces below 2.0 MiB: waiting for 924 KiB more (policy aged=wait)"},
		{name: "wait for the second", aged: buckets.AgedWait, sizes: []int64{64 * kib, 2048 * kib},
			reason: "older than 10 h, but fewer than 2 providers take pieces below 2.0 MiB: waiting for 924 KiB more (policy aged=wait)"},
		{name: "wait for what the policy forbids", aged: buckets.AgedWait, maxPiece: 1024 * kib, sizes: []int64{2048 * kib},
			reason: "older than 10 h, but no provider takes pieces below 2.0 MiB, and the largest piece of the policy is 1.0 MiB (policy aged=wait)"},
		{name: "wait for an answer", aged: buckets.AgedWait, ask: errAsk,
			reason: "older than 10 h, but it cannot be told which pieces providers take: f01000: cannot be reached (policy aged=wait)"},
		{name: "choose", aged: buckets.AgedChoose, sizes: []int64{128 * kib, 2048 * kib}, minPiece: 128 * kib},
		{name: "choose among none", aged: buckets.AgedChoose, sizes: []int64{2048 * kib, 4096 * kib},
			reason: "older than 10 h, but no provider takes pieces below 2.0 MiB: waiting for 924 KiB more (policy aged=choose)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(30 * 365 * 24 * time.Hour)
				m := &market{sizes: tt.sizes, err: tt.ask}
				f := newTest(t, buckets.Options{Dealer: &dealer{smallest: m.smallest}})
				f.run()
				b := f.policied("one", func(p *buckets.Policy) {
					p.MaxAge, p.Replication, p.Aged = 10*time.Hour, 2, tt.aged
					if tt.maxPiece > 0 {
						p.MaxPiece = tt.maxPiece
					}
				})
				f.put(b, "key", fresh(100*kib))
				time.Sleep(10 * time.Hour)
				synctest.Wait()
				z := f.zones()[0]
				if tt.reason == "" {
					if z.State != buckets.ZoneComplete || z.SealedBy != "age" || z.MinPiece != tt.minPiece {
						t.Errorf("zone is %+v, want it sealed by age for pieces of %d", z, tt.minPiece)
					}
					return
				}
				if z.State != buckets.ZoneOpen || z.Reason != tt.reason {
					t.Fatalf("zone is %s: %q, want it open: %q", z.State, z.Reason, tt.reason)
				}
				jobs, err := f.queue.List(t.Context(), "seal")
				if err != nil || len(jobs) != 1 || jobs[0].Reason != z.Reason || jobs[0].Due.Sub(time.Now()) > time.Hour {
					t.Errorf("jobs are %+v, %v", jobs, err)
				}
			})
		})
	}
}

// TestAgedGoesOn: a zone that waits goes on when it has enough, when providers
// take less, and when they can be asked again.
func TestAgedGoesOn(t *testing.T) {
	for name, change := range map[string]func(f *fixture, b buckets.Bucket, m *market){
		"more":     func(f *fixture, b buckets.Bucket, _ *market) { f.put(b, "more", fresh(925<<10)) },
		"smaller":  func(_ *fixture, _ buckets.Bucket, m *market) { m.set([]int64{1 << 16}, nil) },
		"no limit": func(_ *fixture, _ buckets.Bucket, m *market) { m.set(nil, nil) },
		"policy": func(f *fixture, b buckets.Bucket, _ *market) {
			f.policy(b, func(p *buckets.Policy) { p.Aged = buckets.AgedPad })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(30 * 365 * 24 * time.Hour)
				m := &market{sizes: []int64{2 << 20}}
				f := newTest(t, buckets.Options{Dealer: &dealer{smallest: m.smallest}})
				f.run()
				b := f.policied("one", func(p *buckets.Policy) { p.MaxAge, p.Aged = time.Hour, buckets.AgedWait })
				f.put(b, "key", fresh(100<<10))
				f.put(b, "copy", string(noise(1, 1<<20))) // copies make no piece larger
				f.delete(b, "copy")
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if z := f.zones()[0]; z.State != buckets.ZoneOpen {
					t.Fatalf("zone is %+v, want it open", z)
				}
				change(f, b, m)
				time.Sleep(time.Hour)
				synctest.Wait()
				zones := f.zones()
				if len(zones) != 1 || zones[0].State != buckets.ZoneComplete || zones[0].SealedBy != "age" {
					t.Errorf("zones are %+v, want one that is complete", zones)
				}
			})
		})
	}
}

// TestPackAsks: a zone is not packed, and its members may still leave it, while
// nobody knows which pieces are taken.
func TestPackAsks(t *testing.T) {
	ask := errors.New("no provider answers")
	m := &market{sizes: []int64{1 << 20, 4 << 20}, err: ask}
	f := newTest(t, buckets.Options{Dealer: &dealer{smallest: m.smallest}})
	b := f.policied("one", func(p *buckets.Policy) { p.Replication = 2 })
	f.put(b, "key", "body")
	f.put(b, "gone", "other")
	id := f.sealed(b).ID
	if err := f.Advance(t.Context(), id); !errors.Is(err, ask) {
		t.Errorf("Advance = %v, want %v", err, ask)
	}
	want := "pack: it cannot be told which pieces providers take: no provider answers"
	if z := f.zone(id); z.State != buckets.ZoneSealed || z.Reason != want {
		t.Errorf("zone is %+v, want reason %q", z, want)
	}
	f.delete(b, "gone")
	m.set(m.sizes, nil)
	wantErr(t, "Advance", f.Advance(t.Context(), id), nil)
	if z := f.zone(id); z.State != buckets.ZoneComplete || z.MinPiece != 4<<20 || z.Count != 1 {
		t.Errorf("zone is %+v", z)
	}
}

func TestAgedPolicy(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.bucket("one")
	if b.Policy.Aged != buckets.AgedPad {
		t.Errorf("aged of a new bucket is %q", b.Policy.Aged)
	}
	_, err := f.SetPolicy(t.Context(), "one", func(p *buckets.Policy) { p.Aged = "melt" })
	wantErr(t, "SetPolicy", err, buckets.ErrPolicy)
	for _, a := range []buckets.Aged{buckets.AgedChoose, buckets.AgedWait, buckets.AgedPad} {
		f.policy(b, func(p *buckets.Policy) { p.Aged = a })
		if got := f.named("one").Policy.Aged; got != a {
			t.Errorf("aged is %q, want %q", got, a)
		}
	}
}
