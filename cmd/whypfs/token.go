package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/accounts"
)

func (c *cli) tokenCommand() *cobra.Command {
	ls := listing(c, "ls USER", "list a user's tokens by their hashes, the expired ones too",
		[]string{"hash", "level", "label", "session", "created", "expires"},
		func(ctx context.Context, a *app, args []string) ([]accounts.Token, error) {
			u, err := a.accounts.UserByName(ctx, args[0])
			if err != nil {
				return nil, fmt.Errorf("user %s: %w", args[0], err)
			}
			return a.accounts.Tokens(ctx, u.ID)
		},
		func(t accounts.Token) []any {
			return []any{t.Hash, t.Level, orDash(t.Label), t.Session, stamp(t.Created), stamp(t.Expires)}
		})
	revoke := &cobra.Command{
		Use:   "revoke USER TOKEN|HASH",
		Short: "end a token at once",
		Args:  nArgs(2),
		RunE: c.onUser(func(ctx context.Context, a *app, _ io.Writer, u accounts.User, args []string) error {
			return a.operator().RevokeToken(ctx, u.ID, args[0])
		}),
	}
	return group("token", "tokens for the Estuary API and the Pinning Service API", c.tokenNewCommand(), ls, revoke)
}

func (c *cli) tokenNewCommand() *cobra.Command {
	var level, label string
	var lifetime time.Duration
	cmd := &cobra.Command{
		Use:   "new USER",
		Short: "make a token of a user and print it",
		Args:  nArgs(1),
		RunE: c.onUser(func(ctx context.Context, a *app, out io.Writer, u accounts.User, _ []string) error {
			spec := accounts.TokenSpec{Level: levels[level], Lifetime: lifetime, Label: label}
			if level != "" && spec.Level == 0 {
				return usageError{fmt.Errorf("--level: %q is not upload, user or admin", level)}
			}
			token, _, err := a.operator().CreateToken(ctx, u.ID, spec)
			if err != nil {
				return fmt.Errorf("token of %s: %w", u.Name, err)
			}
			_, err = fmt.Fprintf(out, "Auth Token: %s\n", token)
			return err
		}),
	}
	cmd.Flags().StringVar(&level, "level", "", "what it may do: upload, user or admin, not more than its user; empty: as much")
	cmd.Flags().StringVar(&label, "label", "", "what it is for")
	cmd.Flags().DurationVar(&lifetime, "lifetime", 30*24*time.Hour, "how long it is valid")
	return cmd
}
