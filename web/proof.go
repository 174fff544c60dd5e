package web

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
)

var (
	errNoProof      = pageError{status: 404, title: "There is no proof yet", advice: "The object is in no piece yet. Its page says what it waits for."}
	errProofTooLong = pageError{status: 400, title: "The object is in too many parts for a proof", advice: "It shares blocks with very many other objects. A copy under another name, in another bucket, has a proof of its own."}
)

// proof sends the proof that an object is in deals, as a file to save.
func (s *server) proof(c *call) error {
	b, o, version, err := s.visibleObject(c)
	if err != nil {
		return err
	}
	if o.Marker {
		return buckets.ErrMarker
	}
	ctx := c.r.Context()
	content, err := s.buckets.Content(ctx, o.Content)
	if errors.Is(err, buckets.ErrNoContent) {
		return buckets.ErrNoObject // replaced between the two reads
	}
	if err != nil {
		return err
	}
	p, err := s.deals.Prove(ctx, content.Zone, content.ID, content.CID, content.Size)
	switch {
	case errors.Is(err, piece.ErrNoPiece):
		return errNoProof
	case errors.Is(err, proof.ErrTooLarge):
		return errProofTooLong
	case err != nil:
		return err
	}
	p.Object.Bucket, p.Object.Key, p.Object.Version = b.Name, o.Key, version
	var body bytes.Buffer
	if err := p.Encode(&body); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", disposition(o.Key+".proof"))
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	c.w.WriteHeader(http.StatusOK)
	_, err = c.w.Write(body.Bytes())
	return err
}
