package sandbox

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/filecoin-project/go-state-types/abi"
	"golang.org/x/sync/semaphore"
)

var (
	ErrNoProvider = errors.New("no such sandbox provider")
	ErrNoEndpoint = errors.New("no such sandbox endpoint")
	ErrNoMode     = errors.New("no such fault mode")
	ErrClosed     = errors.New("sandbox is closed")
)

// Options of a sandbox; the zero value works.
type Options struct {
	Dir       string // state and sectors; required
	Providers int    // default 8
	Endpoints int    // JSON-RPC servers of the chain; default 1
	Owners    int    // of new providers, which take turns; default: each has its own
	Ask       Ask    // of new providers; default: usual prices, pieces from 1 MiB
	// AutoImport has new providers fetch the data of offline deals by the link
	// they find in the label or the transfer's params.
	AutoImport bool
	// ShareVerified has a provider take a piece that another one has pulled and
	// verified from that one's disk, as a file of both. It shortens a simulation:
	// each piece is pulled and hashed once, not by every provider.
	ShareVerified bool
	// NoSync leaves it to the operating system when state reaches the disk: a
	// kill loses nothing, a power cut may lose the network.
	NoSync bool
	Epoch  time.Duration // wall time of one epoch; default 250 ms
	// RootCAs are trusted when providers pull pieces over HTTPS; nil: the system's.
	RootCAs *x509.CertPool
	Log     *slog.Logger
}

// Network is a Filecoin network on loopback: a chain and storage providers.
type Network struct {
	opt    Options
	log    *slog.Logger
	store  *store
	fork   func() (context.Context, context.CancelFunc) // for work that Close ends
	end    context.CancelFunc
	done   <-chan struct{}     // closed by Close
	work   sync.WaitGroup      // servers and transfers
	pulls  *semaphore.Weighted // transfers at a time
	hashes *semaphore.Weighted // piece commitments at a time
	client *http.Client

	providers []*provider
	endpoints []*endpoint

	mu       sync.Mutex // guards everything below and the state of providers
	chain    *chain
	broken   error // a commit failed: memory is ahead of the disk
	closed   bool
	waiting  chan struct{}            // closed at the next change
	fetching map[string]chan struct{} // pieces being fetched to be shared; closed at the end
	past     []*mined                 // what Reorg can undo, oldest first
}

// Open starts the chain and the providers, going on from the state in Dir.
func Open(ctx context.Context, opt Options) (*Network, error) {
	if opt.Dir == "" {
		return nil, errors.New("sandbox needs a directory")
	}
	if opt.Providers <= 0 {
		opt.Providers = 8
	}
	if opt.Ask == (Ask{}) {
		opt.Ask = defaultAsk
	}
	if err := opt.Ask.check(); err != nil {
		return nil, err
	}
	if opt.Epoch <= 0 {
		opt.Epoch = 250 * time.Millisecond
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, err
	}
	s, err := openStore(opt.Dir, opt.NoSync)
	if err != nil {
		return nil, err
	}
	n := &Network{
		opt: opt, log: opt.Log, store: s, waiting: make(chan struct{}), fetching: map[string]chan struct{}{},
		pulls:  semaphore.NewWeighted(int64(2 + runtime.NumCPU())),
		hashes: semaphore.NewWeighted(int64(runtime.NumCPU())),
		client: newPullClient(opt.RootCAs),
	}
	// The network outlives the call that opened it; Close ends it.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	n.end, n.done = end, life.Done()
	n.fork = func() (context.Context, context.CancelFunc) { return context.WithCancel(life) }
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Network) start(ctx context.Context) error {
	var err error
	if n.chain, err = openChain(n.store); err != nil {
		return err
	}
	if err := n.openProviders(); err != nil {
		return err
	}
	if err := n.store.commit(); err != nil {
		return err
	}
	n.mark()
	// After a crash the heights up to the lease may have been announced: what
	// was due in them happens now.
	if err := n.advanceTo(ctx, n.chain.head.Lease); err != nil {
		return err
	}
	if err := n.openEndpoints(); err != nil {
		return err
	}
	for _, p := range n.providers {
		if err := p.open(); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.providers {
		p.resume()
	}
	return n.commit()
}

// serveHTTP runs a server until it is closed.
func (n *Network) serveHTTP(l net.Listener, h http.Handler) *http.Server {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	n.work.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("sandbox server ended", "addr", l.Addr().String(), "err", err)
		}
	})
	return srv
}

