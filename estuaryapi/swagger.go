package estuaryapi

import (
	"encoding/json"
	"net/http"
)

// openAPIDocument answers with the OpenAPI document of the table.
func (s *server) openAPIDocument(w http.ResponseWriter, _ *request, _ nothing) error {
	b, err := json.Marshal(s.document())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b) // the status is out
	return nil
}
