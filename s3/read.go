package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// pieceSize is how much of a range is written at once.
const pieceSize = 256 << 10

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// getObject answers GET and HEAD, which differ in the body alone.
func (s *server) getObject(w *response, c *call) error {
	o, err := s.object(c)
	if err != nil {
		return err
	}
	h := w.Header()
	switch readCondition(c.h, o.ETag, o.Modified) {
	case http.StatusPreconditionFailed:
		return errPrecondition
	case http.StatusNotModified:
		c.describe(h, o)
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	sp, err := c.span(o)
	if err != nil {
		return err
	}
	c.describe(h, o)
	if err := s.tellLife(h, c, o); err != nil {
		return err
	}
	if err := c.override(h); err != nil {
		return err
	}
	s.tellMore(h, c, o)
	if err := s.tellSums(h, c, o, sp); err != nil {
		return err
	}
	if sp.part > 0 && len(o.Parts) > 0 {
		h.Set("X-Amz-Mp-Parts-Count", strconv.Itoa(len(o.Parts)))
	}
	if sp.status == http.StatusPartialContent {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", sp.offset, sp.offset+sp.length-1, o.Size))
	}
	h.Set("Content-Length", itoa(sp.length))
	if c.r.Method == http.MethodHead {
		if err := s.tellDeals(c.r.Context(), h, o); err != nil {
			return err
		}
	}
	if c.r.Method == http.MethodHead || sp.length == 0 {
		w.WriteHeader(sp.status)
		return nil
	}
	// The status goes out with the first bytes, so that an object whose data
	// cannot be had at all is still an error that a client understands.
	w.pending = sp.status
	return s.send(w, c, o, sp)
}

// override sets the headers that the request wants in place of the object's.
// What anybody can write into a link must not decide how it is shown, so that
// they have to be signed.
func (c *call) override(h http.Header) error {
	for param, name := range overrides {
		v := c.q.Get(param)
		if v == "" {
			continue
		}
		if c.anonymous() {
			return errInvalidRequest.because("Request specific response headers cannot be used for anonymous GET requests.")
		}
		h.Set(name, v)
	}
	return nil
}

// tellMore sets headers that need a right besides that of reading the object.
func (s *server) tellMore(h http.Header, c *call, o buckets.Object) {
	may := func(action string) bool {
		q := question{bucket: c.bucket, rules: c.rules, key: c.key, version: c.q.Get("versionId"), action: action, object: &o}
		if q.version != "" {
			q.action, _ = ofVersion(action, noGrant)
		}
		return s.judge(c, q) == nil
	}
	if len(o.Tags) > 0 && may("s3:GetObjectTagging") {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(len(o.Tags)))
	}
	if o.Retention.Mode != "" && may("s3:GetObjectRetention") {
		h.Set(lockMode, string(o.Retention.Mode))
		h.Set(lockUntil, isoTime(o.Retention.Until))
	}
	if o.Hold && may("s3:GetObjectLegalHold") {
		h.Set(lockHold, holdStatus(true))
	}
}

// tellSums sets the checksums of what is sent, if the request wants them: those
// of the whole object, or of the part; there are none of a range.
func (s *server) tellSums(h http.Header, c *call, o buckets.Object, sp span) error {
	if c.h.Get("X-Amz-Checksum-Mode") != "ENABLED" {
		return nil
	}
	switch {
	case sp.whole || sp.part == 1 && len(o.Parts) == 0:
		tellChecksums(h, o.Checksums, o.ChecksumType)
	case sp.part > 0:
		algorithm, sums, err := s.buckets.PartChecksums(c.r.Context(), o)
		if err != nil {
			return err
		}
		if len(sums) > 0 {
			tellChecksums(h, map[string]string{algorithm: sums[sp.part-1]}, o.ChecksumType)
		}
	}
	return nil
}

