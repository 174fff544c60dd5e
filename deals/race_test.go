//go:build race

package deals_test

import "time"

// raced says that the race detector slows everything down.
const (
	raced     = true
	raceDelay = 200 * time.Millisecond
)
