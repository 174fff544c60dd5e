package kv_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/kv"
)

// faultyLog is a file system whose log files fail at one kind of call once it is told to.
type faultyLog struct {
	kind errorfs.OpKind
	on   atomic.Bool
}

func (f *faultyLog) MaybeError(op errorfs.Op) error {
	if f.on.Load() && op.Kind == f.kind && strings.HasSuffix(op.Path, ".log") {
		return syscall.EIO
	}
	return nil
}

func (f *faultyLog) String() string { return "faulty log" }

// TestPebbleSyncFails fails a write or the sync of the log. What was in it is an
// error, is seen by nobody, and nothing is written after it.
func TestPebbleSyncFails(t *testing.T) {
	for name, kind := range map[string]errorfs.OpKind{
		"write": errorfs.OpFileWrite, "sync": errorfs.OpFileSyncData,
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			fault := &faultyLog{kind: kind}
			s := openPebble(t, "meta", kv.PebbleOptions{}.On(errorfs.Wrap(disk, fault)))
			put := func(s kv.Store, key string) error {
				return s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(kv.Key(key), []byte("v")) })
			}
			if err := put(s, "before"); err != nil {
				t.Fatal(err)
			}
			fault.on.Store(true)
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					err := s.Update(t.Context(), func(tx kv.Tx) error {
						tx.OnCommit(func() { t.Error("hook of a failed update ran") })
						if i%3 == 0 {
							return errNo
						}
						return tx.Put(kv.Key("lost", uint64(i)), nil)
					})
					// Whether errNo was founded is known only to who was first.
					if !errors.Is(err, syscall.EIO) && !errors.Is(err, kv.ErrBroken) && !errors.Is(err, errNo) {
						t.Errorf("Update = %v", err)
					}
				})
			}
			wg.Wait()
			if n := count(t, s, "lost"); n != 0 {
				t.Errorf("%d rows are seen that are not durable", n)
			}
			fault.on.Store(false)
			if err := put(s, "after"); !errors.Is(err, kv.ErrBroken) || !errors.Is(err, syscall.EIO) {
				t.Errorf("Update of a broken store = %v", err)
			}
			if count(t, s, "before") != 1 || count(t, s, "after") != 0 {
				t.Error("a broken store shows other rows than those that are durable")
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close of a broken store = %v", err)
			}
			again := openPebble(t, "meta", kv.PebbleOptions{}.On(disk.CrashClone(vfs.CrashCloneCfg{})))
			if count(t, again, "before") != 1 || count(t, again, "lost") != 0 {
				t.Error("after a power cut other rows are there than those acknowledged")
			}
			if err := put(again, "after"); err != nil {
				t.Errorf("Update after opening again = %v", err)
			}
		})
	}
}

