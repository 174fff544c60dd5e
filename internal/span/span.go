// Package span writes durations for people.
package span

import (
	"fmt"
	"time"
)

// Text is a duration in its largest fitting unit, rounded up: 19 h.
func Text(d time.Duration) string {
	up := func(unit time.Duration) int64 { return int64((d + unit - 1) / unit) }
	switch {
	case d <= time.Minute:
		return fmt.Sprintf("%d s", up(time.Second))
	case d <= time.Hour:
		return fmt.Sprintf("%d min", up(time.Minute))
	case d <= 72*time.Hour:
		return fmt.Sprintf("%d h", up(time.Hour))
	}
	return fmt.Sprintf("%d d", up(24*time.Hour))
}
