package node

import (
	"net/http"
	"strings"
)

// holdBytes of a CAR or TAR are held back, so that one which breaks off early
// is still answered with an error status.
const holdBytes = 4 << 10

// streamWriter keeps CARs and TARs that broke off from looking whole. boxo
// writes a message into the stream and ends it properly with status 200; some
// readers take that, and some caches keep it.
type streamWriter struct {
	http.ResponseWriter
	visit  *visit
	wrote  bool   // the handler has written a status
	status int    // held back, 0 if none is
	held   []byte // what of the body is held back
	sent   bool   // the body was sent from its file
	cut    bool   // and broke off
}

func (w *streamWriter) WriteHeader(status int) {
	if w.wrote {
		return
	}
	w.wrote = true
	if status == http.StatusOK && isStream(w.Header().Get("Content-Type")) {
		w.status = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
	if f := w.visit.takeBody(status, w.Header()); f != nil {
		w.sent = true
		w.cut = f.sendTo(sender{w}) != nil
	}
}

// sender counts what a file sends.
type sender struct{ w *streamWriter }

func (s sender) Write(p []byte) (int, error) {
	s.w.visit.sent.Add(int64(len(p)))
	return s.w.ResponseWriter.Write(p)
}

func (w *streamWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.sent {
		return len(p), nil // the handler's copy of what the file has sent
	}
	w.visit.sent.Add(int64(len(p)))
	if w.status == 0 {
		return w.ResponseWriter.Write(p)
	}
	w.held = append(w.held, p...)
	if len(w.held) < holdBytes {
		return len(p), nil
	}
	return len(p), w.release()
}

// release sends what was held back, and from now on everything at once.
func (w *streamWriter) release() error {
	if w.status == 0 {
		return nil
	}
	w.ResponseWriter.WriteHeader(w.status)
	_, err := w.ResponseWriter.Write(w.held)
	w.status, w.held = 0, nil
	return err
}

// finish ends the response. It panics with http.ErrAbortHandler, and so cuts
// the connection, if the stream broke off after a part of it was sent.
func (w *streamWriter) finish() {
	if w.cut {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	if h.Get("X-Stream-Error") == "" {
		// An error means that the reader has gone; nothing is left to do.
		_ = w.release()
		return
	}
	if w.status == 0 {
		panic(http.ErrAbortHandler)
	}
	for _, name := range []string{"X-Stream-Error", "Accept-Ranges", "Cache-Control", "Content-Disposition", "Etag", "Last-Modified", "X-Ipfs-Roots"} {
		h.Del(name)
	}
	http.Error(w.ResponseWriter, "this content is not here in full", http.StatusInternalServerError)
}

// Unwrap is for http.ResponseController.
func (w *streamWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func isStream(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return kind == "application/vnd.ipld.car" || kind == "application/x-tar"
}
