package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/queue"
)

func TestPanic(t *testing.T) {
	tests := []struct {
		name    string
		handler func()
		reason  string
		logged  bool
	}{
		{"panic", func() { panic("broken thing") }, "panic: broken thing", true},
		{"nil dereference", func() { var p *int; *p = 1 }, "panic: runtime error: invalid memory address or nil pointer dereference", true},
		{"Goexit", runtime.Goexit, "panic: the handler's goroutine has ended", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tempStore(t)
				log := &logs{}
				q := queue.New(s, queue.Options{Log: slog.New(log)})
				q.Handle("k", 1, func(context.Context, string) error { test.handler(); return nil })
				start(t, q)
				add(t, s, q, "k", "a", time.Time{})
				synctest.Wait()
				if j := only(t, q); j.Reason != test.reason || j.Tries != 1 || j.Running {
					t.Errorf("job %+v, want the reason %q", j, test.reason)
				}
				stack, ok := log.find("job panicked", "stack")
				if ok != test.logged || ok && !strings.Contains(stack, "outcome_test.go") {
					t.Errorf("logged: %v, with the stack %s", ok, stack)
				}
				if job, ok := log.find("job will be tried again", "job"); !ok || job != "k/a" {
					t.Errorf("retry of %q logged: %v", job, ok)
				}
			})
		})
	}
}

func TestReasonIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t)
		q := queue.New(s, queue.Options{})
		q.Handle("k", 1, func(context.Context, string) error {
			return errors.New("\xff" + strings.Repeat("ä", 1000))
		})
		start(t, q)
		add(t, s, q, "k", "a", time.Time{})
		synctest.Wait()
		want := "\uFFFD" + strings.Repeat("ä", 498) + "…"
		if j := only(t, q); j.Reason != want {
			t.Errorf("reason of %d bytes: %q", len(j.Reason), j.Reason)
		}
	})
}
