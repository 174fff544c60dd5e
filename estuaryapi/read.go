package estuaryapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/countwriter"
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
	counted := &countwriter.Writer{ResponseWriter: w}
	defer func() { s.buckets.Sent(c.CID, counted.N) }()
	http.ServeContent(counted, r.Request, c.Name[strings.LastIndexByte(c.Name, '/')+1:], c.Created, f)
	return nil
}

// bandwidth is V1's answer of what went out of a content.
type bandwidth struct {
	TotalOut int64 `json:"totalOut" doc:"bytes, over HTTP"`
}

// bandwidth tells what went out of a content, or of all members of a zone.
func (s *server) bandwidth(r *request, in contentID) (out bandwidth, err error) {
	k, err := s.keptRecord(r, in)
	if err != nil {
		return out, err
	}
	if k.zone.ID == 0 {
		sent, err := s.buckets.TrafficOf(r.Context(), []cid.Cid{k.content.CID})
		if err != nil {
			return out, err
		}
		return bandwidth{sent[0].Bytes}, nil
	}
	counted := cid.NewSet() // members may share a root, and with it what went out
	for after := uint64(0); ; {
		list, err := s.buckets.ZoneContents(r.Context(), k.zone.ID, after, batch)
		if err != nil || len(list) == 0 {
			return out, err
		}
		after = list[len(list)-1].ID
		var roots []cid.Cid
		for _, c := range alive(list) {
			if counted.Visit(c.CID) {
				roots = append(roots, c.CID)
			}
		}
		sent, err := s.buckets.TrafficOf(r.Context(), roots)
		if err != nil {
			return out, err
		}
		for _, t := range sent {
			out.TotalOut += t.Bytes
		}
	}
}
