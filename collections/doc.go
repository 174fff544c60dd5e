// Package collections gives contents names in directories: Estuary V1's
// collections, and the buckets of S3 as if they were such.
//
// # Two kinds
//
// A collection is a set of references from paths to contents or pins of its
// owner. A reference keeps nothing alive: it goes with its content, and its
// removal leaves the content where it is. A content can be in many collections,
// and many times in one.
//
// Each dedicated bucket is a collection too, under its own uuid. Its entries are
// its current objects, at "/" and their keys, and nothing about them is stored
// here: to add is to put or to copy, to remove is to delete, as the bucket's
// versions and locks have it. A user's global bucket is none.
//
// # Paths
//
// A path begins with a slash and has no empty segments, nor . or .. among them;
// what a client sends is cleaned. It is as long as an object's key may be. The
// paths of a bucket's entries are what its keys are. A directory is there as
// long as something is below it, and a file may have its name.
//
// # Promises
//
// An upload into a collection is its object, its content and its reference in
// one transaction, so none of them is there without the others; so is a pin with
// its reference. What a call has acknowledged is durable. A reference to a
// content that is gone, or that is another owner's, is never shown: each listing
// looks in the snapshot that it reads the references from. The job references
// removes those once a day.
//
// A listing costs what it shows, however much is below the directories in it. A
// commit reads the entries in pages: of what changes meanwhile it may have
// either.
//
// # Rows
//
//	col/<uuid>                          Collection
//	colown/<owner>/<created>/<uuid>     the collections of an owner, oldest first
//	colent/<uuid>/<path>                what is there: a content or a pin, and since when
//	colof/<id>/<uuid>/<path>            where a content or a pin is
//
// A collection that was deleted has no row in col, and the job forget removes
// its other rows. Check verifies how the rows hang together.
package collections
