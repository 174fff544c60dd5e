package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/accounts"
	remoteaccounts "github.com/whypfs/whypfs/accounts/remote"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/internal/dirlock"
	"github.com/whypfs/whypfs/internal/loglevel"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// gather is how long new contents wait to be put into zones together.
const gather = 100 * time.Millisecond

// app is an open data directory with everything on it, connected.
type app struct {
	cfg     config
	log     *slog.Logger
	levels  *loglevel.Levels // of the log of a node that is up
	metrics *prometheus.Registry

	lock        *dirlock.Lock
	store       kv.Store
	box         *seal.Box
	accounts    *accounts.Accounts
	far         *remoteaccounts.Client // nil: the accounts are here
	service     bool                   // there is no more than accounts: of an authorization service
	queue       *queue.Queue
	node        *node.Node
	deals       *deals.Deals
	buckets     *buckets.Buckets
	collections *collections.Collections
	sandbox     *sandbox.Network // nil without --sandbox
}

// lockData makes the data directory, if need be, and keeps other processes out.
func lockData(cfg config) (*dirlock.Lock, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	return dirlock.Acquire(cfg.Data)
}

// openApp opens the data directory. It starts no job and listens nowhere,
// except that the libp2p host does when cfg has addresses for it, and the
// sandbox when cfg asks for it.
// It owns lock from now on.
func openApp(ctx context.Context, cfg config, log *slog.Logger, lock *dirlock.Lock) (a *app, err error) {
	a = &app{cfg: cfg, log: log, lock: lock, metrics: prometheus.NewRegistry()}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err := orphaned(cfg.Data); err != nil {
		return a, err
	}
	if a.store, err = (metadata{cfg.Data, log, a.metrics}).open(ctx, cfg.Meta); err != nil {
		return a, err
	}
	if a.box, err = seal.Open(filepath.Join(cfg.Data, "master.key")); err != nil {
		return a, err
	}
	if err := a.openAccounts(ctx); err != nil || a.service {
		return a, err
	}
	if cfg.Sandbox {
		if a.sandbox, err = a.openSandbox(ctx); err != nil {
			return a, err
		}
	}
	if err := a.connect(ctx); err != nil {
		return a, err
	}
	return a, nil
}

// orphaned refuses blocks without metadata. New metadata would name none of
// them, and the next sweep would remove them all.
func orphaned(data string) error {
	for _, path := range metaPaths {
		if _, err := os.Stat(filepath.Join(data, path)); !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for _, files := range []string{"*.car", "pebble"} {
		found, err := filepath.Glob(filepath.Join(data, "blocks", files))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return errOrphaned(data)
		}
	}
	return nil
}

func errOrphaned(data string) error {
	return fmt.Errorf("%s holds blocks but neither %s nor %s, which name them: bring it back from a backup, or move the folder blocks away to start anew",
		data, metaPaths[metaPebble], metaPaths[metaBolt])
}

