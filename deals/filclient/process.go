package filclient

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const maxLine = 1 << 20 // of an answer; the largest is a proposal of about 2 KiB

// errEnded says that the process ended before it answered.
var errEnded = errors.New("filclient ended before it answered")

// A process is one run of whypfs-filclient.
type process struct {
	cmd   *exec.Cmd
	peer  string        // its libp2p host's id
	done  chan struct{} // closed when it answers no more
	grace time.Duration
	log   *slog.Logger

	writing sync.Mutex
	in      *os.File // written under writing

	mu      sync.Mutex
	next    int64                     // guarded by mu; id of the next question
	waiting map[int64]chan<- response // guarded by mu; nil: it has ended

	words lastWords
}

// request and response are lines of the process's input and output.
type request struct {
	ID      int64  `json:"id"`
	Method  string `json:"method"`
	Params  any    `json:"params,omitempty"`
	Timeout int64  `json:"timeout_ms,omitempty"`
}

type response struct {
	ID     int64           `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *refusal        `json:"error"`
}

// A refusal is what the process answers when there is no result.
type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r *refusal) Error() string { return r.Message }

// environment is what the process sees of ours: there are secrets among the rest.
func environment() []string {
	pass := []string{"PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return !slices.Contains(pass, strings.ToUpper(name)) && !strings.HasPrefix(name, "GOLOG_")
	})
}

func spawn(path string, grace time.Duration, log *slog.Logger) (*process, error) {
	cmd := exec.Command(path)
	cmd.Env = environment()
	// A signal to us from a terminal is not for it: its end is the end of its input.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	theirs, ours, err := os.Pipe() // not StdinPipe: writes need a deadline
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	p := &process{cmd: cmd, in: ours, done: make(chan struct{}), grace: grace, waiting: make(map[int64]chan<- response), log: log}
	p.words.log = log
	cmd.Stdin, cmd.Stderr = theirs, &p.words
	if err := cmd.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	go p.read(out)
	return p, nil
}

// read hands out answers until there are no more.
func (p *process) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	for lines.Scan() {
		var r response
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			p.log.Error("filclient answers what is no answer", "err", err)
			break
		}
		p.mu.Lock()
		if to := p.waiting[r.ID]; to != nil {
			to <- r // has room for it
			delete(p.waiting, r.ID)
		}
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, to := range p.waiting {
		close(to)
	}
	p.waiting = nil
	close(p.done)
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// errNotAsked is part of errors that came before the process had the question.
var errNotAsked = errors.New("filclient was not asked")

// call asks the process, which gives up after limit. An error that is neither a
// refusal nor errNotAsked came after the question was on its way.
func (p *process) call(ctx context.Context, limit time.Duration, method string, params, result any) error {
	answer := make(chan response, 1)
	id, err := p.send(limit, method, params, answer)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotAsked, err)
	}
	stuck := time.NewTimer(limit + p.grace)
	defer stuck.Stop()
	select {
	case r, ok := <-answer:
		switch {
		case !ok:
			return errEnded
		case r.Error != nil:
			return r.Error
		}
		if err := json.Unmarshal(r.Result, result); err != nil {
			return fmt.Errorf("filclient's answer to %s is not understood: %w", method, err)
		}
		return nil
	case <-ctx.Done():
		p.forget(id)
		return ctx.Err()
	case <-stuck.C:
		// It was to answer by now, if only that there is no answer.
		p.cmd.Process.Kill()
		return errEnded
	}
}

func (p *process) send(limit time.Duration, method string, params any, answer chan<- response) (id int64, err error) {
	id, err = p.expect(answer)
	if err != nil {
		return 0, err
	}
	line, err := json.Marshal(request{ID: id, Method: method, Params: params, Timeout: limit.Milliseconds()})
	if err == nil {
		err = p.write(append(line, '\n'), limit)
	}
	if err != nil {
		p.forget(id)
	}
	return id, err
}

func (p *process) expect(answer chan<- response) (id int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == nil {
		return 0, errEnded
	}
	p.next++
	p.waiting[p.next] = answer
	return p.next, nil
}

func (p *process) forget(id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, id)
}

// write hands a line over. When that fails, half a line may have gone out: the
// process, which cannot read it, is ended.
func (p *process) write(line []byte, limit time.Duration) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := p.in.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := p.in.Write(line); err != nil {
		p.cmd.Process.Kill()
		return err
	}
	return nil
}

// stop ends the process, if it has not ended, and says how it ended.
func (p *process) stop() error {
	p.in.Close()
	kill := time.AfterFunc(p.grace, func() { p.cmd.Process.Kill() })
	defer kill.Stop()
	<-p.done // Wait must not come before everything is read
	err := p.cmd.Wait()
	if err == nil {
		return errors.New("the process ended")
	}
	if said := p.words.said(); said != "" {
		return fmt.Errorf("the process ended (%w): %s", err, said)
	}
	return fmt.Errorf("the process ended: %w", err)
}

// lastWords logs what the process writes to its standard error, and remembers
// of what it died.
type lastWords struct {
	log *slog.Logger

	mu   sync.Mutex
	part []byte // guarded by mu; of a line that is not complete
	why  string // guarded by mu
}

// longestWord is how much of a line is kept.
const longestWord = 500

func (w *lastWords) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(string(b)) {
		w.part = append(w.part, line...)
		if !strings.HasSuffix(line, "\n") {
			w.part = w.part[:min(len(w.part), longestWord)]
			break
		}
		text := strings.TrimSpace(string(w.part[:min(len(w.part), longestWord)]))
		w.part = w.part[:0]
		w.log.Debug("filclient says", "line", text)
		if strings.HasPrefix(text, "panic:") || strings.HasPrefix(text, "fatal error:") || strings.HasPrefix(text, "whypfs-filclient:") {
			w.why = text
		}
	}
	return len(b), nil
}

func (w *lastWords) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.why
}
