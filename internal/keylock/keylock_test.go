package keylock

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestOneHolderAKey(t *testing.T) {
	var (
		l    Lock
		wg   sync.WaitGroup
		held [3]int // by key; the race detector sees what the lock does not keep apart
	)
	for i := range 300 {
		wg.Go(func() {
			unlock, err := l.Lock(t.Context(), uint64(i%3))
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if held[i%3]++; held[i%3] != 1 {
				t.Errorf("key %d has %d holders", i%3, held[i%3])
			}
			held[i%3]--
		})
	}
	wg.Wait()
	if len(l.held) > 0 {
		t.Errorf("%d keys are held by nobody", len(l.held))
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	var l Lock
	unlock, err := l.Lock(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Lock(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Lock of a held key = %v, want %v", err, context.Canceled)
	}
	unlock()
	if unlock, err = l.Lock(ctx, 1); err != nil {
		t.Errorf("Lock of a free key = %v", err)
	} else {
		unlock()
	}
}
