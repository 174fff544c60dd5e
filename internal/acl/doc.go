// Package acl is S3's access control lists: grants of a permission to a user or
// a group, on a bucket or on an object.
//
// It holds the forms a list takes (canned names, x-amz-grant-* headers, the
// AccessControlPolicy document) and decides what a list allows. What is not
// granted is not allowed; the owner of a thing has no rights from here that no
// grant names, except to read and write the list itself, as in S3.
//
// Users are the twelve-digit ids that S3 clients see. The package knows no HTTP
// status, reads no store and says nothing of bucket policies.
package acl
