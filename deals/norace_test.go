//go:build !race

package deals_test

// raced says that the race detector slows everything down.
const (
	raced     = false
	raceDelay = 0
)
