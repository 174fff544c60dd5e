package buckets

import (
	"context"
	"sync"
)

// flights lets callers that want the same thing at the same time share one
// call. The zero value is ready.
type flights struct {
	mu sync.Mutex // guards m and the waiters of its flights
	m  map[string]*flight
}

type flight struct {
	waiters int
	cancel  context.CancelFunc
	done    chan struct{} // closed when err is set
	err     error
}

// do calls fn, or waits for the call under way for key. The call outlives the
// caller that began it, and is cancelled when nobody waits for it any more.
func (f *flights) do(ctx context.Context, key string, fn func(context.Context) error) error {
	fl := f.join(ctx, key, fn)
	select {
	case <-fl.done:
	case <-ctx.Done():
	}
	if last := f.leave(key, fl); last {
		fl.cancel()
		<-fl.done // so that no goroutine outlives everyone who asked for it
	}
	if err := ctx.Err(); err != nil {
		select {
		case <-fl.done:
		default:
			return err
		}
	}
	return fl.err
}

func (f *flights) join(ctx context.Context, key string, fn func(context.Context) error) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl := f.m[key]; fl != nil {
		fl.waiters++
		return fl
	}
	// Others may join, so the call does not end with the request that began it.
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	fl := &flight{waiters: 1, cancel: cancel, done: make(chan struct{})}
	if f.m == nil {
		f.m = map[string]*flight{}
	}
	f.m[key] = fl
	go func() {
		defer close(fl.done)
		fl.err = fn(shared)
	}()
	return fl
}

// leave says whether the caller was the last to wait; the flight cannot be joined then.
func (f *flights) leave(key string, fl *flight) (last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.waiters--
	if fl.waiters > 0 {
		return false
	}
	if f.m[key] == fl {
		delete(f.m, key)
	}
	return true
}
