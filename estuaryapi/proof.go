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

// contentProof gives the proof that a content is in deals, as docs/proof.md
// says. V1 had no such route. It shows some bytes of the zone's
// other contents, so the zone has to be the caller's too.
func (s *server) contentProof(w http.ResponseWriter, r *request, in contentID) error {
	c, err := s.visible(r, in)
	if err != nil {
		return err
	}
	why := "it is in no zone yet"
	if c.Zone != 0 {
		z, err := s.buckets.Zone(r.Context(), c.Zone)
		if err != nil {
			return err
		}
		if !r.who.sees(z.Owner) {
			return errForeign("staging zone", r.who.user.ID, z.ID)
		}
		why = z.Reason
	}
	p, err := s.deals.Prove(r.Context(), c.Zone, c.ID, c.CID, c.Size)
	switch {
	case errors.Is(err, piece.ErrNoPiece):
		return errNoProof(c.ID, why)
	case errors.Is(err, proof.ErrTooLarge):
		return errInput("content: %d is in too many parts for a proof", c.ID)
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

func errNoProof(id uint64, why string) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND",
		fmt.Sprintf("content: %d is in no piece yet, of which there could be a proof: %s", id, why)}
}
