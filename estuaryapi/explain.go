package estuaryapi

import "github.com/whypfs/whypfs/explain"

// explainContent says why a content does not have all its deals yet, and what
// happens next. V1 had no such route.
func (s *server) explainContent(r *request, in contentID) (explain.Explanation, error) {
	c, err := s.visible(r, in)
	if err != nil {
		return explain.Explanation{}, err
	}
	return s.explainer.Content(r.Context(), c.ID)
}
