package estuaryapi

import "net/http"

// explainContent answers GET /content/explain/{id}: why a content does not have
// all its deals yet, and what happens next. V1 had no such route.
func (s *server) explainContent(w http.ResponseWriter, r *http.Request, who caller) error {
	c, err := s.visible(r, who)
	if err != nil {
		return err
	}
	x, err := s.explainer.Content(r.Context(), c.ID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, x)
	return nil
}
