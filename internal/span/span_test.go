package span_test

import (
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/span"
)

func TestText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                          "0 s",
		time.Millisecond:           "1 s",
		time.Minute:                "60 s",
		61 * time.Second:           "2 min",
		time.Hour:                  "60 min",
		time.Hour + 1:              "2 h",
		18*time.Hour + time.Minute: "19 h",
		48 * time.Hour:             "48 h",
		100 * time.Hour:            "5 d",
	} {
		if got := span.Text(d); got != want {
			t.Errorf("Text(%v) = %q, want %q", d, got, want)
		}
	}
}
