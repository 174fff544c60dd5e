//go:build !pebble

package node

// newDriver is the driver of a directory for which none is named.
const newDriver = Segment
