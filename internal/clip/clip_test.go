package clip_test

import (
	"testing"

	"github.com/whypfs/whypfs/internal/clip"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		s    string
		max  int
		want string
	}{
		{"", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"añb", 2, "a…"}, {"añb", 3, "añ…"}, {"ñ", 1, "…"},
	} {
		if got := clip.Text(c.s, c.max); got != c.want {
			t.Errorf("Text(%q, %d) = %q, want %q", c.s, c.max, got, c.want)
		}
	}
}
