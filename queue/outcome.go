package queue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/whypfs/whypfs/internal/clip"
)

// maxReason is the length of the longest reason kept, in bytes.
const maxReason = 1000

// later is the error that Later makes.
type later struct {
	at     time.Time
	reason string
}

// Later is returned by a handler whose job must wait: not a failure. A zero time
// stands for the first back-off.
func Later(at time.Time, reason string) error { return &later{at, reason} }

func (l *later) Error() string { return l.reason }

// outcome is how a run ended.
type outcome struct {
	result string // a label of the metrics
	err    error  // nil if the job is done
	stamp  uint64 // of the row that records it: the same however often it is written
}

// The results of runs, as the metrics name them.
const (
	resultOK      = "ok"
	resultLater   = "later"
	resultError   = "error"
	resultStopped = "stopped" // by the end of Run; nothing to record
)

func newOutcome(err error, stopping bool) outcome {
	o := outcome{result: resultError, err: err, stamp: newStamp()}
	var l *later
	switch {
	case err == nil:
		o.result = resultOK
	case errors.As(err, &l):
		o.result = resultLater
	case stopping:
		o.result = resultStopped
	}
	return o
}

// apply returns the row after a run that began with stamp began, or nil if the
// job is done.
func (o outcome) apply(r row, began uint64, now time.Time, back backoff) *row {
	r = r.right(now)
	asked := r.Stamp != began && !r.Again.IsZero()
	if o.err == nil && !asked {
		return nil
	}
	next := row{Added: r.Added, Stamp: o.stamp, At: now}
	var l *later
	switch {
	case o.err == nil:
		next.Due = r.Again
	case errors.As(o.err, &l):
		next.Due, next.Reason = l.at.UTC(), l.reason
		if l.at.IsZero() {
			next.Due = now.Add(back.min)
		}
	default:
		next.Tries = r.Tries + 1
		next.Due, next.Reason = now.Add(back.after(next.Tries)), o.err.Error()
	}
	if asked {
		next.Due = earlier(next.Due, r.Again)
	}
	if r.Woken {
		next.Due = earlier(next.Due, now)
	}
	next.Reason = cut(next.Reason)
	return &next
}

// cut shortens a reason without leaving half a character.
func cut(s string) string {
	return clip.Text(strings.ToValidUTF8(s, "\uFFFD"), maxReason)
}

// panicError is what a handler's panic becomes.
type panicError struct{ value any }

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// backoff chooses how long a failed job waits.
type backoff struct{ min, max time.Duration }

func newBackoff(lo, hi time.Duration) backoff {
	if lo <= 0 {
		lo = time.Second
	}
	if hi <= 0 {
		hi = time.Hour
	}
	return backoff{lo, max(lo, hi)}
}

// after returns the wait after the given number of failures in a row: it doubles
// with each, and half of it is random so that jobs that failed together do not
// come back together.
func (b backoff) after(tries int) time.Duration {
	d := b.min
	for range tries {
		if d >= b.max/2 {
			d = b.max
			break
		}
		d *= 2
	}
	lo := max(b.min, d/2)
	return lo + rand.N(d-lo+1)
}
