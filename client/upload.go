package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

// Added is a host's answer to an upload.
type Added struct {
	CID       CID      `json:"cid"`
	ID        uint64   `json:"estuaryId"`
	URL       string   `json:"estuary_retrieval_url"`
	OtherURL  string   `json:"retrieval_url"`
	Providers []string `json:"providers"`
}

// An Upload is one file for a host.
type Upload struct {
	Name string
	// Open opens it; a size below 0 is not known. It is called for each try.
	Open       func() (io.ReadCloser, int64, error)
	Once       bool   // it cannot be opened again
	Collection string // UUID; "": none
	Dir        string // in the collection; "": its root
	// Perhaps says that an earlier run may have uploaded it already.
	Perhaps bool
}

// Add uploads a file, and returns what it is as a DAG. The host must answer
// with that CID. Into a collection it goes over what stands at its path.
func (c *Client) Add(ctx context.Context, u Upload) (Added, node.Sum, error) {
	var added Added
	q := c.asking()
	if u.Collection != "" {
		q.Set("coluuid", u.Collection)
		q.Set("dir", path.Clean("/"+u.Dir))
		q.Set("overwrite", "true")
	}
	f := &form{ctx: ctx, upload: u, progress: c.progressOnce()}
	switch {
	case u.Perhaps && u.Collection == "":
		q.Set("ignore-dupes", "true")
	case u.Perhaps:
		if added, done, err := c.stands(ctx, u, f); err != nil || done {
			return added, f.known, err
		}
	}
	boundary := multipart.NewWriter(io.Discard).Boundary()
	cl := call{method: "POST", path: "/content/add", query: q, upload: true, once: u.Once,
		header: http.Header{"Content-Type": {"multipart/form-data; boundary=" + boundary}},
		body:   func() (io.ReadCloser, int64, error) { return f.open(boundary) }}
	cl.again = func(ctx context.Context) (done bool, err error) {
		if u.Collection == "" {
			q.Set("ignore-dupes", "true") // what the last try may have stored is not stored again
			return false, nil
		}
		added, done, err = c.stands(ctx, u, f)
		return done, err
	}
	err := c.json(ctx, cl, &added)
	sum, sumErr := f.sum()
	switch {
	case errors.Is(err, errDone):
		sum, err = f.known, nil
	case isDupe(err) && sumErr == nil:
		added, err = c.preserved(ctx, sum)
	}
	if err != nil {
		return added, sum, fmt.Errorf("upload %s: %w", u.Name, err)
	}
	if sumErr != nil {
		return added, sum, fmt.Errorf("upload %s: %w", u.Name, sumErr)
	}
	return added, sum, c.verify(u.Name, added, sum)
}

// asking is the beginning of an upload's query.
func (c *Client) asking() url.Values {
	q := url.Values{}
	if c.opt.Copies > 0 {
		q.Set("replication", strconv.Itoa(c.opt.Copies))
	}
	return q
}

// verify compares a host's CID with the file's.
func (c *Client) verify(name string, added Added, sum node.Sum) error {
	if c.opt.NoVerify || sum.Has(added.CID.Cid) {
		return nil
	}
	return fmt.Errorf("upload %s: %w: the host answered %s, and the file is %s", name, ErrVerify, added.CID, sum.Root)
}

// isDupe says whether a host refused what it has.
func isDupe(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusConflict
}

// preserved is what a host has already of the user's with one of a file's roots.
func (c *Client) preserved(ctx context.Context, sum node.Sum) (Added, error) {
	for _, root := range []cid.Cid{sum.Root, sum.V1} {
		list, err := c.ContentsByCID(ctx, root)
		if err != nil {
			return Added{}, err
		}
		if len(list) > 0 {
			return Added{CID: list[0].CID, ID: list[0].ID}, nil
		}
	}
	return Added{}, fmt.Errorf("the host says that it has %s, and does not list it: %w", sum.Root, ErrNotFound)
}

// stands looks whether a file that was sent has come to its place in a
// collection, although the answer did not come.
func (c *Client) stands(ctx context.Context, u Upload, f *form) (Added, bool, error) {
	sum, err := f.hash(ctx)
	if err != nil {
		return Added{}, false, err
	}
	e, err := c.Find(ctx, u.Collection, path.Join("/", u.Dir, u.Name))
	if errors.Is(err, ErrNotFound) {
		return Added{}, false, nil
	}
	return Added{CID: e.CID, ID: e.ID}, err == nil && e.CID.Defined() && sum.Has(e.CID.Cid), err
}

// progressOnce tells Progress of bytes, but not again of those that a further
// try of the same upload sends.
func (c *Client) progressOnce() func(at int64) {
	var mu sync.Mutex
	most := int64(0)
	return func(at int64) {
		mu.Lock()
		defer mu.Unlock()
		if at > most {
			c.opt.Progress(at - most)
			most = at
		}
	}
}

// A form is the multipart body of an upload, and hashes the file as it passes.
type form struct {
	ctx      context.Context
	upload   Upload
	progress func(at int64)
	last     *summing
	known    node.Sum // from hash
}

