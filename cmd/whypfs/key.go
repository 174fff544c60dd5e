package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/accounts"
)

func (c *cli) keyCommand() *cobra.Command {
	var user, access string
	var secretKey secret
	add := &cobra.Command{
		Use:   "add --user NAME",
		Short: "make an S3 key of a user and print it",
		Args:  noArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if user == "" {
				return usageError{fmt.Errorf("usage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
			owner, err := a.accounts.UserByName(ctx, user)
			if err != nil {
				return fmt.Errorf("user %s: %w", user, err)
			}
			key, plain, err := a.operator().CreateKey(ctx, owner.ID, access, secretKey.reveal())
			if err != nil {
				return fmt.Errorf("key of %s: %w", user, err)
			}
			_, err = fmt.Fprintf(out, "AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s\n", key.Access, plain)
			return err
		}),
	}
	add.Flags().StringVar(&user, "user", "", "name of the user")
	add.Flags().StringVar(&access, "access-key", "", "access key; chosen at random if not given")
	add.Flags().Var(&secretKey, "secret-key", "secret key; chosen at random if not given")
	return group("key", "S3 keys", add, c.keyListCommand(), c.keyRemoveCommand())
}

func (c *cli) keyListCommand() *cobra.Command {
	return listing(c, "ls USER", "list a user's S3 keys",
		[]string{"access key", "created"},
		func(ctx context.Context, a *app, args []string) ([]accounts.Key, error) {
			owner, err := a.accounts.UserByName(ctx, args[0])
			if err != nil {
				return nil, fmt.Errorf("user %s: %w", args[0], err)
			}
			return a.accounts.Keys(ctx, owner.ID)
		},
		func(k accounts.Key) []any {
			return []any{k.Access, stamp(k.Created)}
		})
}

func (c *cli) keyRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm ACCESS_KEY",
		Short: "revoke an S3 key",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
			owner, _, err := a.accounts.Secret(ctx, args[0])
			if err != nil {
				return fmt.Errorf("key %s: %w", args[0], err)
			}
			return a.operator().DeleteKey(ctx, owner.ID, args[0])
		}),
	}
}
