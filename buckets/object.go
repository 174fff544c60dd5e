package buckets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/acl"
	"github.com/whypfs/whypfs/internal/md5lane"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

var (
	ErrNoObject     = errors.New("no such object")
	ErrPrecondition = errors.New("precondition failed")
	ErrKey          = errors.New("invalid object key") // empty, not UTF-8, or over 1024 bytes
	ErrDigest       = errors.New("body does not match its Content-MD5")
	ErrReplication  = errors.New("a content has from 1 to 20 deals")
	// ErrPublishChanged is worth another try, with the bucket as it is now.
	ErrPublishChanged = errors.New("bucket was made public or private meanwhile")
)

// maxKey is the length of the longest object key in bytes.
const maxKey = 1024

// idRoom is the longest start that Add gives a key.
const idRoom = "9007199254740991/"

// Attributes are what travels with an object besides its bytes.
type Attributes struct {
	Headers   map[string]string `json:",omitempty"` // canonical storage header -> value: Content-Type, Cache-Control, …
	Meta      map[string]string `json:",omitempty"` // user metadata, lower-case names without x-amz-meta-
	Checksums map[string]string `json:",omitempty"` // algorithm in upper case ("CRC64NVME") -> base64
	// ChecksumType is FULL_OBJECT or COMPOSITE when Checksums is not empty.
	ChecksumType string      `json:",omitempty"`
	Tags         []Tag       `json:",omitempty"`
	Grants       []acl.Grant `json:",omitzero"` // who may do what; nil: the transport's default
	Retention    Retention   `json:",omitzero"`
	Hold         bool        `json:",omitempty"` // legal hold
	Class        string      `json:",omitempty"` // storage class; "" is STANDARD, and see Cold
	// CAR says that the body is a CAR, and the DAG in it the object: a UnixFS
	// file, or else the CAR that node.OpenDAG makes of the DAG. What is wrong
	// with it is a *node.CARError.
	CAR bool `json:",omitempty"`
}

// Object is a version of a key in a bucket.
type Object struct {
	Bucket    string // uuid
	Key       string
	Owner     uint64 // who put it
	Content   uint64 // content id (V1's estuaryId)
	CID       cid.Cid
	Size      int64
	ETag      string // without quotes: md5, or md5-N
	Modified  time.Time
	Joined    bool    `json:",omitempty"` // the DAG need not be the profile's: it is joined parts, or came as a CAR (DESIGN: layout joined)
	Parts     []int64 `json:",omitempty"` // sizes of the parts of a multipart object
	Version   uint64  `json:",omitempty"` // place among the key's versions, increasing; 0: its content's id is its place
	Versioned bool    `json:",omitempty"` // put while versioning was enabled; else it is the null version
	Marker    bool    `json:",omitempty"` // a delete marker, which has no content
	Latest    bool    `json:"-"`          // the key's newest version, when it was read or made
	Attributes
}

// Upload is a body and what must hold of it.
type Upload struct {
	Body io.Reader
	// Expect is how many bytes will come at least, as far as the client said
	// before: what is too much then is refused before it is sent.
	Expect int64
	// Hashes are fed with the body while it is stored; see node.ImportOptions.
	Hashes []hash.Hash
	// ContentMD5, if not nil, is the MD5 the body must have, else ErrDigest. It
	// is compared with the MD5 that is computed for the ETag anyway.
	ContentMD5 []byte
	// Check, if not nil, runs when the body has ended well and its hashes are
	// complete, before anything becomes visible. Its error aborts the upload
	// and is returned as it is. It may fill in attributes (checksums from a trailer).
	Check func(a *Attributes) error
	// Name, if not nil, gives Add the name once Check has passed, for clients
	// that send it behind the body, or want to call it by its root.
	Name func(root cid.Cid) string
	// Key, if not nil, gives Put the key once Check has passed; it is given none then.
	Key func(root cid.Cid) string
	// Form says that a browser sent a form: S3 has an event of its own for that.
	Form bool
	// Replication, if not nil, says once Check has passed how many deals the
	// content is to have, up to MaxReplication; 0: as many as the bucket's policy says.
	Replication func() int
	// Unique refuses what the bucket's owner has already, with *DuplicateError.
	Unique bool
	// Also, if not nil, runs in the transaction that makes the object visible,
	// and is no part of what the package keeps. Its error, returned as it is,
	// aborts the upload. It may run more than once.
	Also func(tx kv.Tx, made Object) error
}

