package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/johannesboyne/gofakes3"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
)

// fakeBucket is the name that gofakes3 sees for every bucket. The backend is
// bound to the real one; gofakes3's own rule for names, which refuses legal
// ones with short labels, never meets it.
const fakeBucket = "bucket"

// errFake says that gofakes3 called what is never routed to it.
var errFake = errors.New("gofakes3 asked for an operation that is not its own")

// A fake is gofakes3's backend for one request. It keeps the real error of the
// operation, since gofakes3 knows statuses for a few codes only.
type fake struct {
	ctx     context.Context // of the request this backend lives for
	buckets *buckets.Buckets
	user    accounts.User
	name    string
	bucket  buckets.Bucket                   // name's, unless it is created
	list    func() ([]buckets.Bucket, error) // the page for ListBuckets
	options buckets.BucketOptions            // of the bucket for CreateBucket
	err     error
}

// fakeReply is what gofakes3 answered, before any of it is sent.
type fakeReply struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (f *fakeReply) Header() http.Header { return f.header }

func (f *fakeReply) WriteHeader(status int) {
	if f.status == 0 {
		f.status = status
	}
}

func (f *fakeReply) Write(p []byte) (int, error) {
	f.WriteHeader(http.StatusOK)
	return f.body.Write(p)
}

// gofakes3 has an instance of gofakes3, made for this call over a backend that
// is bound to it, do a bucket operation. query is the sub-resource, if any. It
// returns the body of the answer; an error is that of the backend.
func (s *server) gofakes3(c *call, f *fake, query string) ([]byte, error) {
	f.ctx, f.buckets, f.user, f.name, f.bucket = c.r.Context(), s.buckets, c.user, c.name, c.bucket
	path := "/"
	if c.name != "" {
		path += fakeBucket
	}
	// Nothing of the client's request but its method gets through, so no
	// header of it (x-minio-force-delete, chunked bodies) means anything there.
	r := (&http.Request{
		Method: c.r.Method, URL: &url.URL{Path: path, RawQuery: query},
		Header: http.Header{}, Body: http.NoBody, Host: c.r.Host,
	}).WithContext(f.ctx)
	reply := &fakeReply{header: http.Header{}}
	// The signature's time was checked before.
	gofakes3.New(f, gofakes3.WithTimeSkewLimit(0)).Server().ServeHTTP(reply, r)
	if f.err != nil {
		return nil, f.err
	}
	if reply.status >= 300 {
		return nil, errFake
	}
	return reply.body.Bytes(), nil
}

// keep remembers the error of an operation.
func (f *fake) keep(err error) error {
	if err != nil {
		f.err = err
	}
	return err
}

// ListBuckets implements gofakes3.Backend.
func (f *fake) ListBuckets() ([]gofakes3.BucketInfo, error) {
	page, err := f.list()
	if err != nil {
		return nil, f.keep(err)
	}
	out := make([]gofakes3.BucketInfo, len(page))
	for i, b := range page {
		out[i] = gofakes3.BucketInfo{Name: b.Name, CreationDate: gofakes3.NewContentTime(b.Created)}
	}
	return out, nil
}

// CreateBucket implements gofakes3.Backend.
func (f *fake) CreateBucket(string) error {
	_, err := f.buckets.CreateBucket(f.ctx, f.user.ID, f.name, f.options)
	return f.keep(err)
}

// BucketExists implements gofakes3.Backend. The call was authorised on the
// bucket, so it does.
func (f *fake) BucketExists(string) (bool, error) { return true, nil }

// DeleteBucket implements gofakes3.Backend.
func (f *fake) DeleteBucket(string) error {
	return f.keep(f.buckets.DeleteBucket(f.ctx, f.bucket))
}

// ForceDeleteBucket and what follows is never reached: objects have handlers of their own.
func (f *fake) ForceDeleteBucket(string) error { return f.keep(errFake) }

func (f *fake) ListBucket(string, *gofakes3.Prefix, gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	return nil, f.keep(errFake)
}

func (f *fake) GetObject(string, string, *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	return nil, f.keep(errFake)
}

func (f *fake) HeadObject(string, string) (*gofakes3.Object, error) {
	return nil, f.keep(errFake)
}

func (f *fake) DeleteObject(string, string) (gofakes3.ObjectDeleteResult, error) {
	return gofakes3.ObjectDeleteResult{}, f.keep(errFake)
}

func (f *fake) PutObject(string, string, map[string]string, io.Reader, int64, *gofakes3.PutConditions) (gofakes3.PutObjectResult, error) {
	return gofakes3.PutObjectResult{}, f.keep(errFake)
}

func (f *fake) DeleteMulti(string, ...string) (gofakes3.MultiDeleteResult, error) {
	return gofakes3.MultiDeleteResult{}, f.keep(errFake)
}

func (f *fake) CopyObject(string, string, string, string, map[string]string) (gofakes3.CopyObjectResult, error) {
	return gofakes3.CopyObjectResult{}, f.keep(errFake)
}
