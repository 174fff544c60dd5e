//go:build pebble

package node

// newDriver is the driver of a directory for which none is named. With the tag
// pebble the tests of the node run on that driver.
const newDriver = Pebble
