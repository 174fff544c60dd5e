package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// maxLine bounds a request; the largest is a proposal of about 2 KiB.
const maxLine = 1 << 20

// A request is one line of the input.
type request struct {
	ID      int64           `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Timeout int64           `json:"timeout_ms"` // 0: none
}

// An answer is one line of the output.
type answer struct {
	ID     int64    `json:"id"`
	Result any      `json:"result,omitempty"`
	Error  *failure `json:"error,omitempty"`
}

// The codes of failures.
const (
	codeInvalid   = "invalid"   // the request is not understood
	codeChain     = "chain"     // the chain could not be asked: nobody's fault but its node's
	codeUnreached = "unreached" // the provider has certainly not read the request
	codeReached   = "reached"   // it may have
	codeFailed    = "failed"    // everything else
)

// A failure is why there is no result.
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f *failure) Error() string { return f.Message }

// fail gives err a code, unless it has one.
func fail(code string, err error) error {
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &failure{code, err.Error()}
}

// serve answers requests until in ends.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	s := &server{out: json.NewEncoder(out)}
	if err := s.start(ctx, lines); err != nil || s.engine == nil {
		return err
	}
	defer s.engine.close()
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel() // what still runs has nobody to hear its answer
	for lines.Scan() {
		var req request
		if err := json.Unmarshal(lines.Bytes(), &req); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		running.Go(func() { s.answer(ctx, req) })
	}
	return lines.Err()
}

type server struct {
	engine *engine

	mu  sync.Mutex
	out *json.Encoder // guarded by mu
}

// start handles the first request. No input at all is no error.
func (s *server) start(ctx context.Context, lines *bufio.Scanner) error {
	if !lines.Scan() {
		return lines.Err()
	}
	var req request
	var opt options
	err := json.Unmarshal(lines.Bytes(), &req)
	if err == nil && req.Method != "start" {
		err = errors.New(`the first request is not "start"`)
	}
	if err == nil {
		err = json.Unmarshal(req.Params, &opt)
	}
	if err != nil {
		// The line may hold the key: what it says is not told.
		return s.write(req.ID, nil, &failure{codeInvalid, "the start request is not understood"})
	}
	e, err := open(ctx, opt)
	if err != nil {
		return s.write(req.ID, nil, fail(codeFailed, err))
	}
	s.engine = e
	return s.write(req.ID, started{Address: e.client.ClientAddr.String(), Peer: e.host.ID().String()}, nil)
}

func (s *server) answer(ctx context.Context, req request) {
	if req.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(req.Timeout)*time.Millisecond)
		defer cancel()
	}
	result, err := s.run(ctx, req)
	// Nobody reads any more when this fails, and then the input ends too.
	_ = s.write(req.ID, result, err)
}

func (s *server) run(ctx context.Context, req request) (any, error) {
	do := verbs()[req.Method]
	if do == nil {
		return nil, &failure{codeInvalid, fmt.Sprintf("no method %q", req.Method)}
	}
	return do(ctx, s.engine, req.Params)
}

func (s *server) write(id int64, result any, err error) error {
	a := answer{ID: id, Result: result}
	if err != nil {
		var f *failure
		if !errors.As(err, &f) {
			f = &failure{codeFailed, err.Error()}
		}
		a = answer{ID: id, Error: f}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Encode(a)
}
