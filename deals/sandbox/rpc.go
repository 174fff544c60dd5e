package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxRPCBody bounds a request; the largest real one is a message with deals.
const maxRPCBody = 8 << 20

// JSON-RPC error codes, the last two as Lotus has them.
const (
	codeParse         = -32700
	codeInvalid       = -32600
	codeNoMethod      = -32601
	codeParams        = -32602
	codeError         = 1
	codeActorNotFound = 3
)

type rpcRequest struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (r *rpcError) Error() string { return r.Message }

// rpcResponse leaves result out only when there is an error: null is an answer.
type rpcResponse struct {
	Version string          `json:"jsonrpc"`
	Result  json.RawMessage `json:"result,omitempty"`
	ID      json.RawMessage `json:"id"`
	Error   *rpcError       `json:"error,omitempty"`
}

// params are a call's positional parameters.
type params []json.RawMessage

// arg decodes parameter i into a T; a missing or null one is T's zero value.
func arg[T any](p params, i int) (T, error) {
	var v T
	if i >= len(p) || string(p[i]) == "null" {
		return v, nil
	}
	if err := json.Unmarshal(p[i], &v); err != nil {
		return v, &rpcError{codeParams, fmt.Sprintf("unmarshaling params for param %d: %s", i, err)}
	}
	return v, nil
}

// serve answers JSON-RPC 2.0 over POST, single calls and batches.
func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "JSON-RPC is spoken over POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRPCBody))
	if err != nil {
		http.Error(w, "unreadable request", http.StatusBadRequest)
		return
	}
	if e.misbehave(w, r) {
		return
	}
	var answer any
	if batch := bytes.TrimSpace(body); len(batch) > 0 && batch[0] == '[' {
		answer = e.answerBatch(r, batch)
	} else {
		answer = e.answer(r, body)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		e.n.log.DebugContext(r.Context(), "write chain answer", "err", err)
	}
}

func (e *endpoint) answerBatch(r *http.Request, body []byte) any {
	var batch []json.RawMessage
	if err := json.Unmarshal(body, &batch); err != nil || len(batch) == 0 {
		return rpcResponse{Version: "2.0", ID: json.RawMessage("null"), Error: &rpcError{codeInvalid, "invalid batch"}}
	}
	out := make([]rpcResponse, len(batch))
	for i, b := range batch {
		out[i] = e.answer(r, b)
	}
	return out
}

func (e *endpoint) answer(r *http.Request, body []byte) rpcResponse {
	res := rpcResponse{Version: "2.0", ID: json.RawMessage("null")}
	var req rpcRequest
	if err := json.Unmarshal(body, &req); err != nil {
		res.Error = &rpcError{codeParse, "unmarshaling request: " + err.Error()}
		return res
	}
	if len(req.ID) > 0 {
		res.ID = req.ID
	}
	call := rpcMethods()[req.Method]
	if call == nil {
		res.Error = &rpcError{codeNoMethod, fmt.Sprintf("method '%s' not found", req.Method)}
		return res
	}
	var ps params
	if len(req.Params) > 0 {
		if err := json.Unmarshal(req.Params, &ps); err != nil {
			res.Error = &rpcError{codeParams, "params are not an array: " + err.Error()}
			return res
		}
	}
	result, err := call(e, r.Context(), ps)
	if err != nil {
		res.Error = rpcErrorOf(err)
		return res
	}
	if res.Result, err = json.Marshal(result); err != nil {
		res.Error = rpcErrorOf(err)
	}
	return res
}

func rpcErrorOf(err error) *rpcError {
	var e *rpcError
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, errActorNotFound):
		return &rpcError{codeActorNotFound, "actor not found"}
	default:
		return &rpcError{codeError, err.Error()}
	}
}
