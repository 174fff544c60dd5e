// Package postpolicy evaluates the policy that an S3 form upload carries: the
// document in which whoever signed a form says what may be uploaded with it
// ("Creating a POST Policy" in the Amazon S3 API Reference).
//
// A policy is judged strictly. Every field of the form must be named by a
// condition and every condition must hold, so a form can hold nothing that its
// signer did not allow. Names of fields and operators have no case; names of
// the policy's own members, and all values, have.
//
// Nothing here knows signatures, buckets or HTTP, and nothing keeps state: a
// policy means something only once its signature was verified.
package postpolicy
