// Package kvtest is what every driver of kv must pass, and stores that make life
// hard for those who use one.
//
// A driver's tests call Run, or Suite.Run if its store outlives a Close. Users of
// a store wrap theirs in Rerun, to find functions that may not run twice, and in
// Faulty, to fail chosen updates before or after they have had their effect.
package kvtest