// connect makes the packages and ties those of one layer together.
func (a *app) connect(ctx context.Context) error {
	var err error
	a.queue = queue.New(a.store, queue.Options{Log: a.log.With("pkg", "queue"), Metrics: a.metrics})
	a.node, err = node.Open(ctx, node.Config{
		Dir:         a.cfg.Data,
		ListenAddrs: a.cfg.Libp2pAddrs,
		Blocks:      a.cfg.Blocks,
		BlockCache:  int64(a.cfg.BlockCache),
		Bootstrap:   a.cfg.Bootstrap,
		Peering:     a.cfg.Peering,
		Routers:     a.cfg.Routers,
		DHT:         a.cfg.DHT,
		Announce:    a.cfg.network.Announce,
		Limits:      a.cfg.network.limits(),
		Gateway:     a.cfg.Gateway.node(),
		Routing:     a.cfg.network.routing(),
		Restore:     func(ctx context.Context, root cid.Cid) error { return a.buckets.Restore(ctx, root) },
		Refill:      func(ctx context.Context, root cid.Cid) (node.Refill, error) { return a.buckets.Refill(ctx, root) },
		Roots:       func(ctx context.Context, yield func(cid.Cid) error) error { return a.buckets.Roots(ctx, yield) },
		Published:   a.published,
		WhilePublished: func(ctx context.Context, root cid.Cid, fn func() error) error {
			return a.buckets.WhilePublished(ctx, root, fn)
		},
		Private: a.private,
		Log:     a.log.With("pkg", "node"),
		Metrics: a.metrics,
	})
	if err != nil {
		return err
	}
	hooks, err := a.cfg.webhooks()
	if err != nil {
		return err
	}
	opt, err := a.dealOptions()
	if err != nil {
		return err
	}
	a.deals = deals.New(a.store, a.node, a.queue, a.box, opt)
	room, err := a.cfg.offload.options(a.cfg.Data, func() int64 { return a.node.Usage().Disk })
	if err != nil {
		return err
	}
	a.buckets = buckets.New(a.store, a.node, a.queue, buckets.Options{
		Dealer:       a.dealer(),
		Policy:       a.policy(),
		Announce:     a.cfg.DHT != "off" && a.cfg.network.Announce != "none",
		LifecycleDay: a.cfg.LifecycleDay,
		Webhooks:     hooks,
		UploadExpiry: a.cfg.UploadExpiry,
		Gather:       gather,
		Offload:      room,
		Pins:         a.cfg.pins.options(),
		Retrievals:   a.cfg.retrieval.options(),
		Quota: func(ctx context.Context, owner uint64) (bytes, objects int64, err error) {
			u, err := a.accounts.User(ctx, owner)
			if errors.Is(err, accounts.ErrNoUser) {
				return 0, 0, nil // nobody's bucket is the node's own
			}
			return u.Quota.Bytes, u.Quota.Objects, err
		},
		Log:     a.log.With("pkg", "buckets"),
		Metrics: a.metrics,
	})
	a.collections = collections.New(a.store, a.buckets, a.queue)
	if err := a.buckets.CountUsage(ctx); err != nil {
		return err
	}
	if a.sandbox == nil {
		return nil
	}
	address, err := a.deals.Address(ctx)
	if err != nil {
		return err
	}
	return a.cfg.sandboxSettings.fund(a.sandbox, address)
}

// published is what the gateway asks before it has a provider's copy brought back.
func (a *app) published(ctx context.Context, root cid.Cid) bool {
	ok, err := a.buckets.Published(ctx, root)
	if err != nil {
		a.log.ErrorContext(ctx, "look up a root for the gateway", "cid", root, "err", err)
	}
	return ok
}

// private says whether a root is of private content only. When that cannot be
// told it is taken for private.
func (a *app) private(ctx context.Context, root cid.Cid) bool {
	ok, err := a.buckets.Private(ctx, root)
	if err != nil {
		a.log.ErrorContext(ctx, "look up a root for the gateway", "cid", root, "err", err)
	}
	return ok || err != nil
}

// dealer is nil without a Filecoin network: zones then wait, and say so, and
// deleted contents leave them.
func (a *app) dealer() buckets.Dealer {
	if len(a.cfg.RPC) == 0 && a.sandbox == nil {
		return nil
	}
	return dealer{a.deals}
}

func (a *app) policy() buckets.Policy {
	c := a.cfg
	return buckets.Policy{Threshold: int64(c.Threshold), MaxAge: c.MaxAge, Replication: c.Replication,
		Publish: c.DefaultPublish, MaxPiece: int64(c.MaxPiece), Aged: buckets.Aged(c.Aged)}
}

