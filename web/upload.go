package web

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/checksum"
	"github.com/whypfs/whypfs/internal/formbody"
	"github.com/whypfs/whypfs/node"
)

// How much of a refused body is read all the same, and how long: a browser that
// is still sending looks at the answer only when it is done.
const (
	maxDrained = 64 << 20
	drainTime  = 20 * time.Second
)

// store puts a body, of which expect bytes or more will come, into a bucket, with the checksum that S3 would give it.
func (s *server) store(c *call, b buckets.Bucket, key, kind string, body io.Reader, expect int64) (buckets.Object, error) {
	sum, _ := checksum.New(checksum.CRC64NVME)
	return s.buckets.Put(c.r.Context(), b, key, c.user.ID, buckets.Upload{
		Body:   body,
		Expect: expect,
		Hashes: []hash.Hash{sum},
		Check: func(a *buckets.Attributes) error {
			a.Checksums = map[string]string{checksum.CRC64NVME: checksum.Encode(sum.Sum(nil))}
			a.ChecksumType = string(checksum.TypeFullObject)
			return nil
		},
	}, buckets.Attributes{Headers: map[string]string{"Content-Type": cleanType(kind, key)}}, buckets.Conditions{})
}

// cleanType is the type that a browser gave a file, if it is one, or a guess.
func cleanType(kind, key string) string {
	if t, _, err := mime.ParseMediaType(kind); err != nil || t == "application/octet-stream" || len(kind) > 200 {
		return mediaType(key)
	}
	return kind
}

// body is a request's body whose early end is errBroken.
type body struct{ r io.Reader }

func (b body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // only the bare io.EOF is a whole body
		err = fmt.Errorf("%w: %w", errBroken, err)
	}
	return n, err
}

// uploadRaw answers the script: one file, its bytes as they are.
func (s *server) uploadRaw(c *call) error {
	err := s.putRaw(c)
	if err == nil {
		return nil
	}
	s.fail(c, err)
	// The answer is out and must arrive: what is left of the body does not
	// matter any more, and neither does how reading it ends.
	conn := http.NewResponseController(c.w)
	_ = conn.Flush()
	if conn.SetReadDeadline(time.Now().Add(drainTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.r.Body, maxDrained)
	}
	return nil
}

func (s *server) putRaw(c *call) error {
	if err := c.checkCSRF(c.r.Header.Get("X-CSRF-Token")); err != nil {
		return err
	}
	b, err := s.visibleBucket(c)
	if err != nil {
		return err
	}
	if free := s.node.Usage().DiskFree; free > 0 && c.r.ContentLength > free {
		return fmt.Errorf("%d bytes, %d free: %w", c.r.ContentLength, free, node.ErrFull)
	}
	key := c.r.URL.Query().Get("key")
	o, err := s.store(c, b, key, c.r.Header.Get("Content-Type"), body{c.r.Body}, max(c.r.ContentLength, 0))
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, map[string]any{
		"key": o.Key, "cid": o.CID.String(), "size": o.Size, "url": objectURL(bucketRef(b), "object", o.Key, "")})
	return nil
}

// stored is a file of a form and what became of it.
type stored struct {
	Name    string
	Problem *pageError
}

// uploadForm answers the form that works without scripts: fields csrf and
// prefix, then any number of files, each streamed as it comes.
func (s *server) uploadForm(c *call) error {
	c.r.Body = struct {
		io.Reader
		io.Closer
	}{formbody.Whole(c.r.Body), c.r.Body}
	parts, err := c.r.MultipartReader()
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	b, err := s.visibleBucket(c)
	if err != nil {
		return err
	}
	prefix, first, err := s.formHead(c, parts)
	if err != nil {
		return err
	}
	files, err := s.storeFiles(c, b, prefix, parts, first)
	if err != nil {
		return err
	}
	var bad *pageError
	for _, f := range files {
		if f.Problem != nil {
			bad = f.Problem
		}
	}
	back := listURL(bucketRef(b), prefix)
	switch {
	case len(files) == 0:
		return errInput.because("No file was chosen. Go back, choose at least one and send the form again.")
	case bad != nil:
		return s.render(c, bad.status, "uploaded", view{Title: "Upload", Nav: "buckets",
			Data: map[string]any{"Files": files, "Back": back, "Problem": bad}})
	}
	u, err := url.Parse(back)
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set("uploaded", strconv.Itoa(len(files)))
	u.RawQuery = q.Encode()
	s.redirect(c, u.String())
	return nil
}

// formHead reads the fields before the files and checks the token, before any
// file is taken. It returns the first file's part, nil if there is none.
func (s *server) formHead(c *call, parts *multipart.Reader) (prefix string, first *multipart.Part, err error) {
	const limit = 2048
	token := ""
	for {
		p, err := nextPart(parts)
		if err != nil {
			return "", nil, err
		}
		if p == nil || p.FormName() == "file" {
			return prefix, p, c.checkCSRF(token)
		}
		v, err := io.ReadAll(io.LimitReader(body{p}, limit+1))
		switch {
		case err != nil:
			return "", nil, err
		case len(v) > limit:
			return "", nil, errInput
		case p.FormName() == "csrf":
			token = string(v)
		case p.FormName() == "prefix":
			prefix = string(v)
		}
	}
}

// nextPart returns nil at the form's end.
func nextPart(parts *multipart.Reader) (*multipart.Part, error) {
	p, err := parts.NextPart()
	if err == io.EOF { //nolint:errorlint // as formbody promises, only the closing boundary gives this
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	return p, nil
}

// storeFiles stores the files of a form. One that cannot be stored does not
// keep the others, unless it is the connection that broke.
func (s *server) storeFiles(c *call, b buckets.Bucket, prefix string, parts *multipart.Reader, p *multipart.Part) ([]stored, error) {
	var files []stored
	for p != nil {
		// A file field that was left empty is sent without a name.
		if name := p.FileName(); p.FormName() == "file" && name != "" {
			_, err := s.store(c, b, prefix+name, p.Header.Get("Content-Type"), body{p}, 0)
			if errors.Is(err, errBroken) {
				return nil, err
			}
			files = append(files, s.outcome(c, name, err))
		}
		var err error
		if p, err = nextPart(parts); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (s *server) outcome(c *call, name string, err error) stored {
	if err == nil {
		return stored{Name: name}
	}
	p := translate(err)
	if p.status >= http.StatusInternalServerError {
		s.log.ErrorContext(c.r.Context(), "upload", "err", err)
	}
	return stored{Name: name, Problem: &p}
}
