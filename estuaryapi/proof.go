package estuaryapi

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/deals/proof"
)

// contentProof answers GET /content/proof/{id}, which V1 had not: the proof that
// a content is in deals, as docs/proof.md says. It shows some bytes of the zone's
// other contents, so the zone has to be the caller's too.
func (s *server) contentProof(w http.ResponseWriter, r *http.Request, who caller) error {
	c, err := s.visible(r, who)
	if err != nil {
		return err
	}
	why := "it is in no zone yet"
	if c.Zone != 0 {
		z, err := s.buckets.Zone(r.Context(), c.Zone)
		if err != nil {
			return err
		}
		if !who.sees(z.Owner) {
			return errForeign("staging zone", who.user.ID, z.ID)
		}
		why = z.Reason
	}
	p, err := s.deals.Prove(r.Context(), c.Zone, c.ID, c.CID, c.Size)
	switch {
	case errors.Is(err, piece.ErrNoPiece):
		return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", fmt.Sprintf("content: %d is in no piece yet, of which there could be a proof: %s", c.ID, why)}
	case errors.Is(err, proof.ErrTooLarge):
		return apiError{http.StatusBadRequest, "ERR_INVALID_INPUT", fmt.Sprintf("content: %d is in too many parts for a proof", c.ID)}
	case err != nil:
		return err
	}
	p.Object.Key = c.Name
	var b bytes.Buffer
	if err := p.Encode(&b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b.Bytes()) // the status is out
	return nil
}
