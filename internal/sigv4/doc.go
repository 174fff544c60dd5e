// Package sigv4 authenticates S3 requests signed with AWS Signature Version 4
// and decodes their payloads.
//
// A request is header-signed, presigned or, if it presents no credentials at
// all, anonymous. Credentials that are presented and wrong, or of a kind not
// known here, are an error; they never make a request anonymous. Verify checks
// everything that stands in the headers. The payload is checked while it is
// read: Request.Body yields the object's bytes without framing, for every
// payload mode that S3 defines, and a payload mode it does not define is
// refused rather than stored.
//
// Body's promise: io.EOF comes only after everything that can be checked while
// streaming was checked (chunk signatures, final chunk, trailers, trailer
// signature, lengths). Bytes are handed out before that, so whatever is made
// of them must stay invisible until Body.Verify returns nil.
//
// A form upload is signed over its policy, not as a request; VerifyPost is for it.
//
// Nothing here knows buckets, permissions, Content-MD5 or x-amz-checksum
// values; trailers are handed on for their owner to compare. Secrets are asked
// for per request, never kept after it, never part of an error.
package sigv4