// TestPebblePowerCuts cuts the power in the middle of updates by many writers:
// what was acknowledged is there, whole, and so is what a reader has seen.
func TestPebblePowerCuts(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	disk := vfs.NewCrashableMem()
	done := map[uint64]bool{} // acknowledged, or seen
	for round := range uint64(12) {
		s := openPebble(t, "meta", kv.PebbleOptions{}.On(disk))
		checkDone(t, s, done, seed)
		cut := disk.CrashClone(vfs.CrashCloneCfg{}) // replaced below
		var mu sync.Mutex
		var wg sync.WaitGroup
		stop := make(chan struct{})
		at := rng.IntN(300)
		clone := vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}
		n := 0
		for w := range uint64(4) {
			wg.Go(func() {
				for i := uint64(0); ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					id := round<<32 | w<<24 | i
					err := s.Update(t.Context(), func(tx kv.Tx) error {
						return errors.Join(tx.Put(kv.Key("a", id), make([]byte, i%700)), tx.Put(kv.Key("b", id), nil))
					})
					if err != nil {
						t.Errorf("Update = %v", err)
						return
					}
					mu.Lock()
					if n++; n <= at {
						done[id] = true
					}
					if n == at+1 { // between two acknowledgements
						cut = disk.CrashClone(clone)
						close(stop)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		disk = cut
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// checkDone expects all transactions in done, and none in half.
func checkDone(t *testing.T, s *kv.Pebble, done map[uint64]bool, seed uint64) {
	t.Helper()
	err := s.View(t.Context(), func(tx kv.Tx) error {
		for id := range done {
			if _, err := tx.Get(kv.Key("a", id)); err != nil {
				return fmt.Errorf("acknowledged row %x: %w", id, err)
			}
		}
		return nil
	})
	if a, b := count(t, s, "a"), count(t, s, "b"); err != nil || a != b {
		t.Fatalf("%d and %d rows, %v; seed %d", a, b, err, seed)
	}
	if err := s.Check(context.Background()); err != nil {
		t.Fatalf("Check = %v; seed %d", err, seed)
	}
}

// TestPebbleFull refuses what would fill the disk, and lets room be made.
func TestPebbleFull(t *testing.T) {
	s := openPebble(t, t.TempDir(), kv.PebbleOptions{Reserve: 1 << 60})
	err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(kv.Key("a"), nil) })
	if !errors.Is(err, kv.ErrFull) || errors.Is(err, kv.ErrBroken) {
		t.Errorf("Update of a full store = %v", err)
	}
	free := int64(100 << 20)
	s = openPebble(t, "meta", kv.PebbleOptions{Reserve: 80 << 20}.On(sizedFS{vfs.NewMem(), &free}))
	big := func(tx kv.Tx) error { return tx.Put(kv.Key("a"), make([]byte, 30<<20)) }
	if err := s.Update(t.Context(), big); !errors.Is(err, kv.ErrFull) {
		t.Errorf("Update over the reserve = %v", err)
	}
	small := func(tx kv.Tx) error { return tx.Put(kv.Key("a"), nil) }
	if err := s.Update(t.Context(), small); err != nil {
		t.Errorf("Update with room = %v", err)
	}
	kv.Full(s, 70<<20)
	if err := s.Update(t.Context(), small); !errors.Is(err, kv.ErrFull) {
		t.Errorf("Update of a full store = %v", err)
	}
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return tx.Delete(kv.Key("a")) }); err != nil {
		t.Errorf("Delete in a full store = %v", err)
	}
	if n := count(t, s, "a"); n != 0 {
		t.Errorf("%d rows after the delete", n)
	}
}

// sizedFS is a file system with so much room.
type sizedFS struct {
	vfs.FS
	free *int64
}

func (s sizedFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: uint64(*s.free)}, nil
}

func TestPebbleInUse(t *testing.T) {
	dir := t.TempDir()
	reg := prometheus.NewRegistry()
	s := openPebble(t, dir, kv.PebbleOptions{Metrics: reg})
	if _, err := kv.OpenPebble(t.Context(), dir, kv.PebbleOptions{}); !errors.Is(err, kv.ErrInUse) {
		t.Errorf("OpenPebble of an open store = %v, want %v", err, kv.ErrInUse)
	}
	if _, err := reg.Gather(); err != nil {
		t.Errorf("Gather = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openPebble(t, dir, kv.PebbleOptions{Metrics: reg})
}

// TestPebbleFaultUnderLoad fails the log while it has more to write than a
// block of it: everyone gets an error, nobody hangs, and Close returns.
func TestPebbleFaultUnderLoad(t *testing.T) {
	for name, kind := range map[string]errorfs.OpKind{
		"write": errorfs.OpFileWrite, "sync": errorfs.OpFileSyncData,
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				fault := &faultyLog{kind: kind}
				s, err := kv.OpenPebble(t.Context(), "meta", kv.PebbleOptions{}.On(errorfs.Wrap(vfs.NewCrashableMem(), fault)))
				if err != nil {
					t.Fatal(err)
				}
				fault.on.Store(true)
				var wg sync.WaitGroup
				for w := range 16 {
					wg.Go(func() {
						for i := range 3 {
							err := s.Update(t.Context(), func(tx kv.Tx) error {
								return tx.Put(kv.Key("a", uint64(w), uint64(i)), make([]byte, 12000))
							})
							if !errors.Is(err, syscall.EIO) && !errors.Is(err, kv.ErrBroken) {
								t.Errorf("Update = %v", err)
							}
						}
					})
				}
				wg.Wait()
				if err := s.Close(); err != nil {
					t.Errorf("Close = %v", err)
				}
			}
		})
	}
}
