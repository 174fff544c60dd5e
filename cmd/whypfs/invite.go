package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/accounts"
)

func (c *cli) inviteCommand() *cobra.Command {
	var code string
	add := &cobra.Command{
		Use:   "new",
		Short: "make an invite, with which one person can register, and print its code",
		Args:  noArgs,
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
			i, err := a.operator().CreateInvite(ctx, code, "operator")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(out, i.Code)
			return err
		}),
	}
	add.Flags().StringVar(&code, "code", "", "its code; chosen at random if not given")
	ls := listing(c, "ls", "list invites, the newest first",
		[]string{"code", "by", "created", "claimed by", "claimed"},
		func(ctx context.Context, a *app, _ []string) ([]accounts.Invite, error) {
			return a.accounts.Invites(ctx)
		},
		func(i accounts.Invite) []any {
			return []any{i.Code, i.By, stamp(i.Created), orDash(i.ClaimedBy), stamp(i.Claimed)}
		})
	rm := &cobra.Command{
		Use:   "rm CODE",
		Short: "take an invite back that nobody used",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, _ io.Writer, args []string) error {
			return a.operator().DeleteInvite(ctx, args[0])
		}),
	}
	return group("invite", "invites to register", add, ls, rm)
}
