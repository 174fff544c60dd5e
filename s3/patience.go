package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"time"
)

// patience is how long work may take before white space is sent in place of
// its answer. Clients and proxies give up on a silent connection after a minute.
const patience = 5 * time.Second

// eventually does work, however long it takes, and then answers with the
// document of answer, which may set headers. Once white space had to be sent,
// and with it a status 200, headers come too late and an error is a document
// as well: S3 and its clients do the same for these operations.
func (s *server) eventually(w *response, c *call, work func() error, answer func(http.Header) any) error {
	done := make(chan error, 1)
	go func() { done <- safely(work) }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case err := <-done:
			return s.finish(w, c, err, answer)
		case <-timer.C:
			if err := w.wait(); err != nil {
				// The client is gone. work sees that by its context; its end is waited for.
				return errors.Join(err, <-done)
			}
			timer.Reset(patience)
		}
	}
}

// finish writes the outcome of eventually.
func (s *server) finish(w *response, c *call, err error, answer func(http.Header) any) error {
	if !w.begun() {
		if err != nil {
			return err
		}
		doc := answer(w.Header())
		return writeXML(w, http.StatusOK, doc)
	}
	var doc any
	if err != nil {
		s.logFailure(c, err)
		doc = s.errorDocument(c.r, c.id, translate(err))
	} else {
		doc = answer(http.Header{})
	}
	return xml.NewEncoder(w).Encode(doc)
}

// wait sends white space, which may stand between a document's declaration and
// its root.
func (w *response) wait() error {
	if !w.begun() {
		w.Header().Set("Content-Type", "application/xml")
		if _, err := io.WriteString(w, xml.Header); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, " "); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}
