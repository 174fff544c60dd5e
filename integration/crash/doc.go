// Package crash proves what docs/durability.md promises: the stores under real
// processes whose system calls are recorded, cut off by a simulated power
// failure, killed, and made to fail. It needs strace.
package crash