// Conditions on the object that is replaced; ETags without quotes, "*" for any.
// On a key without an object all but IfNoneMatch are ErrNoObject; else what does
// not hold is ErrPrecondition.
type Conditions struct {
	IfMatch, IfNoneMatch string
	IfSize               *int64    // its size
	IfModified           time.Time // when it was modified, to the second
}

// Put stores an object of owner's; owner 0 stands for the bucket's. When it returns nil, blocks and metadata are durable;
// otherwise nothing of it is visible. Errors of Body are returned wrapped.
func (b *Buckets) Put(ctx context.Context, bucket Bucket, key string, owner uint64, up Upload, attr Attributes, cond Conditions) (Object, error) {
	if !validKey(key) && (up.Key == nil || key != "") {
		return Object{}, ErrKey
	}
	return b.put(ctx, bucket, key, key, owner, up, attr, cond)
}

// Add stores an upload that has no key of its own, under "<content id>/<name>".
func (b *Buckets) Add(ctx context.Context, bucket Bucket, name string, owner uint64, up Upload, attr Attributes) (Object, error) {
	if !validKey(idRoom + name) {
		return Object{}, ErrKey
	}
	return b.put(ctx, bucket, "", name, owner, up, attr, Conditions{})
}

// put stores a body under key, or, if that is empty, under a key made of the content's id.
func (b *Buckets) put(ctx context.Context, bucket Bucket, key, name string, owner uint64, up Upload, attr Attributes, cond Conditions) (o Object, err error) {
	ctx, end := b.writes.begin(ctx, bucket)
	defer func() { err = reason(ctx, err); end() }()
	if err := b.precheck(ctx, bucket, key, attr, cond); err != nil {
		return Object{}, err
	}
	room, err := b.admit(ctx, bucket.Owner, Usage{Bytes: up.Expect, Objects: 1}, freedBy(bucket, key))
	if err != nil {
		return Object{}, fmt.Errorf("put %q: %w", name, err)
	}
	up.Body = within(up.Body, room)
	lease := b.node.Lease()
	defer lease.Release()
	dag, sum, err := b.importBody(ctx, bucket, up, &attr)
	if err != nil {
		return Object{}, err
	}
	if key, name, err = up.called(key, name, dag.Root); err != nil {
		return Object{}, err
	}
	n, err := up.replication()
	if err != nil {
		return Object{}, err
	}
	o = Object{Bucket: bucket.UUID, Key: key, Owner: owner, CID: dag.Root, Size: dag.Size, ETag: attr.etag(sum), Joined: attr.CAR, Attributes: attr}
	event := EventPut
	if up.Form {
		event = EventPost
	}
	c := change{asked: bucket, name: name, cond: cond, event: event, replication: n, extra: up.also(bucket)}
	if o, err = b.commit(ctx, c, o); err != nil {
		return Object{}, fmt.Errorf("put %q: %w", name, err)
	}
	b.metrics.objects.WithLabelValues("put").Inc()
	return o, nil
}

// precheck spares the upload of a body that will be refused anyway.
func (b *Buckets) precheck(ctx context.Context, bucket Bucket, key string, attr Attributes, cond Conditions) error {
	return b.view(ctx, func(tx kv.Tx) error {
		now, err := bucketRow(tx, bucket.UUID)
		if err == nil {
			err = now.mayLock(attr)
		}
		if err == nil && now.Policy.Publish != bucket.Policy.Publish {
			err = ErrPublishChanged
		}
		if err != nil {
			return err
		}
		if cond == (Conditions{}) {
			return nil // a look at what is replaced is not for free
		}
		_, _, err = current(tx, bucket.UUID, key, cond)
		return err
	})
}

