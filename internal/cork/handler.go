package cork

import "net/http"

// Handler serves h. It is the first that net/http calls, so that who has a
// deadline for the end of an answer has set it when that is written.
func Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(key{}).(*conn)
		if !ok || r.ProtoMajor != 1 {
			h.ServeHTTP(w, r)
			return
		}
		// Also after a panic: the client sees an answer that is cut, not none.
		// What goes wrong has closed the connection.
		defer func() { _ = c.release() }()
		h.ServeHTTP(&writer{ResponseWriter: w, conn: c}, r)
		if c.holds() {
			// The rest, which is in net/http's buffer, joins what waits.
			_ = http.NewResponseController(w).Flush()
		}
	})
}

// writer is the response to a request.
type writer struct {
	http.ResponseWriter
	conn  *conn
	begun bool
}

// Write implements http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		w.conn.hold()
	}
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError lets http.ResponseController flush.
func (w *writer) FlushError() error {
	w.begun = true // who flushes wants to be read at once
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return err
	}
	return w.conn.release()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
