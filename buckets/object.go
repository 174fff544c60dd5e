package buckets

import (
	"context"
	"errors"
	"hash"
	"io"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/node"
)

var (
	ErrNoObject     = errors.New("no such object")
	ErrPrecondition = errors.New("precondition failed")
	ErrKey          = errors.New("invalid object key") // empty, not UTF-8, or over 1024 bytes
	ErrDigest       = errors.New("body does not match its Content-MD5")
)

// Attributes are what travels with an object besides its bytes.
type Attributes struct {
	Headers   map[string]string // canonical storage header -> value: Content-Type, Cache-Control, …
	Meta      map[string]string // user metadata, lower-case names without x-amz-meta-
	Checksums map[string]string // algorithm in upper case ("CRC64NVME") -> base64
	// ChecksumType is FULL_OBJECT or COMPOSITE when Checksums is not empty.
	ChecksumType string
}

// Object is the current version of a key in a bucket.
type Object struct {
	Bucket   string // uuid
	Key      string
	Content  uint64 // content id (V1's estuaryId)
	CID      cid.Cid
	Size     int64
	ETag     string // without quotes: md5, or md5-N
	Modified time.Time
	Joined   bool    // the DAG is joined parts, not the profile's (DESIGN: layout joined)
	Parts    []int64 // sizes of the parts of a multipart object
	Attributes
}

// Upload is a body and what must hold of it.
type Upload struct {
	Body io.Reader
	// Hashes are fed with the body while it is stored; see node.ImportOptions.
	Hashes []hash.Hash
	// ContentMD5, if not nil, is the MD5 the body must have, else ErrDigest. It
	// is compared with the MD5 that is computed for the ETag anyway.
	ContentMD5 []byte
	// Check, if not nil, runs when the body has ended well and its hashes are
	// complete, before anything becomes visible. Its error aborts the upload
	// and is returned as it is. It may fill in attributes (checksums from a trailer).
	Check func(a *Attributes) error
}

// Conditions on the object that is replaced; ETags without quotes, "*" for any.
type Conditions struct {
	IfMatch, IfNoneMatch string
}

// Put stores an object. When it returns nil, blocks and metadata are durable;
// otherwise nothing of it is visible. Errors of Body are returned wrapped.
func (b *Buckets) Put(ctx context.Context, bucket Bucket, key string, up Upload, attr Attributes, cond Conditions) (Object, error) {
	panic("unwritten")
}

// Head returns the object at key, or ErrNoObject.
func (b *Buckets) Head(ctx context.Context, bucket Bucket, key string) (Object, error) {
	panic("unwritten")
}

// Open returns a reader of an object's bytes, which brings them back from a provider if they are not local.
func (b *Buckets) Open(ctx context.Context, root cid.Cid) (*node.FileReader, error) {
	panic("unwritten")
}

// Delete removes the object at key, if there is one. Its cost does not depend on its size.
func (b *Buckets) Delete(ctx context.Context, bucket Bucket, key string, cond Conditions) error {
	panic("unwritten")
}

// Copy stores src's bytes, by reference, as bucket/key with attr.
func (b *Buckets) Copy(ctx context.Context, src Object, bucket Bucket, key string, attr Attributes, cond Conditions) (Object, error) {
	panic("unwritten")
}

// Query asks for a page of a listing, in byte order of keys.
type Query struct {
	Prefix, Delimiter string
	After             string // list keys greater than this
	Max               int    // objects plus prefixes
}

// Page is part of a listing. Objects and Prefixes are each sorted.
type Page struct {
	Objects  []Object
	Prefixes []string // keys up to and including the delimiter, once each
	More     bool
	Next     string // the last key or prefix of the page: the next page's After. After a common prefix the whole of it is skipped.
}

// List returns a page. It costs what the page holds, with a delimiter too.
func (b *Buckets) List(ctx context.Context, bucket Bucket, q Query) (Page, error) {
	panic("unwritten")
}

// Add stores an upload that has no key of its own, under "<content id>/<name>".
func (b *Buckets) Add(ctx context.Context, bucket Bucket, name string, up Upload, attr Attributes) (Object, error) {
	panic("unwritten")
}
