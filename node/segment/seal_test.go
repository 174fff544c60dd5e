package segment

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/multiformats/go-multihash"
)

// blockSync makes the next sync of name wait until goOn is closed; syncing is
// closed when it has begun.
func blockSync(d *memFiles, name string) (syncing, goOn chan struct{}) {
	syncing, goOn = make(chan struct{}), make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hook = func(op, file string) fault {
		if op == "sync" && file == name {
			d.hook = nil
			close(syncing)
			d.mu.Unlock()
			<-goOn
			d.mu.Lock()
		}
		return noFault
	}
	return syncing, goOn
}

// A sweep that is cancelled while an upload syncs the segment that the sweep
// seals must not cut away what that sync makes durable.
func TestSweepCancelledDuringSync(t *testing.T) {
	d := newMemFiles()
	s := openTest(t, d, Options{})
	mustPut(t, s, false, testBlock(t, 0))
	syncing, goOn := blockSync(d, dataName(0))
	upload := make(chan error)
	go func() { upload <- put(s, false, testBlock(t, 1)) }()
	<-syncing
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	swept := make(chan error)
	go func() {
		_, err := s.Sweep(ctx, func(context.Context) (Live, error) { return func(multihash.Multihash) bool { return true }, nil })
		swept <- err
	}()
	select {
	case err := <-swept:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sweep = %v, want %v", err, context.DeadlineExceeded)
		}
		close(goOn)
	case <-time.After(20 * time.Millisecond): // it waits for the disk
		close(goOn)
		<-swept
	}
	if err := <-upload; err != nil {
		t.Fatal(err)
	}
	check(t, s, true, testBlock(t, 0), testBlock(t, 1))
	check(t, openTest(t, d.killed(), Options{}), true, testBlock(t, 0), testBlock(t, 1))
}

// What Find and Batch.Has find is another upload's, which may not have synced it.
func TestFoundIsDurable(t *testing.T) {
	tests := map[string]func(s *Store, x block) error{
		"Find": func(s *Store, x block) error {
			if _, ok := s.Find(t.Context(), x.cid); !ok {
				return ErrNotFound
			}
			return nil
		},
		"Has": func(s *Store, x block) error {
			b := s.Batch(false)
			if !b.Has(x.cid) {
				return ErrNotFound
			}
			return b.Sync(t.Context())
		},
	}
	for name, find := range tests {
		t.Run(name, func(t *testing.T) {
			x := testBlock(t, 1)
			for _, fails := range []bool{false, true} {
				d := newMemFiles()
				s := openTest(t, d, Options{})
				upload := s.Batch(false)
				if err := upload.Put(t.Context(), x.cid, x.data); err != nil {
					t.Fatal(err)
				}
				d.hook = func(op, _ string) fault {
					if op == "sync" && fails {
						return notApplied
					}
					return noFault
				}
				if err := find(s, x); (err != nil) != fails {
					t.Errorf("%s = %v, with a failing disk: %v", name, err, fails)
				}
				if !fails {
					check(t, openTest(t, d.crash(rand.New(rand.NewPCG(3, 4))), Options{}), true, x)
				}
			}
		})
	}
}
