//go:build race

package piece_test

// raced says that the race detector slows everything down.
const raced = true
