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

// operator is the accounts as whoever has the data directory changes them.
func (a *app) operator() *accounts.Accounts {
	return a.accounts.By(accounts.Actor{Name: "operator", From: "cli"})
}

// setup makes an admin; with the same name and password it only prints a new token.
func (a *app) setup(ctx context.Context, out io.Writer, name, password string) error {
	if !setupName.MatchString(name) {
		return usageError{fmt.Errorf("--username: %q is not 1 to 32 letters and digits", name)}
	}
	user, err := a.accounts.Login(ctx, name, password)
	if err != nil {
		user, err = a.operator().CreateUser(ctx, name, password, accounts.LevelAdmin)
	}
	if err != nil {
		return fmt.Errorf("set up %s: %w", name, err)
	}
	token, _, err := a.operator().CreateToken(ctx, user.ID, accounts.TokenSpec{Lifetime: year, Label: "setup"})
	if err != nil {
		return fmt.Errorf("set up %s: %w", name, err)
	}
	_, err = fmt.Fprintf(out, "Auth Token: %s\n", token)
	return err
}
