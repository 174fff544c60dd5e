// Package s3 is the S3 REST API of WhyPFS.
//
// A request passes through one chain: request id, authentication (AWS
// Signature Version 4 by header or presigned URL, checked on the path as it was
// sent), the table of operations, authorisation, and then one handler, which
// either writes a whole response or returns an error. The table in routes.go
// is the whole API: an operation is chosen by method, by level (service,
// bucket, object) and by query parameters, and every parameter that is not
// listed for it makes the request NotImplemented. A sub-resource unknown here
// is therefore refused; it never falls through to an operation on data.
//
// # Promises
//
// An upload is acknowledged when its bytes are durable and everything the
// client said of them was compared: payload signature, chunk signatures,
// Content-MD5, checksum header or trailer, length. Otherwise no object appears.
//
// A download that fails half way cuts the connection. It is never a short
// success, and no error text is ever written into an object's bytes.
//
// What is not granted is refused. A caller reaches the buckets it owns, users of
// admin level reach all, users of upload level can only put; anybody else, and
// who presents no credentials, reaches what a bucket policy or an access control
// list gives them (docs/s3-access.md). A policy's denial is for the owner too.
//
// # gofakes3
//
// Operations on buckets (list, create, head, delete, location) are
// answered by gofakes3, by an instance of its own for each request over a
// backend bound to caller and context (fakes3.go). It never sees an object's
// bytes, nor a header of the client.
//
// # What it never does
//
// It never redirects but a browser whose form asks for it, never stores the framing of a chunked upload, never
// keeps an x-amz- header it does not know as metadata, and holds no rule that
// another transport needs: namespace, conditions and durability are the
// business of package buckets.
package s3