func (a *app) dealOptions() (deals.Options, error) {
	c := a.cfg
	list := c.Providers
	if a.sandbox != nil {
		list = append(a.sandbox.Providers(), list...)
	}
	providers, err := deals.ParseProviders(list)
	if err != nil {
		return deals.Options{}, fmt.Errorf("--provider: %w", err)
	}
	opt := deals.Options{
		RPC:         c.endpoints(),
		RPCRate:     c.RPCRate,
		Poll:        c.RPCPoll,
		SampleEvery: c.SampleEvery,
		PieceURL:    c.apiURL(),
		Providers:   providers,
		Engine:      c.DealEngine,
		Filclient:   c.Filclient,
		MaxPrice:    c.MaxPrice,
		Verified:    c.Verified,
		DailyLimit:  c.escrow.dailyLimit(),
		Escrow:      c.escrow.options(),
		MinPiece:    int64(c.MinPiece),
		PerPiece:    c.PerPiece,
		Recheck:     c.Recheck,
		Rules:       a.providerRules,
		Pulls:       c.Pulls.limits(),
		Public:      a.published,
		Live: func(ctx context.Context, zone uint64, yield func(uint64) bool) error {
			return a.buckets.LiveContents(ctx, zone, yield)
		},
		RetrievalsPerProvider: c.retrieval.PerProvider,
		Endangered: func(zone uint64, sampled bool) {
			cause := buckets.CauseRepair
			if sampled {
				cause = buckets.CauseSample
			}
			if err := a.buckets.Endangered(context.Background(), zone, cause); err != nil {
				a.log.Error("have a zone with fewer replicas brought back", "zone", zone, "err", err)
			}
		},
		Changed: func(zone uint64) {
			if err := a.buckets.DealsChanged(context.Background(), zone); err != nil {
				a.log.Error("tell the zone that its deals moved", "zone", zone, "err", err)
			}
		},
		Log:     a.log.With("pkg", "deals"),
		Metrics: a.metrics,
	}
	if a.sandbox != nil {
		opt.RPC = nil
		for _, u := range a.sandbox.RPCAddrs() {
			opt.RPC = append(opt.RPC, chain.NewEndpoint(u, ""))
		}
		if opt.Poll == 0 {
			opt.Poll = c.SandboxEpoch
		}
	}
	return opt, nil
}

// endpoints are those of the chain, each with its token.
func (c config) endpoints() []chain.Endpoint {
	tokens := strings.Split(c.RPCToken.reveal(), ",")
	var list []chain.Endpoint
	for i, u := range c.RPC {
		token := ""
		if i < len(tokens) {
			token = strings.TrimSpace(tokens[i])
		}
		list = append(list, chain.NewEndpoint(u, token))
	}
	return list
}

func (a *app) openSandbox(ctx context.Context) (*sandbox.Network, error) {
	opt := sandbox.Options{
		Dir:           filepath.Join(a.cfg.Data, "sandbox"),
		Providers:     a.cfg.SandboxProviders,
		Endpoints:     a.cfg.SandboxRPCs,
		Owners:        a.cfg.SandboxOwners,
		AutoImport:    a.cfg.SandboxImport,
		ShareVerified: a.cfg.SandboxShare,
		Epoch:         a.cfg.SandboxEpoch,
		Log:           a.log.With("pkg", "sandbox"),
	}
	if a.cfg.TLSCert != "" {
		// The sandbox's providers fetch pieces from us, under a certificate
		// that is often made for the occasion.
		pem, err := os.ReadFile(a.cfg.TLSCert)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert: %w", err)
		}
		opt.RootCAs = x509.NewCertPool()
		opt.RootCAs.AppendCertsFromPEM(pem)
	}
	return sandbox.Open(ctx, opt)
}

// apiURL is the base URL of the API address for others. Without --public-url
// the only others are the sandbox's providers, on this machine.
func (c config) apiURL() string {
	if c.PublicURL != "" {
		return strings.TrimRight(c.PublicURL, "/")
	}
	host, port, err := net.SplitHostPort(c.APIAddr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return c.scheme() + "://" + net.JoinHostPort("127.0.0.1", port)
	}
	return c.scheme() + "://" + c.APIAddr
}

func (c config) scheme() string {
	if c.TLSCert != "" {
		return "https"
	}
	return "http"
}

// Close closes what is open, users before what they use.
func (a *app) Close() error {
	var errs []error
	if a.sandbox != nil {
		errs = append(errs, a.sandbox.Close())
	}
	if a.node != nil {
		errs = append(errs, a.node.Close())
	}
	if a.far != nil {
		a.far.Close()
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	return errors.Join(append(errs, a.lock.Release())...)
}

// stored completes the settings of a command that opens the data itself: it
// needs no network, and takes the rest from the environment and file.
func stored(c config) (config, error) {
	fs := pflag.NewFlagSet("stored", pflag.ContinueOnError)
	full := c
	full.flags(fs)
	full.Data, full.File = c.Data, c.File
	if err := full.load(fs, os.LookupEnv); err != nil {
		return c, usageError{err}
	}
	full.network, full.Sandbox = network{DHT: "off"}, false
	return full, nil
}
