package chain

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	firstPause = time.Second     // of an endpoint that gave no answer …
	maxPause   = 5 * time.Minute // … doubling up to this
	maxRetry   = time.Hour       // the longest Retry-After that is believed
)

// An Endpoint is a node of the chain that answers JSON-RPC. Its URL may hold an
// API key, so it cannot be printed.
type Endpoint struct{ p *[2]string }

// NewEndpoint returns the endpoint at a URL; token is a bearer token, or empty.
func NewEndpoint(url, token string) Endpoint { return Endpoint{&[2]string{url, token}} }

// Reveal returns what NewEndpoint was given.
func (e Endpoint) Reveal() (url, token string) { return e.p[0], e.p[1] }

// The values of State.Events.
const (
	EventsKept    = "kept"
	EventsRefused = "refused"
)

// State is how an endpoint is doing.
type State struct {
	Name   string    // its host: nothing secret
	Head   int64     // newest epoch it named, 0: none yet
	HeadAt time.Time `json:",omitzero"` // when it named that first
	Calls  uint64    // it was asked
	Errors uint64    // of them that got no answer
	Events string    `json:",omitempty"` // whether it tells of the market's events: EventsKept, EventsRefused; "": not asked yet
	Aside  bool      // its head is not where most endpoints' are: others are asked first
	Fault  string    // why its last call got no answer, "" if it did
	Paused time.Time // until then others are asked first
}

// endpoint is an Endpoint in use.
type endpoint struct {
	rpc   *rpc
	limit *rate.Limiter

	mu       sync.Mutex
	state    State           // guarded by mu
	failures int             // guarded by mu; in a row
	retry    time.Time       // guarded by mu; it asked to be left alone until then
	noEvents time.Time       // guarded by mu; not asked for events until then
	eventsOf map[uint64]bool // guarded by mu; clients of whose deals it has told
}

func openEndpoint(e Endpoint, perSecond float64) *endpoint {
	target, token := e.Reveal()
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	name := "endpoint"
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		name = u.Host
	}
	return &endpoint{rpc: newRPC(target, token), limit: rate.NewLimiter(limit, max(1, int(perSecond))), state: State{Name: name}}
}

// call asks, within the endpoint's limits, and keeps how that went.
func (e *endpoint) call(ctx context.Context, method string, out any, params ...any) error {
	e.mu.Lock()
	retry := e.retry
	e.mu.Unlock()
	if time.Now().Before(retry) {
		return &asked{retry}
	}
	if err := e.limit.Wait(ctx); err != nil {
		return errors.Join(ErrUnavailable, err)
	}
	err := e.rpc.call(ctx, method, out, params...)
	if ctx.Err() == nil {
		e.note(err)
	}
	return err
}

// asked says that an endpoint does not want to be asked before a time.
type asked struct{ until time.Time }

func (a *asked) Error() string {
	return "its limit of calls is reached until " + a.until.UTC().Format("15:04:05 UTC")
}

func (a *asked) Is(target error) bool { return target == ErrUnavailable }

// note takes down how a call went.
func (e *endpoint) note(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.Calls++
	if !errors.Is(err, ErrUnavailable) {
		e.failures, e.state.Fault, e.state.Paused = 0, "", time.Time{}
		return
	}
	e.state.Errors++
	now := time.Now()
	pause := firstPause << min(e.failures, 9)
	e.failures++
	e.state.Fault, e.state.Paused = err.Error(), now.Add(min(pause, maxPause))
	var busy *busyError
	if errors.As(err, &busy) && busy.after > 0 {
		e.retry = now.Add(min(busy.after, maxRetry))
	}
}

func (e *endpoint) look() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// sawHead takes down a head, and whether it is where most endpoints' are.
func (e *endpoint) sawHead(height int64, aside bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if height != e.state.Head || e.state.HeadAt.IsZero() {
		e.state.HeadAt = time.Now()
	}
	e.state.Head, e.state.Aside = height, aside
}
