// Package webhook posts events to an HTTP receiver that the operator named.
//
// An event is delivered when the receiver answers with a status of 2xx; any
// other answer, a redirect too, and none within the time allowed, is an error,
// and trying again is the caller's business. A receiver therefore can see an
// event more than once.
//
// With a secret, the header X-WhyPFS-Signature-256 is "sha256=" and the
// HMAC-SHA256 of the body in hex, so that the receiver knows who posted it.
//
// The package follows no redirect, reads no more than a little of an answer,
// and never tells the secret, nor the URL, which often holds one: its errors
// name neither.
package webhook
