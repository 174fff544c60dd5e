package estuaryapi

import (
	"encoding/json"
	"net/http"
	"reflect"
)

// nothing is the In of a handler without parameters.
type nothing struct{}

// A replier is an answer that is not plain JSON with status 200. The zero value
// has the same code, and a body of the same type.
type replier interface {
	reply(h http.Header) (code int, body any)
}

// none is the answer 200 with an empty body.
type none struct{}

func (none) reply(http.Header) (int, any) { return http.StatusOK, nil }

// accepted is the answer 202.
type accepted[T any] struct{ value T }

func (a accepted[T]) reply(http.Header) (int, any) { return http.StatusAccepted, a.value }

// redirect is the answer 307 to another place.
type redirect struct{ to string }

func (r redirect) reply(h http.Header) (int, any) {
	h.Set("Location", r.to)
	return http.StatusTemporaryRedirect, nil
}

func successOf[Out any]() success {
	var zero Out
	if r, ok := any(zero).(replier); ok {
		code, body := r.reply(http.Header{})
		return success{code: code, body: reflect.TypeOf(body)}
	}
	return success{code: http.StatusOK, body: reflect.TypeFor[Out]()}
}

// write writes a handler's answer.
func write(w http.ResponseWriter, out any) {
	code, body := http.StatusOK, out
	if r, ok := out.(replier); ok {
		code, body = r.reply(w.Header())
		if body == nil {
			w.WriteHeader(code)
			return
		}
	}
	writeJSON(w, code, body)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	// The status is out: an error here can only be the client's connection.
	_ = json.NewEncoder(w).Encode(v)
}