// send writes a span of an object's bytes, all of them or an error.
func (s *server) send(w *response, c *call, o buckets.Object, sp span) error {
	f, err := s.buckets.Open(c.r.Context(), o.CID, o.Size)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := copySpan(w, f, sp, o.Size)
	s.buckets.Sent(o.CID, n)
	if err == nil && n != sp.length {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("send %q after %d bytes: %w", o.Key, n, err)
	}
	return nil
}

func copySpan(w io.Writer, f node.Reader, sp span, size int64) (int64, error) {
	if sp.length == size {
		return f.WriteTo(w)
	}
	if _, err := f.Seek(sp.offset, io.SeekStart); err != nil {
		return 0, err
	}
	buf := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(buf)
	return io.CopyBuffer(w, io.LimitReader(f, sp.length), buf[:])
}

// A span is what of an object is sent.
type span struct {
	offset, length int64
	status         int
	whole          bool // asked for as a whole: neither range nor part
	part           int  // asked for by this number; 0: not by number
}

// span finds out what of o the request asks for.
func (c *call) span(o buckets.Object) (span, error) {
	all := span{length: o.Size, status: http.StatusOK, whole: true}
	header := c.h.Get("Range")
	if c.q.Has("partNumber") {
		if header != "" {
			return span{}, errInvalidRequest.because("Cannot specify both Range header and partNumber query parameter")
		}
		return partSpan(o, c.q.Get("partNumber"))
	}
	if header == "" || !rangeStillMeant(c.h.Get("If-Range"), o.ETag, o.Modified) {
		return all, nil
	}
	offset, length, verdict := parseRange(header, o.Size)
	switch verdict {
	case rangeIgnored:
		return all, nil
	case rangeImpossible:
		return span{}, errInvalidRange.with("RangeRequested", header).with("ActualObjectSize", itoa(o.Size))
	}
	return span{offset: offset, length: length, status: http.StatusPartialContent}, nil
}

// partSpan is the part of a multipart object; any other object is its own part 1.
func partSpan(o buckets.Object, number string) (span, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > maxParts {
		return span{}, errInvalidArgument.because("Part number must be an integer between 1 and 10000, inclusive").
			with("ArgumentName", "partNumber").with("ArgumentValue", number)
	}
	sizes := o.Parts
	if len(sizes) == 0 {
		sizes = []int64{o.Size}
	}
	if n > len(sizes) {
		return span{}, errInvalidPartNumber.with("PartNumberRequested", number).with("ActualPartCount", strconv.Itoa(len(sizes)))
	}
	sp := span{status: http.StatusPartialContent, length: sizes[n-1], part: n}
	for _, size := range sizes[:n-1] {
		sp.offset += size
	}
	if sp.length == 0 {
		sp.status = http.StatusOK // an empty range cannot be written
	}
	return sp, nil
}

type rangeVerdict int

const (
	rangeOK rangeVerdict = iota
	rangeIgnored
	rangeImpossible
)

// parseRange reads a Range header for an object of that size. As S3 does, it
// ignores what it does not understand and requests for several ranges.
func parseRange(header string, size int64) (offset, length int64, v rangeVerdict) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return 0, 0, rangeIgnored
	}
	from, to, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok {
		return 0, 0, rangeIgnored
	}
	first, errFirst := digits(from)
	last, errLast := digits(to)
	switch {
	case from == "" && errLast == nil: // the last bytes
		if last == 0 || size == 0 {
			return 0, 0, rangeImpossible
		}
		length = min(last, size)
		return size - length, length, rangeOK
	case errFirst != nil || to != "" && (errLast != nil || last < first):
		return 0, 0, rangeIgnored
	case first >= size:
		return 0, 0, rangeImpossible
	case to == "" || last >= size:
		last = size - 1
	}
	return first, last - first + 1, rangeOK
}

// digits parses a number without sign; one too large is the largest.
func digits(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if errors.Is(err, strconv.ErrRange) {
		return 1<<63 - 1, nil
	}
	return int64(n), err
}
