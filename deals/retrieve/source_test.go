package retrieve

import (
	"context"
	"slices"
	"testing"
	"time"
)

// listed are the holders of every piece, the likeliest first.
type listed []string

func (l listed) Holders(context.Context, string) ([]string, error) { return l, nil }

func (l listed) Transports(context.Context, string) ([]string, error) { return nil, nil }

// Who failed lately is asked last, and then in its old place again.
func TestFailedLatelyComesLast(t *testing.T) {
	r := New(nil, nil, listed{"a", "b", "c"}, Options{})
	for _, step := range []struct {
		bad  time.Time
		want []string
	}{
		{time.Now(), []string{"b", "c", "a"}},
		{time.Now().Add(-sourceBad), []string{"a", "b", "c"}},
	} {
		r.sources.edit("a", func(s *source) { s.bad = step.bad })
		if got, err := r.replicas(t.Context(), "piece"); err != nil || !slices.Equal(got, step.want) {
			t.Errorf("replicas after a failure at %v = %q, %v, want %q", step.bad, got, err, step.want)
		}
	}
}