// sum is of the file as the last try sent it.
func (f *form) sum() (node.Sum, error) {
	if f.last == nil {
		return node.Sum{}, errors.New("nothing was sent")
	}
	return f.last.sum()
}

// hash reads the file without sending it.
func (f *form) hash(ctx context.Context) (node.Sum, error) {
	r, _, err := f.upload.Open()
	if err != nil {
		return node.Sum{}, err
	}
	defer r.Close()
	f.known, err = node.NewBuilder(nil).File(ctx, r)
	return f.known, err
}

func (f *form) open(boundary string) (io.ReadCloser, int64, error) {
	var around bytes.Buffer
	w := multipart.NewWriter(&around)
	if err := w.SetBoundary(boundary); err != nil {
		return nil, 0, err
	}
	if err := w.WriteField("filename", f.upload.Name); err != nil {
		return nil, 0, err
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", multipart.FileContentDisposition("data", f.upload.Name))
	header.Set("Content-Type", mediaType(f.upload.Name))
	if _, err := w.CreatePart(header); err != nil {
		return nil, 0, err
	}
	head := around.Len()
	if err := w.Close(); err != nil {
		return nil, 0, err
	}
	file, size, err := f.upload.Open()
	if err != nil {
		return nil, 0, err
	}
	f.last = newSumming(f.ctx, file, size, f.progress)
	text := around.Bytes()
	body := struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text[:head]), f.last, bytes.NewReader(text[head:])), f.last}
	if size >= 0 {
		size += int64(len(text))
	}
	return body, size, nil
}

func mediaType(name string) string {
	if t := mime.TypeByExtension(strings.ToLower(filepath.Ext(name))); t != "" {
		return t
	}
	return "application/octet-stream"
}

// A summing reads a file of a known size, or to its end, and hashes what passes.
type summing struct {
	file     io.ReadCloser
	size     int64 // below 0: not known
	at       int64
	progress func(at int64)
	pipe     *io.PipeWriter
	result   node.Sum
	err      error
	done     chan struct{} // closed when the two above are there
	ended    sync.Once
}

func newSumming(ctx context.Context, file io.ReadCloser, size int64, progress func(int64)) *summing {
	r, w := io.Pipe()
	s := &summing{file: file, size: size, progress: progress, pipe: w, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.result, s.err = node.NewBuilder(nil).File(ctx, r)
		r.CloseWithError(s.err)
	}()
	return s
}

func (s *summing) Read(p []byte) (int, error) {
	if s.size >= 0 && int64(len(p)) > s.size-s.at {
		p = p[:s.size-s.at]
	}
	if s.size >= 0 && s.at == s.size {
		s.pipe.Close()
		return 0, io.EOF
	}
	n, err := s.file.Read(p)
	if n > 0 {
		if _, err := s.pipe.Write(p[:n]); err != nil {
			return 0, permanent{err}
		}
	}
	s.at += int64(n)
	s.progress(s.at)
	switch {
	case err == io.EOF && s.size > s.at:
		return n, permanent{fmt.Errorf("%w: it had %d bytes and has %d", errChanged, s.size, s.at)}
	case err == io.EOF:
		s.pipe.Close()
	case err != nil:
		return n, permanent{err}
	}
	return n, err
}

// Close ends the file, whether it was read to its end or not. net/http may
// call it more than once, and while it reads.
func (s *summing) Close() error {
	err := error(nil)
	s.ended.Do(func() {
		s.pipe.CloseWithError(errUnsent)
		err = s.file.Close()
	})
	return err
}

// sum is what was read, if that was all.
func (s *summing) sum() (node.Sum, error) {
	s.Close()
	<-s.done
	return s.result, s.err
}

var (
	errUnsent = errors.New("it was not sent to its end")
	// errChanged says that a file is not what it was when its upload began.
	errChanged = errors.New("it changes while it is read")
)

// AddCAR uploads a DAG that is a CAR of a known size.
func (c *Client) AddCAR(ctx context.Context, name string, root cid.Cid, size int64, perhaps bool, open func() io.ReadCloser) (Added, error) {
	var added Added
	q := c.asking()
	q.Set("filename", name)
	if perhaps {
		q.Set("ignore-dupes", "true")
	}
	progress := c.progressOnce()
	cl := call{method: "POST", path: "/content/add-car", query: q, upload: true,
		header: http.Header{"Content-Type": {car.MediaType}},
		body: func() (io.ReadCloser, int64, error) {
			return &counted{ReadCloser: open(), progress: progress}, size, nil
		}}
	cl.again = func(context.Context) (bool, error) {
		q.Set("ignore-dupes", "true")
		return false, nil
	}
	sum := node.Sum{DirEntry: node.DirEntry{Root: root}, V1: root}
	err := c.json(ctx, cl, &added)
	if isDupe(err) {
		added, err = c.preserved(ctx, sum)
	}
	if err != nil {
		return added, fmt.Errorf("upload %s: %w", name, err)
	}
	return added, c.verify(name, added, sum)
}

// counted tells of what is read.
type counted struct {
	io.ReadCloser
	at       int64
	progress func(at int64)
}

func (r *counted) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.at += int64(n)
	r.progress(r.at)
	return n, err
}
