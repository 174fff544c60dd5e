package main

import (
	"context"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/accounts"
)

func (c *cli) setupCommand() *cobra.Command {
	var name string
	var password secret
	cmd := &cobra.Command{
		Use:   "setup --username U --password P",
		Short: "make the first admin and print its token",
		Args:  noArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" || password.empty() {
				return usageError{fmt.Errorf("usage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
			return a.setup(ctx, out, name, password.reveal())
		}),
	}
	cmd.Flags().StringVar(&name, "username", "", "name of the admin")
	cmd.Flags().Var(&password, "password", "password, at least 8 characters")
	return cmd
}

var setupName = regexp.MustCompile(`^[A-Za-z\d]{1,32}$`)

// setup makes an admin; with the same name and password it only prints a new token.
func (a *app) setup(ctx context.Context, out io.Writer, name, password string) error {
	if !setupName.MatchString(name) {
		return usageError{fmt.Errorf("--username: %q is not 1 to 32 letters and digits", name)}
	}
	user, err := a.accounts.Login(ctx, name, password)
	if err != nil {
		user, err = a.accounts.CreateUser(ctx, name, password, accounts.LevelAdmin)
	}
	if err != nil {
		return fmt.Errorf("set up %s: %w", name, err)
	}
	token, _, err := a.accounts.CreateToken(ctx, user.ID, accounts.TokenSpec{Lifetime: year, Label: "setup"})
	if err != nil {
		return fmt.Errorf("set up %s: %w", name, err)
	}
	_, err = fmt.Fprintf(out, "Auth Token: %s\n", token)
	return err
}

func (c *cli) userCommand() *cobra.Command {
	var admin bool
	var password secret
	add := &cobra.Command{
		Use:   "add NAME",
		Short: "add a user and print a token of his",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
			level := accounts.LevelUser
			if admin {
				level = accounts.LevelAdmin
			}
			user, err := a.accounts.CreateUser(ctx, args[0], password.reveal(), level)
			if err != nil {
				return fmt.Errorf("add user %s: %w", args[0], err)
			}
			token, _, err := a.accounts.CreateToken(ctx, user.ID, accounts.TokenSpec{Label: "user add"})
			if err != nil {
				return fmt.Errorf("token of %s: %w", args[0], err)
			}
			_, err = fmt.Fprintf(out, "Auth Token: %s\n", token)
			return err
		}),
	}
	add.Flags().BoolVar(&admin, "admin", false, "the user administers the node")
	add.Flags().Var(&password, "password", "password for the web UI; without one the user has only tokens and keys")
	ls := listing(c, "ls", "list users",
		[]string{"id", "name", "level", "created"},
		func(ctx context.Context, a *app, _ []string) ([]accounts.User, error) { return a.accounts.Users(ctx) },
		func(u accounts.User) []any {
			return []any{u.ID, u.Name, int(u.Level), stamp(u.Created)}
		})
	return group("user", "users of the node", add, ls)
}

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
			key, plain, err := a.accounts.CreateKey(ctx, owner.ID, access, secretKey.reveal())
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
			return a.accounts.DeleteKey(ctx, owner.ID, args[0])
		}),
	}
}
