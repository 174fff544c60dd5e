package segment

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// A sweep that copies beside uploads rests restFor times as long as it has
	// worked. Its copies share the disk, and the syncs, with what uploads wait for.
	restFor = 2
	// It works at least workFor at a time: shorter rests would not be that short.
	workFor = 5 * time.Millisecond
)

// A pacer makes room for uploads beside a sweep. Alone, a sweep does not rest.
type pacer struct {
	uploads *atomic.Int64 // counts what others have stored
	short   func() bool   // of room, so that there is no time to lose
	seen    int64
	woke    time.Time
}

func newPacer(uploads *atomic.Int64, short func() bool) *pacer {
	return &pacer{uploads: uploads, short: short, seen: uploads.Load(), woke: time.Now()}
}

// rest is called between two pieces of work, with no lock held.
func (p *pacer) rest(ctx context.Context) error {
	worked := time.Since(p.woke)
	if worked < workFor {
		return nil
	}
	seen := p.uploads.Load()
	busy := seen != p.seen
	p.seen = seen
	if busy && !p.short() {
		t := time.NewTimer(restFor * worked)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.woke = time.Now()
	return nil
}
