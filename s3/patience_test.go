package s3_test

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/s3"
)

// TestEventually runs quick and slow work, in a bubble where time costs nothing.
func TestEventually(t *testing.T) {
	for _, c := range []struct {
		name   string
		took   time.Duration
		err    error
		status int
		spaces int    // sent before the document
		root   string // of the document
	}{
		{"quick", time.Second, nil, 200, 0, "Done"},
		{"quick failure", time.Second, s3.ErrSample, 412, 0, "Error"},
		{"slow", 3*s3.Patience + time.Second, nil, 200, 3, "Done"},
		// The status went out with the white space, so the error is only a document.
		{"slow failure", s3.Patience + time.Second, s3.ErrSample, 200, 1, "Error"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := httptest.NewRecorder()
			must(t, s3.Eventually(w, httptest.NewRequestWithContext(t.Context(), "POST", "/box/k", nil), c.took, c.err))
			body := w.Body.String()
			rest, ok := strings.CutPrefix(body, xml.Header)
			spaces := len(rest) - len(strings.TrimLeft(rest, " "))
			if w.Code != c.status || !ok || spaces != c.spaces {
				t.Errorf("%s: %d with %d spaces, want %d with %d: %q", c.name, w.Code, spaces, c.status, c.spaces, body)
			}
			var doc struct{ XMLName xml.Name }
			if err := xml.Unmarshal([]byte(body), &doc); err != nil || doc.XMLName.Local != c.root {
				t.Errorf("%s: document %q (%v), want %s", c.name, doc.XMLName.Local, err, c.root)
			}
			if got := w.Header().Get("X-Done") == "yes"; got != (c.status == 200 && c.spaces == 0) {
				t.Errorf("%s: headers %v", c.name, w.Header())
			}
		})
	}
}

// gone is a client that does not take what is written.
type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, errGone }

var errGone = errors.New("client is gone")

func TestEventuallyClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := gone{httptest.NewRecorder()}
		err := s3.Eventually(w, httptest.NewRequestWithContext(t.Context(), "POST", "/box/k", nil), time.Minute, nil)
		if !errors.Is(err, errGone) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v, want that the client is gone, after the end of the work", err, time.Since(start))
		}
	})
}
