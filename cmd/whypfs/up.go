package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/internal/clientaddr"
	"github.com/whypfs/whypfs/internal/cork"
	"github.com/whypfs/whypfs/internal/loglevel"
	"github.com/whypfs/whypfs/internal/reqstat"
	"github.com/whypfs/whypfs/internal/stall"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/s3"
	"github.com/whypfs/whypfs/web"
)

func (c *cli) upCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "run the node",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.live != nil {
				return usageError{errors.New("this node is up already")}
			}
			err := c.cfg.load(cmd.Flags(), os.LookupEnv)
			if err = errors.Join(err, c.cfg.check()); err != nil {
				return usageError{err}
			}
			c.cfg.told = told(cmd.Flags())
			return up(cmd.Context(), c.cfg, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.cfg.flags(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

func logLevel(s string) (l slog.Level, err error) { return l, l.UnmarshalText([]byte(s)) }

// newLogger returns the node's log, and the levels of its parts, by their pkg.
func newLogger(cfg config, w io.Writer) (*slog.Logger, *loglevel.Levels, error) {
	level, err := logLevel(cfg.LogLevel)
	if err != nil {
		return nil, nil, err
	}
	levels := loglevel.New("pkg", level)
	if cfg.LogFormat == "json" {
		return slog.New(levels.Handler(slog.NewJSONHandler(w, nil))), levels, nil
	}
	return slog.New(levels.Handler(slog.NewTextHandler(w, nil))), levels, nil
}

// up runs the node until ctx ends, then stops in order: no new requests, the
// running ones end, the jobs end, the stores close.
func up(ctx context.Context, cfg config, stdout, stderr io.Writer) (err error) {
	defer holdMemory()()
	log, levels, err := newLogger(cfg, stderr)
	if err != nil {
		return usageError{err}
	}
	// The lock comes before the ports: whoever starts a second node is told of the first.
	lock, err := lockData(cfg)
	if err != nil {
		return err
	}
	listeners, err := listen(&cfg)
	if err != nil {
		return errors.Join(err, lock.Release())
	}
	defer listeners.close()
	a, err := openApp(ctx, cfg, log, lock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	a.levels = levels
	if err := a.isNode(); err != nil {
		return err
	}
	if a.far == nil {
		if err := a.rootKey(ctx, stdout); err != nil {
			return err
		}
	}
	if cfg.role("core") {
		if err := errors.Join(a.buckets.Start(ctx), a.collections.Start(ctx), a.startScrub(ctx)); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	a.serve(ctx, g, listeners)
	g.Go(func() error { return serveControl(ctx, a) })
	g.Go(func() error { return a.buckets.RunReads(ctx) })
	if cfg.role("core") {
		g.Go(func() error { return a.queue.Run(ctx) })
		g.Go(func() error { return a.buckets.RunAnnouncer(ctx) })
		g.Go(func() error { return a.deals.Run(ctx) })
	}
	if a.sandbox != nil {
		g.Go(func() error { return a.sandbox.Run(ctx) })
	}
	fmt.Fprintln(stdout, a.readyLine())
	return g.Wait()
}

// ports are the node's listening addresses.
type ports struct{ s3, api, gateway net.Listener }

func (p ports) close() {
	for _, l := range []net.Listener{p.s3, p.api, p.gateway} {
		if l != nil {
			l.Close()
		}
	}
}

// certificates are what HTTPS is spoken with; nil: HTTP.
func (c config) certificates() (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, usageError{fmt.Errorf("--tls-cert: %w", err)}
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// listen takes the addresses before the stores are opened, so that a port in
// use ends the start at once, and writes the real ports of ":0" back to cfg.
func listen(cfg *config) (p ports, err error) {
	certs, err := cfg.certificates()
	if err != nil {
		return p, err
	}
	take := func(addr *string, into *net.Listener) {
		if err != nil {
			return
		}
		var l net.Listener
		if l, err = net.Listen("tcp", *addr); err != nil {
			err = fmt.Errorf("listen: %w", err)
			return
		}
		*addr = l.Addr().String()
		l = cork.Listener(l)
		if certs != nil {
			l = tls.NewListener(l, certs)
		}
		*into = l
	}
	take(&cfg.APIAddr, &p.api)
	if cfg.role("api") {
		take(&cfg.S3Addr, &p.s3)
		take(&cfg.GatewayAddr, &p.gateway)
	}
	if err != nil {
		p.close()
	}
	return p, err
}

func (a *app) serve(ctx context.Context, g *errgroup.Group, p ports) {
	stats := reqstat.New(a.metrics)
	proxies, err := a.cfg.proxies()
	if err != nil {
		panic(err) // config.check has seen them
	}
	serve := func(l net.Listener, h http.Handler) {
		g.Go(func() error { return serveHTTP(ctx, l, clientaddr.Behind(proxies, h), a.log) })
	}
	serve(p.api, a.apiHandler(stats))
	if p.s3 != nil {
		api := s3.New(a.buckets, a.accounts, s3.Options{Region: a.cfg.S3Region, Domain: a.cfg.S3Domain, Ownership: a.cfg.S3Ownership,
			Deals: dealer{a.deals}, Log: a.log.With("pkg", "s3"), Metrics: a.metrics})
		serve(p.s3, stats.Wrap("s3", api))
	}
	if p.gateway != nil {
		serve(p.gateway, stats.Wrap("gateway", noteReads(a.node.Gateway(), a.buckets.Read, a.buckets.Sent)))
	}
}

// apiHandler is what the API address serves.
func (a *app) apiHandler(stats *reqstat.Recorder) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/piece/", stats.Wrap("piece", a.deals.PieceHandler()))
	mux.Handle("/metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
		a.writeIsolation(w)
		a.writeAccounts(w)
	})
	mux.HandleFunc("/readyz", a.readyz)
	if a.cfg.role("api") {
		ui := web.New(a.buckets, a.collections, a.deals, a.accounts, a.node, a.queue, web.Options{
			Version: version, Requests: stats.Snapshot, Public: s3.PublicAccess(a.buckets), S3URL: a.cfg.scheme() + "://" + a.cfg.S3Addr,
			GatewayURL: a.cfg.scheme() + "://" + a.cfg.GatewayAddr, Log: a.log.With("pkg", "web")})
		v1 := estuaryapi.New(a.buckets, a.collections, a.deals, a.accounts, a.node, estuaryapi.Options{
			PublicURL: a.cfg.PublicURL, GatewayURL: strings.TrimRight(a.cfg.network.GatewayURL, "/"), UploadOff: !a.cfg.Uploads, UploadURLs: a.cfg.UploadURLs,
			Version: version, Rate: a.cfg.APIRate, Settings: a.cfg.told, LogLevel: a.levels.Set, Log: a.log.With("pkg", "estuaryapi")})
		mux.Handle("/ui/", stats.Wrap("web", ui))
		mux.Handle("/ui/live", ui) // a stream is no request: it would spoil the figures it shows
		mux.Handle("GET /{$}", http.RedirectHandler("/ui/", http.StatusFound))
		mux.Handle("/", stats.Wrap("estuary", noteReads(v1, a.buckets.Read, a.buckets.Sent)))
	}
	return mux
}

// readyz says whether the node can do its work: the metadata store answers.
func (a *app) readyz(w http.ResponseWriter, r *http.Request) {
	if err := a.store.View(r.Context(), func(kv.Tx) error { return nil }); err != nil {
		a.log.Error("readiness", "err", err)
		http.Error(w, "metadata store does not answer; see the log", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ready\n")
	a.writeIsolation(w)
	a.writeAccounts(w)
}

// stallLimit is how long a client may send nothing of a body, or take nothing
// of an answer, before it is cut off.
const stallLimit = 90 * time.Second

// serveHTTP serves l until ctx ends, then lets running requests end for a while.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           cork.Handler(stall.Handler(h, stallLimit)),
		ConnContext:       cork.Context,
		ReadHeaderTimeout: 20 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(grace); err != nil {
			srv.Close()
		}
	})
	err := srv.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		<-done
		return nil
	}
	stop()
	return err
}

// rootKey makes sure that the root S3 key exists; it prints one that it chose itself.
func (a *app) rootKey(ctx context.Context, stdout io.Writer) error {
	root, err := a.accounts.UserByName(ctx, "root")
	if errors.Is(err, accounts.ErrNoUser) {
		root, err = a.accounts.CreateUser(ctx, "root", "", accounts.LevelAdmin)
	}
	if err != nil {
		return fmt.Errorf("root user: %w", err)
	}
	keys, err := a.accounts.Keys(ctx, root.ID)
	if err != nil {
		return fmt.Errorf("root key: %w", err)
	}
	access, secret := a.cfg.RootAccessKey, a.cfg.RootSecretKey.reveal()
	switch {
	case access == "" && len(keys) > 0:
		return nil
	case access != "":
		return a.ensureKey(ctx, root.ID, access, secret)
	}
	key, secret, err := a.accounts.CreateKey(ctx, root.ID, "", "")
	if err != nil {
		return fmt.Errorf("root key: %w", err)
	}
	fmt.Fprintf(stdout, "root S3 key (shown once)  AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s\n", key.Access, secret)
	return nil
}

// ensureKey makes the user's key have this secret.
func (a *app) ensureKey(ctx context.Context, user uint64, access, secret string) error {
	owner, have, err := a.accounts.Secret(ctx, access)
	switch {
	case errors.Is(err, accounts.ErrNoKey):
	case err != nil:
		return fmt.Errorf("root key: %w", err)
	case owner.ID != user:
		return usageError{fmt.Errorf("--root-access-key: %s is a key of user %s", access, owner.Name)}
	case have == secret:
		return nil
	default:
		if err := a.accounts.DeleteKey(ctx, user, access); err != nil {
			return fmt.Errorf("root key: %w", err)
		}
	}
	if _, _, err := a.accounts.CreateKey(ctx, user, access, secret); err != nil {
		return fmt.Errorf("root key: %w", err)
	}
	return nil
}

// readyLine tells every address in one line that a script can read.
func (a *app) readyLine() string {
	c := a.cfg
	parts := []string{"ready"}
	if c.role("api") {
		parts = append(parts, "s3="+c.scheme()+"://"+c.S3Addr)
	}
	parts = append(parts, "api="+c.scheme()+"://"+c.APIAddr)
	if c.role("api") {
		parts = append(parts, "gateway="+c.scheme()+"://"+c.GatewayAddr, "web="+c.scheme()+"://"+c.APIAddr+"/ui/")
	}
	for _, addr := range a.node.Addrs() {
		parts = append(parts, "libp2p="+addr)
	}
	if a.sandbox != nil {
		parts = append(parts, "sandbox="+strings.Join(a.sandbox.RPCAddrs(), ","))
	}
	return strings.Join(append(parts, "data="+c.Data), " ")
}
