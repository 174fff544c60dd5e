package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// errNoNode says that no node serves the data directory.
var errNoNode = errors.New("no node is running")

const socketName = "whypfs.sock"

// socket gives a path for the control socket that fits sockaddr_un (108
// bytes) however deep the data directory is: /proc/self/fd/N names the open directory.
func socket(data string) (path string, release func(), err error) {
	dir, err := os.Open(data)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketName), func() { dir.Close() }, nil
}

type controlRequest struct {
	Args  []string `json:"args"`
	Input []byte   `json:"input,omitempty"` // what the command reads, of a file or its standard input
}

// A controlAnswer is a part of what a command printed; the last one has its code.
type controlAnswer struct {
	Stdout string `json:"stdout,omitempty"`
	Stderr string `json:"stderr,omitempty"`
	Code   *int   `json:"code,omitempty"`
}

// forward lets the node that serves data run the command line, and prints what it printed.
func forward(ctx context.Context, data string, args []string, input []byte, stdout, stderr io.Writer) (code int, err error) {
	path, release, err := socket(data)
	if errors.Is(err, os.ErrNotExist) {
		return 0, errNoNode
	}
	if err != nil {
		return 0, err
	}
	defer release()
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
	body, err := json.Marshal(controlRequest{args, input})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/run", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	res, err := client.Do(req)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return 0, errNoNode
	}
	if err != nil {
		return 0, fmt.Errorf("ask the running node: %w", err)
	}
	defer res.Body.Close()
	for dec := json.NewDecoder(res.Body); ; {
		var a controlAnswer
		if err := dec.Decode(&a); err != nil {
			return 0, fmt.Errorf("answer of the running node: %w", err)
		}
		io.WriteString(stdout, a.Stdout)
		io.WriteString(stderr, a.Stderr)
		if a.Code != nil {
			return *a.Code, nil
		}
	}
}

// serveControl runs the command lines of other processes on a until ctx ends.
// Only the owner of the data directory can connect: the socket has mode 0600.
func serveControl(ctx context.Context, a *app) error {
	l, err := listenControl(a.cfg.Data)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	defer os.Remove(filepath.Join(a.cfg.Data, socketName))
	srv := &http.Server{Handler: http.HandlerFunc(a.control), ReadHeaderTimeout: 10 * time.Second}
	stopped := context.AfterFunc(ctx, func() { srv.Close() })
	defer stopped()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// listenControl makes the socket where nobody else can reach it, and moves it
// to its place with its mode. A umask would hold for every file that the
// process makes meanwhile, and a directory made under it could not be entered.
func listenControl(data string) (net.Listener, error) {
	dir := filepath.Join(data, socketName+".new")
	// The directory lock is held, so what exists is left over from a crash.
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path, release, err := socket(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // it will be elsewhere
	made := filepath.Join(dir, socketName)
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, filepath.Join(data, socketName))); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (a *app) control(w http.ResponseWriter, r *http.Request) {
	var req controlRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := controlWriter{enc: json.NewEncoder(w), flush: http.NewResponseController(w)}
	out := writerFunc(func(p []byte) (int, error) { return answer.send(p, controlAnswer{Stdout: string(p)}) })
	errs := writerFunc(func(p []byte) (int, error) { return answer.send(p, controlAnswer{Stderr: string(p)}) })
	code := execute(r.Context(), &cli{live: a, input: req.Input}, req.Args, out, errs)
	if _, err := answer.send(nil, controlAnswer{Code: &code}); err != nil {
		a.log.Warn("answer on control socket", "err", err)
	}
}

// A controlWriter sends what a command prints as it comes: some run for hours.
type controlWriter struct {
	mu    sync.Mutex
	enc   *json.Encoder
	flush *http.ResponseController
}

func (w *controlWriter) send(p []byte, a controlAnswer) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.enc.Encode(a); err != nil {
		return 0, err
	}
	return len(p), w.flush.Flush()
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
