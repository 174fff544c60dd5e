package node

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/path"
)

// A gatewayFile is the file, or the part of it, that answers a request. boxo
// writes the headers; then the body goes from the leaves to the connection by
// streamWriter, without boxo's copies in between.
type gatewayFile struct {
	*FileReader
	start int64
	visit *visit
}

// file opens the UnixFS file that p leads to, or answers ErrNotFile.
func (b gatewayBackend) file(ctx context.Context, p path.ImmutablePath) (gateway.ContentPathMetadata, *FileReader, error) {
	md, err := b.BlocksBackend.ResolvePath(ctx, p)
	if err != nil {
		return md, nil, err
	}
	if len(md.LastSegmentRemainder) > 0 {
		return md, nil, ErrNotFile
	}
	f, err := openFile(ctx, md.LastSegment.RootCid(), b.leaves, b.pool)
	if err != nil {
		return md, nil, err
	}
	md.ModTime = f.mtime
	return md, f, nil
}

// getFile is Get of a file.
func (b gatewayBackend) getFile(ctx context.Context, p path.ImmutablePath, ranges []gateway.ByteRange) (gateway.ContentPathMetadata, *gateway.GetResponse, error) {
	md, f, err := b.file(ctx, p)
	if err != nil {
		return md, nil, err
	}
	v := visitOf(ctx)
	body := &gatewayFile{FileReader: f, visit: v}
	etag := `"` + md.LastSegment.RootCid().String() + `"`
	if len(ranges) > 0 && (v == nil || v.ifRange == "" || v.ifRange == etag) {
		body.start, f.end = bounds(ranges[0], f.size)
	}
	f.pos = body.start
	if body.start < f.size {
		// What is missing at once is still answered with a status.
		if _, err := f.here(); err != nil {
			return md, nil, errors.Join(err, f.Close())
		}
	}
	if v != nil {
		v.setBody(body)
	}
	return md, gateway.NewGetResponseFromReader(body, f.size), nil
}

// bounds are the first byte of a range and the one after its last.
func bounds(r gateway.ByteRange, size int64) (start, end int64) {
	start, end = r.From, size
	if start < 0 {
		start = max(0, size+start)
	}
	if r.To != nil && *r.To < size-1 {
		end = *r.To + 1
	}
	return start, end
}

// Close ends the reading.
func (f *gatewayFile) Close() error {
	if f.visit != nil {
		f.visit.dropBody(f)
	}
	return f.FileReader.Close()
}

// sendTo writes the bytes of the answer to w, whatever was read before.
func (f *gatewayFile) sendTo(w io.Writer) error {
	defer func() { f.pos = f.size }() // boxo's own copy comes behind this and must find nothing
	f.pos = f.start
	f.run++ // the first read begins to read ahead
	for f.pos < f.end {
		data, err := f.here()
		if err != nil {
			return err
		}
		if left := f.end - f.pos; int64(len(data)) > left {
			data = data[:left]
		}
		k, err := w.Write(data)
		f.pos += int64(k)
		if err != nil {
			return err
		}
	}
	return nil
}

// setBody notes the file that the handler has opened last.
func (v *visit) setBody(f *gatewayFile) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.body = f
}

func (v *visit) dropBody(f *gatewayFile) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.body == f {
		v.body = nil
	}
}

// takeBody returns the file that an answer with this status and header is, or nil.
func (v *visit) takeBody(status int, header http.Header) *gatewayFile {
	if status != http.StatusOK && status != http.StatusPartialContent {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f := v.body
	if f == nil || v.head || header.Get("Content-Length") != strconv.FormatInt(f.end-f.start, 10) {
		return nil
	}
	v.body = nil
	return f
}

// oneRange leaves a request the first of its ranges. boxo serves one only, but
// opens the file at the first and may then answer with another, or with all:
// the bytes would be wrong. Ranges that are not of bytes, and those that hold
// only for a date, are not served, as any range may be.
func oneRange(h http.Header, v *visit) {
	ranges := h.Get("Range")
	if ranges == "" {
		return
	}
	v.ifRange = h.Get("If-Range")
	if !strings.HasPrefix(ranges, "bytes=") || v.ifRange != "" && !strings.HasPrefix(v.ifRange, `"`) {
		h.Del("Range")
		return
	}
	first, _, _ := strings.Cut(ranges, ",")
	h.Set("Range", first)
}
