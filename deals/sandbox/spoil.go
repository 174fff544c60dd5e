package sandbox

import (
	"bytes"
	"io"
	"net/http"
	"time"
)

// What a provider's faults do to retrieval.

// corrupted flips every bit it reads.
type corrupted struct{ io.ReadSeeker }

func (c *corrupted) Read(b []byte) (int, error) {
	n, err := c.ReadSeeker.Read(b)
	flip(b[:n])
	return n, err
}

func flip(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

func spoil(data []byte, mode string) []byte {
	if mode == modeCorrupt || mode == modeCorruptIPFS {
		data = bytes.Clone(data)
		flip(data)
	}
	return data
}

// spoilPiece has a piece's file as the mode serves it, or has refused.
func spoilPiece(w http.ResponseWriter, r *http.Request, mode string, f io.ReadSeeker, size int64) (io.ReadSeeker, http.ResponseWriter, bool) {
	switch mode {
	case modeNoRetrieval:
		refuseRetrieval(w)
		return nil, nil, false
	case modeCorrupt, modeCorruptPiece:
		f = &corrupted{f}
	case modeShort:
		if at, ok := f.(io.ReaderAt); ok {
			f = io.NewSectionReader(at, 0, size/2)
		}
	}
	return f, paced(w, r, mode), true
}

func refuseRetrieval(w http.ResponseWriter) {
	http.Error(w, "retrieval is not allowed", http.StatusForbidden)
}

// paced slows an answer down in mode trickle.
func paced(w http.ResponseWriter, r *http.Request, mode string) http.ResponseWriter {
	if mode != modeTrickle {
		return w
	}
	return &trickle{w, r}
}

const (
	trickleBytes = 64
	tricklePause = 100 * time.Millisecond
)

// trickle sends a few bytes at a time until the client has had enough. It is no
// io.ReaderFrom, so that nothing goes around it.
type trickle struct {
	http.ResponseWriter
	r *http.Request
}

func (t *trickle) Write(b []byte) (n int, err error) {
	for n < len(b) {
		k, err := t.ResponseWriter.Write(b[n:min(n+trickleBytes, len(b))])
		n += k
		if err != nil {
			return n, err
		}
		if err := http.NewResponseController(t.ResponseWriter).Flush(); err != nil {
			return n, err
		}
		select {
		case <-t.r.Context().Done():
			return n, t.r.Context().Err()
		case <-time.After(tricklePause):
		}
	}
	return n, nil
}
