package estuaryapi

import (
	"errors"
	"net/http"
	"strings"
)

// readContent sends a content's bytes, as a shuttle of V1 did; what has no local
// copy any more comes from providers meanwhile. V1 took the type from the bytes.
func (s *server) readContent(w http.ResponseWriter, r *request, in contentID) (err error) {
	c, err := s.visible(r, in)
	if err != nil {
		return err
	}
	f, err := s.buckets.Open(r.Context(), c.CID, c.Size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := w.Header()
	h.Set("Content-Security-Policy", sandboxed) // as for the gateway's pages
	h.Set("Etag", `"`+c.CID.String()+`"`)
	http.ServeContent(w, r.Request, c.Name[strings.LastIndexByte(c.Name, '/')+1:], c.Created, f)
	return nil
}

// bandwidth is V1's answer of what went out of a content.
type bandwidth struct {
	TotalOut int64 `json:"totalOut" doc:"always 0: not counted"`
}

func (s *server) bandwidth(r *request, in contentID) (bandwidth, error) {
	_, err := s.keptRecord(r, in)
	return bandwidth{}, err
}
