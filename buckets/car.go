package buckets

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

// MaxObject bounds the bytes of an object, which in a DAG may repeat far
// beyond those of its blocks; it is what S3 allows.
const MaxObject = 5 << 40

// storeBody stores a body as a file or, if attr says that it is a CAR, as the DAG in it.
func (b *Buckets) storeBody(ctx context.Context, body io.Reader, hashes []hash.Hash, bucket Bucket, attr Attributes) (node.DAG, error) {
	opt := node.ImportOptions{Private: !bucket.Policy.Publish, Hashes: hashes}
	if !attr.CAR {
		f, err := b.node.Import(ctx, body, opt)
		return node.DAG{Root: f.Root, Size: f.Size, File: true}, err
	}
	d, err := b.node.ImportCAR(ctx, body, opt)
	if err == nil && d.Size > MaxObject {
		err = &node.CARError{Reason: fmt.Sprintf("its root has %d bytes; an object may have %d", d.Size, int64(MaxObject)), Roots: 1}
	}
	return d, err
}

// fit makes the attributes of an imported CAR those of the object: the client
// told the checksums and the type of the CAR, and the object has other bytes.
func (a *Attributes) fit(d node.DAG) {
	if !a.CAR {
		return
	}
	a.Checksums, a.ChecksumType = nil, ""
	headers := map[string]string{}
	for name, v := range a.Headers {
		headers[name] = v
	}
	if !d.File {
		headers[contentType] = car.MediaType
	} else if kind, _, err := mime.ParseMediaType(headers[contentType]); err == nil && kind == car.MediaType {
		delete(headers, contentType)
	}
	a.Headers = headers
}

// etag is the ETag of an object whose body has that MD5. Of an imported CAR it
// is that of an upload in one part, because clients take an ETag without a dash
// for the MD5 of what they read, and the object's bytes are not the body's.
func (a Attributes) etag(sum []byte) string {
	if a.CAR {
		return multipartETag(md5.Sum(sum), 1)
	}
	return hex.EncodeToString(sum)
}

const contentType = "Content-Type"

// joinCAR imports the CAR whose bytes are the parts, one after the other.
func (b *Buckets) joinCAR(ctx context.Context, bucket Bucket, parts []node.File, attr *Attributes) (node.DAG, error) {
	body := &filesReader{ctx: ctx, node: b.node, left: parts}
	d, err := b.storeBody(ctx, body, nil, bucket, *attr)
	if err := errors.Join(err, body.Close()); err != nil {
		return node.DAG{}, err
	}
	attr.fit(d)
	return d, nil
}

// filesReader reads files one after the other, each opened when its turn comes.
type filesReader struct {
	ctx  context.Context // io.Reader has no room for one
	node *node.Node
	cur  *node.FileReader // nil: none is open
	left []node.File
}

func (r *filesReader) Read(p []byte) (int, error) {
	for {
		if r.cur == nil {
			if len(r.left) == 0 {
				return 0, io.EOF
			}
			f, err := r.node.OpenFile(r.ctx, r.left[0].Root)
			if err != nil {
				return 0, err
			}
			r.cur, r.left = f, r.left[1:]
		}
		n, err := r.cur.Read(p)
		if err == io.EOF {
			err = r.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close closes the file that is open.
func (r *filesReader) Close() error {
	if r.cur == nil {
		return nil
	}
	f := r.cur
	r.cur = nil
	return f.Close()
}