// importBody stores one body and checks it. The caller holds a lease.
func (b *Buckets) importBody(ctx context.Context, bucket Bucket, up Upload, attr *Attributes) (node.DAG, []byte, error) {
	sum := md5lane.New()
	dag, err := b.storeBody(ctx, up.Body, append(slices.Clip(up.Hashes), sum), bucket, *attr)
	if err != nil {
		return node.DAG{}, nil, err
	}
	if up.Check != nil {
		if err := up.Check(attr); err != nil {
			return node.DAG{}, nil, err
		}
	}
	digest := sum.Sum(nil)
	if up.ContentMD5 != nil && !bytes.Equal(up.ContentMD5, digest) {
		return node.DAG{}, nil, ErrDigest
	}
	attr.fit(dag)
	return dag, digest, nil
}

// commit makes an object visible whose blocks are stored as c.asked wants them,
// in the place of the one it replaces. Where there are no versions the same bytes
// again stay the same content, unless another number of deals is asked for: what
// is dealt already, or about to be, is not dealt a second time.
func (b *Buckets) commit(ctx context.Context, c change, o Object) (Object, error) {
	limit, err := b.limitOf(ctx, c.asked.Owner)
	if err != nil {
		return Object{}, err
	}
	c.candidate = b.newID()
	var made Object
	err = b.update(ctx, func(tx kv.Tx) error {
		made = o // of this run
		return limit.within(tx, c.asked.Owner, func() error { return b.commitIn(tx, c, &made) })
	})
	return made, err
}

// change is what is told of an object that becomes visible; see commit.
type change struct {
	asked       Bucket // as its caller found it
	name        string // of the content
	cond        Conditions
	event       string // what webhooks hear
	replication int    // 0: the bucket's
	candidate   uint64 // for its content's id; commit's own
	// extra, if not nil, is part of the same transaction, and has the last word
	// before anything is written.
	extra func(kv.Tx, Object) error
}

// own is the replication that the content gets of its own. What its bucket's
// policy says anyway is the policy's, and changes with it: such contents need no
// zone apart.
func (c change) own(bucket Bucket) int {
	if c.replication == bucket.Policy.Replication {
		return 0
	}
	return c.replication
}

// again says whether the change puts the bytes there again that old has.
func (c change) again(tx kv.Tx, bucket Bucket, old, made Object) (bool, error) {
	if bucket.Versioning != "" || !old.CID.Equals(made.CID) {
		return false, nil
	}
	if c.replication == 0 {
		return true, nil // who does not ask, a copy with other metadata say, leaves what is dealt
	}
	n, err := replicationOf(tx, bucket, old.Content)
	return n == c.replication, err
}

// commitIn is commit in its transaction, and completes the object.
func (b *Buckets) commitIn(tx kv.Tx, c change, made *Object) error {
	bucket, err := bucketRow(tx, made.Bucket)
	if err != nil {
		return err
	}
	if bucket.Policy.Publish != c.asked.Policy.Publish {
		return ErrPublishChanged
	}
	old, found, err := current(tx, made.Bucket, made.Key, c.cond)
	if err != nil {
		return err
	}
	keep := false
	if found {
		if keep, err = c.again(tx, bucket, old, *made); err != nil {
			return err
		}
	}
	made.Content = old.Content
	if !keep {
		if made.Content, err = newContentID(tx, bucket, made.Key, c.name, old, found, c.candidate); err != nil {
			return err
		}
	}
	if err := made.settle(bucket, c.name, idTime(c.candidate)); err != nil {
		return err
	}
	if c.extra != nil {
		if err := c.extra(tx, *made); err != nil {
			return err
		}
	}
	if keep {
		return errors.Join(
			b.keepContent(tx, made.Content, Cold(made.Class)),
			putObject(tx, *made),
			b.emit(tx, bucket, c.event, *made))
	}
	return errors.Join(
		b.displace(tx, bucket, made.Key, old, found),
		putObject(tx, *made),
		b.touch(tx, bucket, made.Key),
		b.insertContent(tx, Content{
			ID: made.Content, Owner: bucket.Owner, Bucket: made.Bucket, Name: c.name, Key: made.Key,
			CID: made.CID, Size: made.Size, Created: idTime(made.Content), Cold: Cold(made.Class), Replication: c.own(bucket),
		}),
		b.emit(tx, bucket, c.event, *made))
}