// listenLoopback takes the port it had before, or a free one when another
// program has that now.
func listenLoopback(port int) (net.Listener, int, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil && port != 0 {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, 0, err
	}
	return l, l.Addr().(*net.TCPAddr).Port, nil
}

// Run mines epochs and seals until ctx ends.
func (n *Network) Run(ctx context.Context) error {
	t := time.NewTicker(n.opt.Epoch)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.done:
			return nil
		case <-t.C:
		}
		if err := n.Advance(ctx, 1); err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			return fmt.Errorf("sandbox chain: %w", err)
		}
	}
}

// Close stops the network. What was answered is on disk already; Close also
// notes the exact height.
func (n *Network) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	n.mu.Unlock()
	n.end()
	var errs []error
	for _, e := range n.endpoints {
		errs = append(errs, e.shut())
	}
	for _, p := range n.providers {
		errs = append(errs, p.shut())
	}
	n.work.Wait()
	n.client.CloseIdleConnections()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.chain != nil && n.broken == nil {
		n.chain.saveHead()
		h := n.chain.head
		h.Lease = h.Tipset.Height
		n.store.put("head", &h)
		errs = append(errs, n.store.commit())
	}
	n.announce()
	return errors.Join(append(errs, n.store.db.Close())...)
}

// Advance moves the clock by n epochs at once, with everything they bring.
func (n *Network) Advance(ctx context.Context, epochs int64) error {
	if epochs < 0 {
		return fmt.Errorf("the clock cannot go back %d epochs", -epochs)
	}
	n.mu.Lock()
	target := n.chain.height() + abi.ChainEpoch(epochs)
	n.mu.Unlock()
	return n.advanceTo(ctx, target)
}

// advanceTo mines up to target, stopping at every epoch in which something is
// due and skipping the others, as null rounds do.
func (n *Network) advanceTo(ctx context.Context, target abi.ChainEpoch) error {
	for {
		done, err := n.step(target)
		if done || err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (n *Network) step(target abi.ChainEpoch) (done bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.unusable(); err != nil {
		return true, err
	}
	return n.stepLocked(target)
}

// stepLocked needs n.mu.
func (n *Network) stepLocked(target abi.ChainEpoch) (done bool, err error) {
	if n.chain.height() >= target {
		return true, nil
	}
	due := n.chain.nextDue()
	for _, p := range n.providers {
		due = min(due, p.nextDue())
	}
	if err := n.chain.mine(min(target, max(due, n.chain.height()+1))); err != nil {
		return true, err
	}
	n.mark()
	for _, p := range n.providers {
		p.act()
	}
	if err := n.commit(); err != nil {
		return true, err
	}
	n.announce()
	return false, nil
}

// update runs f with the ledger locked and returns when its changes are
// durable. An f that fails must not have changed anything.
func (n *Network) update(f func(c *chain) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.unusable(); err != nil {
		return err
	}
	if err := f(n.chain); err != nil {
		return err
	}
	return n.commit()
}

// unusable says why nothing may change any more. It needs n.mu.
func (n *Network) unusable() error {
	if n.closed {
		return ErrClosed
	}
	return n.broken
}

// commit makes changes durable and tells who waits. It needs n.mu.
func (n *Network) commit() error {
	if !n.store.changed() {
		return nil
	}
	if err := n.store.commit(); err != nil {
		n.broken = err
		return err
	}
	n.announce()
	return nil
}

func (n *Network) announce() {
	close(n.waiting)
	n.waiting = make(chan struct{})
}

// changes is closed at the next change of the chain or of a deal.
func (n *Network) changes() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.waiting
}
