package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/deals"
)

// onProvider makes a RunE that does something to the provider that the first
// argument names, and records it.
func (c *cli) onProvider(action string, detail func() string, act func(ctx context.Context, d *deals.Deals, addr string) error) func(*cobra.Command, []string) error {
	return c.on(func(ctx context.Context, a *app, _ io.Writer, args []string) error {
		if err := act(ctx, a.deals, args[0]); err != nil {
			return err
		}
		return a.operator().Record(ctx, action, args[0], detail())
	})
}

func nothing() string { return "" }

// providerSayCommand says something of a provider: what say takes.
func (c *cli) providerSayCommand(use, short, action string, say func(*deals.Deals, context.Context, string, deals.ProviderChange) error) *cobra.Command {
	var name, region, owner, engine, url string
	var most int
	cmd := &cobra.Command{Use: use + " ADDRESS", Short: short, Args: nArgs(1)}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "what people call it")
	f.StringVar(&region, "region", "", "where it is, for the rules of buckets")
	f.StringVar(&owner, "owner", "", "whose it is, for the rules of buckets, if not its owner's on chain")
	f.StringVar(&engine, "engine", "", "how deals are brought to it: mk12, filclient or offline")
	f.StringVar(&url, "http", "", "base URL of its market over HTTP, if not as its addresses on chain say")
	f.IntVar(&most, "most", 0, "deals under way with it at once; 0: 20")
	change := func() (ch deals.ProviderChange) {
		for flag, of := range map[string]struct {
			into  **string
			value *string
		}{"name": {&ch.Name, &name}, "region": {&ch.Region, &region}, "owner": {&ch.Owner, &owner}, "engine": {&ch.Engine, &engine}, "http": {&ch.HTTP, &url}} {
			if f.Changed(flag) {
				*of.into = of.value
			}
		}
		if f.Changed("most") {
			ch.Most = &most
		}
		return ch
	}
	cmd.RunE = c.onProvider(action, func() string { return change().String() }, func(ctx context.Context, d *deals.Deals, addr string) error {
		if use == "set" && change() == (deals.ProviderChange{}) {
			return usageError{errors.New("say what is to be set: --name, --region, --owner, --engine, --http or --most")}
		}
		return say(d, ctx, addr, change())
	})
	return cmd
}

func (c *cli) providerRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm ADDRESS",
		Short: "take a provider that was added from those to choose from; its deals go on",
		Args:  nArgs(1),
		RunE: c.onProvider("provider.rm", nothing, func(ctx context.Context, d *deals.Deals, addr string) error {
			return d.RemoveProvider(ctx, addr)
		}),
	}
}

func (c *cli) providerSuspendCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "suspend ADDRESS --reason WHY",
		Short: "have a provider get no more deals; those that it knows of go on",
		Args:  nArgs(1),
		PreRunE: func(*cobra.Command, []string) error {
			if reason = strings.TrimSpace(reason); reason == "" {
				return usageError{errors.New("--reason: say why; the choice of providers tells it")}
			}
			return nil
		},
		RunE: c.onProvider("provider.suspend", func() string { return reason }, func(ctx context.Context, d *deals.Deals, addr string) error {
			if err := d.SuspendProvider(ctx, addr, reason, true); err != nil {
				return fmt.Errorf("suspend provider: %w", err)
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

func (c *cli) providerUnsuspendCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unsuspend ADDRESS",
		Short: "let a provider get deals again, whoever suspended it",
		Args:  nArgs(1),
		RunE: c.onProvider("provider.unsuspend", nothing, func(ctx context.Context, d *deals.Deals, addr string) error {
			if err := d.UnsuspendProvider(ctx, addr, true); err != nil {
				return fmt.Errorf("unsuspend provider: %w", err)
			}
			return nil
		}),
	}
}
