package estuaryapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/whypfs/whypfs/buckets"
)

type refreshedContent struct {
	Content uint64 `path:"content" doc:"id of a content, V1's estuaryId"`
}

// done is the answer {}.
type done struct{}

// refreshContent has a content brought back from storage providers. V1 did so
// before it answered, and never of a content in an aggregate; here the queue of
// retrievals does it, whose list tells how far it is.
func (s *server) refreshContent(r *request, in refreshedContent) (done, error) {
	c, err := s.visible(r, contentID{in.Content})
	if err != nil {
		return done{}, err
	}
	_, err = s.buckets.Retrieve(r.Context(), c.ID, buckets.CauseRefresh)
	switch {
	case errors.Is(err, buckets.ErrNotPacked):
		return done{}, errNotPacked(in.Content)
	case errors.Is(err, buckets.ErrNoContent):
		return done{}, errNoContent(in.Content)
	}
	return done{}, err
}

func errNotPacked(id uint64) apiError {
	return apiError{http.StatusConflict, "ERR_CONTENT_NOT_PACKED", fmt.Sprintf("content: %d is in no piece yet, so nobody can give it back", id)}
}
