// Package countwriter counts what goes out over HTTP.
package countwriter

import "net/http"

// A Writer counts the bytes of an answer's body.
type Writer struct {
	http.ResponseWriter
	N int64
}

func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.N += int64(n)
	return n, err
}

// Flush sends what there is.
func (w *Writer) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach the connection.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
