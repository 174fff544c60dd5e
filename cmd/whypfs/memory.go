package main

import "runtime"

// gcFloor is what the collector lets pile up at least before it runs. By its
// own rule it would run each time that the heap has doubled, and this one is so
// small that a tenth of the processor's time went there.
const gcFloor = 128 << 20

// holdMemory raises the collector's floor until release is called. It does so
// by memory that is never touched, so that none of it is resident.
func holdMemory() (release func()) {
	ballast := make([]byte, gcFloor)
	return func() { runtime.KeepAlive(ballast) }
}
