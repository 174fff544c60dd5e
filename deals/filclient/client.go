package filclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/whypfs/whypfs/deals/chain"
)

// ErrDown says that there is no filclient to ask: no provider's fault.
var ErrDown = errors.New("filclient does not run")

// Options of a Client.
type Options struct {
	Path string // of whypfs-filclient; a name without a slash is looked for in PATH
	RPC  chain.Endpoint
	Log  *slog.Logger
}

// A Secret is where the key to sign with comes from: 32 bytes, secp256k1.
type Secret func(ctx context.Context) ([]byte, error)

// A Client asks a process of filclient. It is safe for concurrent use.
type Client struct {
	opt    Options
	secret Secret
	grace  time.Duration // for a process to answer after its time, and to end by itself

	mu      sync.Mutex
	idle    bool          // guarded by mu; Run has not been called
	proc    *process      // guarded by mu; nil: none runs
	down    error         // guarded by mu; why none runs; nil: one is being started
	changed chan struct{} // guarded by mu; closed when any of these changes
}

// New returns a Client. It starts nothing: Run does.
func New(secret Secret, opt Options) *Client {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{opt: opt, secret: secret, grace: 10 * time.Second, idle: true, changed: make(chan struct{})}
}

const (
	startTimeout = 30 * time.Second // from exec to the answer that it is ready
	firstPause   = time.Second
	longestPause = time.Minute
	idlePatience = time.Second // who asks while the node starts may be before Run; elsewhere nothing calls it
)

// Run keeps a process running until ctx ends, and then ends it. One that ends
// is started again at once; if that ends too, after ever longer pauses.
func (c *Client) Run(ctx context.Context) error {
	var pause time.Duration
	c.set(nil, nil)
	for {
		begun := time.Now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			c.set(nil, errors.New("the node ends"))
			return nil
		}
		if time.Since(begun) > longestPause {
			pause = 0 // it was no failure to start
		}
		c.opt.Log.ErrorContext(ctx, "filclient ended", "err", err, "again_in", pause)
		if pause > 0 {
			c.set(nil, err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
		c.set(nil, nil)
		pause = max(firstPause, min(2*pause, longestPause))
	}
}

// once runs one process to its end, and says what ended it.
func (c *Client) once(ctx context.Context) error {
	p, err := c.start(ctx)
	if err != nil {
		return err
	}
	c.set(p, nil)
	c.opt.Log.InfoContext(ctx, "filclient runs", "path", c.opt.Path, "pid", p.cmd.Process.Pid, "peer", p.peer)
	select {
	case <-ctx.Done():
	case <-p.done:
	}
	return p.stop()
}

func (c *Client) start(ctx context.Context) (*process, error) {
	if c.opt.RPC == (chain.Endpoint{}) {
		return nil, errors.New("no chain is configured")
	}
	rpc, token := c.opt.RPC.Reveal()
	key, err := c.secret(ctx)
	if err != nil {
		return nil, err
	}
	p, err := spawn(c.opt.Path, c.grace, c.opt.Log)
	if err != nil {
		return nil, err
	}
	var ready struct {
		Address string `json:"address"`
		Peer    string `json:"peer"`
	}
	err = p.call(ctx, startTimeout, "start", map[string]any{"rpc": rpc, "rpc_token": token, "key": key}, &ready)
	if err != nil {
		return nil, fmt.Errorf("start: %w", errors.Join(err, p.stop()))
	}
	p.peer = ready.Peer
	return p, nil
}

// set tells of a process that runs, or why none does, or that one is being started.
func (c *Client) set(p *process, down error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proc, c.down, c.idle = p, down, false
	close(c.changed)
	c.changed = make(chan struct{})
}

// running returns the process, and waits for one that is about to be.
func (c *Client) running(ctx context.Context) (*process, error) {
	for {
		c.mu.Lock()
		p, down, idle, changed := c.proc, c.down, c.idle, c.changed
		c.mu.Unlock()
		var never <-chan time.Time
		if idle {
			never = time.After(idlePatience)
		}
		switch {
		case p != nil && !p.ended():
			return p, nil
		case down != nil:
			return nil, fmt.Errorf("%w: %w", ErrDown, down)
		}
		select {
		case <-changed:
		case <-never:
			return nil, fmt.Errorf("%w: nothing has started it", ErrDown)
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: it is being started", ErrDown)
		}
	}
}