// newContentID returns the id of the content that a new version of a key has.
// Without a key it makes one, so it is one that makes a key without versions.
func newContentID(tx kv.Tx, bucket Bucket, key, name string, old Object, found bool, candidate uint64) (uint64, error) {
	id, err := nextPlace(tx, bucket, key, old, found, candidate)
	for ; err == nil; id++ {
		if id, err = freeID(tx, id, keyContent); err != nil || key != "" {
			break
		}
		if taken, err := hasVersions(tx, bucket.UUID, idKey(id, name)); err != nil || !taken {
			return id, err
		}
	}
	return id, err
}

// idKey is the key that Add gives an object.
func idKey(id uint64, name string) string { return strconv.FormatUint(id, 10) + "/" + name }

// settle sets what a new object has from its bucket and its content.
func (o *Object) settle(bucket Bucket, name string, now time.Time) error {
	if o.Key == "" {
		o.Key = idKey(o.Content, name)
	}
	o.Version, o.Versioned, o.Latest, o.Modified = 0, bucket.Versioning == Enabled, true, now
	if bucket.Versioning != "" {
		o.Version = o.Content
	}
	o.read(bucket)
	return bucket.lock(&o.Attributes, time.Now())
}

// Head returns a version of a key; version "" is the current one. It returns
// ErrNoObject, ErrNoVersion, or ErrVersionID. Where the current version is a
// delete marker the error is ErrNoObject and the object is the marker; asked
// for by its version a marker is no error.
func (b *Buckets) Head(ctx context.Context, bucket Bucket, key, version string) (Object, error) {
	var o Object
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		o, err = find(tx, bucket, key, version)
		o.read(bucket)
		return err
	})
	if err != nil {
		return o, fmt.Errorf("head %q: %w", key, err)
	}
	return o, nil
}

// Open returns a reader of an object's bytes, whose root and size are given. It
// brings them back from a provider if they are not local.
func (b *Buckets) Open(ctx context.Context, root cid.Cid, size int64) (node.Reader, error) {
	b.Read(root)
	return b.node.OpenDAG(ctx, root, size)
}

// current returns the object at key, if there is one, when the conditions on it hold.
func current(tx kv.Tx, bucket, key string, cond Conditions) (o Object, found bool, err error) {
	if o, err = objectAt(tx, bucket, key); err != nil && !errors.Is(err, ErrNoObject) {
		return Object{}, false, err
	}
	found = err == nil
	return o, found, cond.hold(o, found)
}

// hold judges a version, or that there is none.
func (cond Conditions) hold(o Object, found bool) error {
	wanted := cond.IfMatch != "" || cond.IfSize != nil || !cond.IfModified.IsZero()
	if !found {
		if wanted {
			return ErrNoObject
		}
		return nil
	}
	switch {
	case cond.IfMatch != "" && cond.IfMatch != "*" && cond.IfMatch != o.ETag,
		cond.IfSize != nil && *cond.IfSize != o.Size,
		!cond.IfModified.IsZero() && cond.IfModified.Unix() != o.Modified.Unix(),
		cond.IfNoneMatch == "*", cond.IfNoneMatch != "" && cond.IfNoneMatch == o.ETag:
		return ErrPrecondition
	}
	return nil
}

func validKey(key string) bool {
	return key != "" && len(key) <= maxKey && utf8.ValidString(key)
}
