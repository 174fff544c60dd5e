// Package lifecycle is S3's lifecycle rules: what a bucket's owner wants to
// happen to objects, versions and uploads as they grow old.
//
// A Config is read from S3's document, told again in the same form, and kept
// as JSON. Validate judges it as S3 does. The questions that a Config answers
// (Expiry, Transition, Noncurrent, Marker, Upload) are pure: what they say
// depends on the rules, on what is asked about, and on the Clock alone, so
// asking twice is free and asking again after a crash gives the same answer.
//
// Where a filter has several conditions without an And, which S3 refuses and
// Ceph takes, all of them must hold.
//
// The package removes nothing, stores nothing and never asks for the time.
package lifecycle
