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
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/accounts"
	remoteaccounts "github.com/whypfs/whypfs/accounts/remote"
	"github.com/whypfs/whypfs/internal/dirlock"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

func (c *cli) authCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "auth",
		Short: "keep the accounts of several nodes, which reach it with --auth-url",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.live != nil {
				return usageError{errors.New("this is running already")}
			}
			faults := []error{c.cfg.load(cmd.Flags(), os.LookupEnv)}
			bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
			c.cfg.users.check(bad)
			c.cfg.checkBasics(bad)
			c.cfg.checkService(bad)
			if err := errors.Join(faults...); err != nil {
				return usageError{err}
			}
			return serveAuth(cmd.Context(), c.cfg, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.cfg.serviceFlags(cmd.Flags())
	cmd.Flags().SortFlags = false
	cmd.AddCommand(c.authTakeCommand())
	return cmd
}

func (c *cli) authTakeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "take DIR",
		Short: "move the accounts of the stopped node with the data directory DIR to a new service, whose is --data",
		Args:  nArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.cfg.load(cmd.Flags(), os.LookupEnv); err != nil {
				return usageError{err}
			}
			users, err := takeAccounts(cmd.Context(), args[0], c.cfg)
			if errors.Is(err, accounts.ErrPlace) {
				err = usageError{fmt.Errorf("%s has no accounts of its own, or %s has others: %w", args[0], c.cfg.Data, err)}
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "moved %d users: start `whypfs auth --data %s`, and the node with --auth-url\n", users, c.cfg.Data)
			return nil
		},
	}
}

// takeAccounts moves a node's accounts to a service. Neither runs.
func takeAccounts(ctx context.Context, node string, cfg config) (users int, err error) {
	if have, err := (metadata{data: node}).have(""); err != nil || have == "" {
		return 0, usageError{errors.Join(fmt.Errorf("%s is no data directory of a node", node), err)}
	}
	from, closeFrom, err := openVault(ctx, node)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeFrom()) }()
	to, closeTo, err := openVault(ctx, cfg.Data)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeTo()) }()
	return accounts.Move(ctx, from, to)
}

// openVault opens what there is of accounts in a data directory.
func openVault(ctx context.Context, data string) (v accounts.Vault, closed func() error, err error) {
	lock, err := lockData(config{Data: data})
	if err != nil {
		return v, nil, err
	}
	if err := orphaned(data); err != nil {
		return v, nil, errors.Join(err, lock.Release())
	}
	if v.Store, err = (metadata{data: data, log: slog.New(slog.DiscardHandler)}).open(ctx, ""); err != nil {
		return v, nil, errors.Join(err, lock.Release())
	}
	closed = func() error { return errors.Join(v.Store.Close(), lock.Release()) }
	if v.Box, err = seal.Open(filepath.Join(data, "master.key")); err != nil {
		return v, nil, errors.Join(err, closed())
	}
	return v, closed, nil
}

// serveAuth runs an authorization service until ctx ends.
func serveAuth(ctx context.Context, cfg config, stdout, stderr io.Writer) (err error) {
	log, _, err := newLogger(cfg, stderr)
	if err != nil {
		return usageError{err}
	}
	lock, err := lockData(cfg)
	if err != nil {
		return err
	}
	certs, err := cfg.certificates()
	if err != nil {
		return errors.Join(err, lock.Release())
	}
	l, err := net.Listen("tcp", cfg.AuthAddr)
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), lock.Release())
	}
	defer l.Close()
	cfg.AuthAddr = l.Addr().String()
	if certs != nil {
		l = tls.NewListener(l, certs)
	}
	a, id, err := openService(ctx, cfg, log, lock)
	defer func() { err = errors.Join(err, a.Close()) }()
	if err != nil {
		return err
	}
	h, err := a.authHandler(id)
	if err != nil {
		return err
	}
	if err := a.rootKey(ctx, stdout); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveHTTP(ctx, l, h, log) })
	g.Go(func() error { return serveControl(ctx, a) })
	fmt.Fprintf(stdout, "ready auth=%s://%s secret=%s data=%s\n", cfg.scheme(), cfg.AuthAddr, cfg.secretFile(), cfg.Data)
	return g.Wait()
}

// secretFile is where the secret is that nodes have too.
func (c config) secretFile() string {
	if c.AuthSecretFile != "" {
		return c.AuthSecretFile
	}
	return filepath.Join(c.Data, "auth.secret")
}

// openService opens the data directory of an authorization service, which is
// the metadata of a node with nothing but accounts in it. It owns lock from now on.
func openService(ctx context.Context, cfg config, log *slog.Logger, lock *dirlock.Lock) (a *app, id string, err error) {
	a = &app{cfg: cfg, log: log, lock: lock, metrics: prometheus.NewRegistry(), service: true}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := orphaned(cfg.Data); err != nil {
		return a, "", err
	}
	if a.store, err = (metadata{cfg.Data, log, a.metrics}).open(ctx, cfg.Meta); err != nil {
		return a, "", err
	}
	if a.box, err = seal.Open(filepath.Join(cfg.Data, "master.key")); err != nil {
		return a, "", err
	}
	a.accounts = accounts.New(a.store, a.box, cfg.users.options())
	id, err = accounts.Serve(ctx, a.store)
	if errors.Is(err, accounts.ErrPlace) {
		err = usageError{fmt.Errorf("%s is the data directory of a node: give an authorization service one of its own; `whypfs auth take` moves the node's accounts to it", cfg.Data)}
	}
	return a, id, err
}

// authHandler is what the address of an authorization service serves.
func (a *app) authHandler(id string) (http.Handler, error) {
	secrets, made, err := remoteaccounts.MakeSecrets(a.cfg.secretFile())
	if err != nil {
		return nil, usageError{fmt.Errorf("--auth-secret-file: %w", err)}
	}
	if made {
		a.log.Info("made a secret for the nodes", "file", a.cfg.secretFile())
	}
	mux := http.NewServeMux()
	mux.Handle("/", remoteaccounts.Handler(a.accounts, id, secrets, remoteaccounts.HandlerOptions{Log: a.log.With("pkg", "accounts"), Metrics: a.metrics}))
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.store.View(r.Context(), func(kv.Tx) error { return nil }); err != nil {
			a.log.Error("readiness", "err", err)
			http.Error(w, "the store of the accounts does not answer; see the log", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ready\n")
	})
	return mux, nil
}
