package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whypfs/whypfs/accounts"
)

// maxCall is how long a question may be. The longest by far is a user who is
// imported with all his tokens.
const maxCall = 4 << 20

// HandlerOptions of Handler; the zero value works.
type HandlerOptions struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

type handler struct {
	accounts *accounts.Accounts
	id       string
	secrets  Secrets
	log      *slog.Logger
	calls    *prometheus.HistogramVec
	refused  prometheus.Counter
}

// Handler serves accounts that have an id to who has one of the secrets.
func Handler(a *accounts.Accounts, id string, secrets Secrets, opt HandlerOptions) http.Handler {
	h := &handler{accounts: a, id: id, secrets: secrets, log: opt.Log,
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "whypfs_auth_call_seconds", Help: "Time of a question that nodes asked, by operation and result.",
			Buckets: []float64{.0001, .001, .01, .1, 1, 10},
		}, []string{"op", "result"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "whypfs_auth_refused_total", Help: "Questions that came without the secret.",
		})}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if opt.Metrics != nil {
		opt.Metrics.MustRegister(h.calls, h.refused)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+path+"{op}", h.serve)
	return mux
}

// refusal is an answer that is none of accounts.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	op := r.PathValue("op")
	w.Header().Set("Cache-Control", "no-store")
	answer, err := h.answer(w, r, op)
	var no refusal
	switch {
	case err == nil:
	case errors.As(err, &no):
	case r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // nobody reads an answer
	default:
		h.log.ErrorContext(r.Context(), "question of a node", "op", op, "err", err)
		no = refusal{http.StatusInternalServerError, "internal error; the log of the authorization service has its cause"}
	}
	if no.status != 0 {
		http.Error(w, no.text, no.status)
	} else {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
		if _, err := w.Write(answer); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if no.status != http.StatusUnauthorized && no.status != http.StatusNotFound { // whose op may be anything
		h.calls.WithLabelValues(op, result(no.status)).Observe(time.Since(start).Seconds())
	}
}

func result(status int) string {
	switch {
	case status == 0:
		return "ok"
	case status < 500:
		return "refused"
	}
	return "failed"
}

// answer asks the accounts.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, op string) ([]byte, error) {
	if !h.secrets.take(r.Header.Get("Authorization")) {
		h.refused.Inc()
		return nil, refusal{http.StatusUnauthorized, "the secret is not this service's"}
	}
	w.Header().Set(accountsHeader, h.id)
	if !accounts.Known(op) {
		return nil, refusal{http.StatusNotFound, "no such operation"}
	}
	if follows := r.Header.Get(accountsHeader); follows != "" && follows != h.id {
		return nil, refusal{http.StatusConflict, "this service has other accounts than those that the node follows"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("a question has at most %d bytes", maxCall)}
	}
	if err != nil {
		return nil, refusal{http.StatusBadRequest, "the question broke off"}
	}
	call, err := parseCall(op, body)
	if err != nil {
		return nil, refusal{http.StatusBadRequest, "the question cannot be read"}
	}
	answer, err := h.accounts.Do(r.Context(), call)
	if errors.Is(err, accounts.ErrCall) {
		return nil, refusal{http.StatusBadRequest, "the question cannot be read"}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

var errCall = errors.New("more than one question")

// parseCall reads a question. Its errors are not told: they might quote it.
func parseCall(op string, body []byte) (accounts.Call, error) {
	call := accounts.Call{Op: op}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields() // what we do not know the node relies on
	if err := d.Decode(&call); err != nil {
		return call, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return call, errCall
	}
	return call, nil
}
