// Package accesspolicy is the access policy language that S3 buckets use:
// statements that allow or deny principals actions on resources, under
// conditions.
//
// Parse reads a document strictly: what it does not understand is an error and
// never ignored, since a condition that is overlooked would allow too much.
// Evaluate judges a request: an explicit deny wins, then an allow, and
// otherwise the policy says nothing, which a caller takes for a refusal.
// IsPublic tells what S3 means by a public policy.
//
// Names of elements are case-sensitive, names of actions and condition keys are
// not, as in AWS. An account here is a user: its twelve digits, its root and
// its user's ARN all name the same principal.
//
// A Policy is never changed once parsed, and may be used by many requests at
// once. Judging one takes time in proportion to the policy's length times the
// request's: no pattern makes it exponential. The package reads no request, no
// store and no clock; all it knows of a request is what its caller tells it.
package accesspolicy
