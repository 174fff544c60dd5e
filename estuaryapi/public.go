package estuaryapi

// healthJSON is the answer of a node that answers.
type healthJSON struct {
	Status string `json:"status"`
}

// health says that the API answers.
func (s *server) health(*request, nothing) (healthJSON, error) {
	return healthJSON{"ok"}, nil
}
