package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
)

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
			user, err := a.operator().CreateUser(ctx, args[0], password.reveal(), level)
			if err != nil {
				return fmt.Errorf("add user %s: %w", args[0], err)
			}
			token, _, err := a.operator().CreateToken(ctx, user.ID, accounts.TokenSpec{Label: "user add"})
			if err != nil {
				return fmt.Errorf("token of %s: %w", args[0], err)
			}
			_, err = fmt.Fprintf(out, "Auth Token: %s\n", token)
			return err
		}),
	}
	add.Flags().BoolVar(&admin, "admin", false, "the user administers the node")
	add.Flags().Var(&password, "password", "password for the web UI and V1's pages; without one the user has only tokens and keys")
	return group("user", "users of the node", add, c.userListCommand(), c.userPasswordCommand(), c.userSuspendCommand(),
		c.userUnsuspendCommand(), c.userLevelCommand(), c.userQuotaCommand(), c.userRecountCommand())
}

func (c *cli) userListCommand() *cobra.Command {
	return listing(c, "ls", "list users",
		[]string{"id", "name", "level", "created", "contents", "bytes", "of contents", "of bytes", "suspended"},
		listUsers,
		func(u listedUser) []any {
			return []any{u.ID, u.Name, int(u.Level), stamp(u.Created), u.Kept.Objects, bytesText(u.Kept.Bytes),
				limitText(u.Quota.Objects, func(n int64) string { return strconv.FormatInt(n, 10) }), limitText(u.Quota.Bytes, bytesText), orDash(u.Suspended)}
		})
}

// listedUser is a user with what he keeps.
type listedUser struct {
	accounts.User
	Kept buckets.Usage
}

func listUsers(ctx context.Context, a *app, _ []string) ([]listedUser, error) {
	all, err := a.accounts.Users(ctx)
	if err != nil {
		return nil, err
	}
	var kept map[uint64]buckets.Usage // of an authorization service: nobody keeps anything there
	if !a.service {
		if kept, err = a.buckets.Usages(ctx); err != nil {
			return nil, err
		}
	}
	var list []listedUser
	for _, u := range all {
		list = append(list, listedUser{u, kept[u.ID]})
	}
	return list, nil
}

func limitText(n int64, text func(int64) string) string {
	if n == 0 {
		return "no limit"
	}
	return text(n)
}

func (c *cli) userQuotaCommand() *cobra.Command {
	var bytes size
	var objects int64
	var byDefault bool
	cmd := &cobra.Command{
		Use:   "quota NAME [--bytes SIZE] [--objects N] [--default]",
		Short: "say how much a user may keep; 0 is no limit, and what is not given stays",
		Args:  nArgs(1),
	}
	cmd.Flags().Var(&bytes, "bytes", "bytes of all his contents, as 1TiB")
	cmd.Flags().Int64Var(&objects, "objects", 0, "number of contents")
	cmd.Flags().BoolVar(&byDefault, "default", false, "what --quota-bytes and --quota-objects say, again")
	cmd.RunE = c.onUser(func(ctx context.Context, a *app, _ io.Writer, u accounts.User, _ []string) error {
		given := cmd.Flags().Changed
		q := &u.Quota
		switch {
		case byDefault == (given("bytes") || given("objects")):
			return usageError{errors.New("give --bytes, --objects or both, or --default")}
		case byDefault:
			q = nil
		}
		if given("bytes") {
			q.Bytes = int64(bytes)
		}
		if given("objects") {
			q.Objects = objects
		}
		return a.operator().SetQuota(ctx, u.ID, q)
	})
	return cmd
}

func (c *cli) userRecountCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "recount",
		Short: "count anew what everybody keeps, if fsck says that the rows are wrong",
		Args:  noArgs,
		RunE: c.on(func(ctx context.Context, a *app, _ io.Writer, _ []string) error {
			return a.buckets.RecountUsage(ctx)
		}),
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// onUser makes a RunE that works on the user whom the first argument names.
func (c *cli) onUser(act func(ctx context.Context, a *app, out io.Writer, u accounts.User, args []string) error) func(*cobra.Command, []string) error {
	return c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		u, err := a.accounts.UserByName(ctx, args[0])
		if err != nil {
			return fmt.Errorf("user %s: %w", args[0], err)
		}
		return act(ctx, a, out, u, args[1:])
	})
}

func (c *cli) userPasswordCommand() *cobra.Command {
	var password secret
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "set a user's password, read from the standard input unless --password is given, and end his sessions",
		Args:  nArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.live == nil && password.empty() {
				if err := c.read("-"); err != nil {
					return err
				}
			}
			return c.onUser(func(ctx context.Context, a *app, _ io.Writer, u accounts.User, _ []string) error {
				plain := password.reveal()
				if password.empty() {
					plain = strings.TrimRight(string(c.input), "\r\n")
				}
				if err := a.operator().SetPassword(ctx, u.ID, plain); err != nil {
					return fmt.Errorf("password of %s: %w", u.Name, err)
				}
				return a.operator().EndSessions(ctx, u.ID, "")
			})(cmd, args)
		},
	}
	cmd.Flags().Var(&password, "password", "the new password, at least 8 characters")
	return cmd
}

func (c *cli) userSuspendCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "suspend NAME --reason WHY",
		Short: "refuse a user's logins, tokens and S3 keys; what he stored stays",
		Args:  nArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(reason) == "" {
				return usageError{errors.New("--reason: say why; the user is told")}
			}
			return nil
		},
		RunE: c.onUser(func(ctx context.Context, a *app, _ io.Writer, u accounts.User, _ []string) error {
			return a.operator().Suspend(ctx, u.ID, reason)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; the user is told")
	return cmd
}

func (c *cli) userUnsuspendCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unsuspend NAME",
		Short: "let a user in again, with the tokens and keys that he had",
		Args:  nArgs(1),
		RunE: c.onUser(func(ctx context.Context, a *app, _ io.Writer, u accounts.User, _ []string) error {
			return a.operator().Unsuspend(ctx, u.ID)
		}),
	}
}

// levels are their names on the command line.
var levels = map[string]accounts.Level{"upload": accounts.LevelUpload, "user": accounts.LevelUser, "admin": accounts.LevelAdmin}

func (c *cli) userLevelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "level NAME upload|user|admin",
		Short: "change what a user may do; his tokens sink with him",
		Args:  nArgs(2),
		RunE: c.onUser(func(ctx context.Context, a *app, _ io.Writer, u accounts.User, args []string) error {
			level, ok := levels[args[0]]
			if !ok {
				return usageError{fmt.Errorf("%q is not upload, user or admin", args[0])}
			}
			return a.operator().SetLevel(ctx, u.ID, level)
		}),
	}
}
