package segment

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A sweep rests while others store, and only then, and not on a disk that is short of room.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var uploads atomic.Int64
		short := false
		p := newPacer(&uploads, func() bool { return short })
		rested := func(worked time.Duration) time.Duration {
			t.Helper()
			time.Sleep(worked)
			start := time.Now()
			if err := p.rest(t.Context()); err != nil {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		if d := rested(time.Second); d != 0 {
			t.Errorf("alone it rests %v", d)
		}
		uploads.Add(1)
		if d := rested(time.Millisecond); d != 0 {
			t.Errorf("after a moment it rests %v", d)
		}
		if d := rested(9 * time.Millisecond); d != 20*time.Millisecond {
			t.Errorf("after 10 ms beside uploads it rests %v, want 20ms", d)
		}
		if d := rested(time.Second); d != 0 {
			t.Errorf("alone again it rests %v", d)
		}
		short = true
		uploads.Add(1)
		if d := rested(time.Second); d != 0 {
			t.Errorf("on a disk short of room it rests %v", d)
		}
		short = false
		uploads.Add(1)
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.rest(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("rest = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}
