package s3

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
	errNoProof      = &apiError{Code: "NoSuchProof", Status: 404, Message: "The object is in no piece yet, of which there could be a proof."}
	errProofTooLong = &apiError{Code: "EntityTooLarge", Status: 400, Message: "The object is in too many parts for a proof."}
)

// getObjectProof is ours: the proof that an object is in deals. It holds up to
// 126 bytes of what stands beside the object's blocks in its pieces, which are
// other objects of the bucket: so it is not for everyone who reads the object.
func (s *server) getObjectProof(w *response, c *call) error {
	o, err := s.object(c)
	if err != nil {
		return err
	}
	if s.deals == nil {
		return errNoProof
	}
	ctx := c.r.Context()
	content, err := s.buckets.Content(ctx, o.Content)
	if errors.Is(err, buckets.ErrNoContent) {
		return errNoSuchKey // replaced since
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
	p.Object.Bucket, p.Object.Key, p.Object.Version = c.bucket.Name, o.Key, c.q.Get("versionId")
	var b bytes.Buffer
	if err := p.Encode(&b); err != nil {
		return err
	}
	c.tellVersion(w.Header(), o)
	tellCID(w.Header(), o)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(b.Bytes())
	return err
}
