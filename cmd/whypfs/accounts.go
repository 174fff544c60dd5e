package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/accounts"
	remoteaccounts "github.com/whypfs/whypfs/accounts/remote"
)

// openAccounts finds where the accounts of the data directory are.
func (a *app) openAccounts(ctx context.Context) error {
	place, users, err := accounts.PlaceOf(ctx, a.store)
	if err != nil {
		return err
	}
	switch {
	case place.Here:
		a.service = true
		fallthrough
	case a.cfg.AuthURL == "" && place.Service == "":
		a.accounts = accounts.New(a.store, a.box, a.cfg.users.options())
		return nil
	case a.cfg.AuthURL == "":
		a.accounts = accounts.At(away{})
		return nil
	case users:
		return usageError{fmt.Errorf("--auth-url: %s has users of its own, to whom its contents belong: `whypfs auth take` moves them to a new service (docs/auth.md)", a.cfg.Data)}
	}
	return a.dialAccounts(place)
}

// dialAccounts makes the client of an authorization service. It asks nothing
// yet: the service may be started later.
func (a *app) dialAccounts(place accounts.Place) error {
	secrets, err := remoteaccounts.ReadSecrets(a.cfg.AuthSecretFile)
	if err != nil {
		return usageError{fmt.Errorf("--auth-secret-file: %w", err)}
	}
	opt := remoteaccounts.Options{Follows: place.Service, Metrics: a.metrics,
		Follow: func(ctx context.Context, id string) error { return accounts.Follow(ctx, a.store, id) }}
	if a.cfg.AuthCA != "" {
		pem, err := os.ReadFile(a.cfg.AuthCA)
		if err != nil {
			return usageError{fmt.Errorf("--auth-ca: %w", err)}
		}
		opt.RootCAs = x509.NewCertPool()
		if !opt.RootCAs.AppendCertsFromPEM(pem) {
			return usageError{fmt.Errorf("--auth-ca: no certificate in %s", a.cfg.AuthCA)}
		}
	}
	if a.far, err = remoteaccounts.NewClient(a.cfg.AuthURL, secrets, opt); err != nil {
		return usageError{fmt.Errorf("--auth-url: %w", err)}
	}
	a.accounts = accounts.At(a.far)
	return nil
}

// away are accounts that are at a service of which the command was not told.
type away struct{}

var errAway = errors.New("the accounts of this data directory are at an authorization service: give --auth-url and --auth-secret-file to up, and commands without a running node WHYPFS_AUTH_URL and WHYPFS_AUTH_SECRET_FILE")

func (away) Call(context.Context, accounts.Call) (accounts.Answer, error) {
	return accounts.Answer{}, fmt.Errorf("%w: %w", accounts.ErrUnavailable, errAway)
}

// isNode refuses to run a node where there is none.
func (a *app) isNode() error {
	place, _, err := accounts.PlaceOf(context.Background(), a.store)
	switch {
	case err != nil:
		return err
	case a.service:
		return usageError{fmt.Errorf("%s is the data directory of an authorization service: `whypfs auth` runs it", a.cfg.Data)}
	case place.Service != "" && a.far == nil:
		return usageError{errAway}
	}
	return nil
}

// writeAccounts says that the authorization service did not answer, if it did
// not; why is the log's, for whom it concerns. The node goes on with what needs no account, so it is no reason to be
// taken out of service.
func (a *app) writeAccounts(w io.Writer) {
	if a.far != nil && a.far.Last() != nil {
		fmt.Fprintln(w, "accounts: the authorization service is not available")
	}
}

// ofAccounts are the commands that work on accounts alone.
var ofAccounts = map[string]bool{"setup": true, "user": true, "token": true, "invite": true, "audit": true, "key": true}

// fits refuses commands that an authorization service has nothing for.
func fits(cmd *cobra.Command, a *app) error {
	if !a.service {
		return nil
	}
	words := strings.Fields(cmd.CommandPath())
	if len(words) < 2 || !ofAccounts[words[1]] || words[len(words)-1] == "recount" {
		return usageError{fmt.Errorf("`%s` works on a node; this is the data directory of an authorization service, which has only accounts", cmd.CommandPath())}
	}
	return nil
}
