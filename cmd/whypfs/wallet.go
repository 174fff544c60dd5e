package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/deals/wallet"
)

func (c *cli) walletCommand() *cobra.Command {
	ls := listing(c, "ls", "list the keys, with the one that pays for new deals first",
		[]string{"address", "type", "default", "as Ethereum writes it"},
		func(ctx context.Context, a *app, _ []string) ([]wallet.Info, error) {
			return a.deals.Wallet().List(ctx)
		},
		func(i wallet.Info) []any { return []any{i.Address, i.Type, mark(i.Default), i.Ethereum} })
	return group("wallet", "the keys that sign deals and pay for them", ls, c.walletNewCommand(), c.walletImportCommand(),
		c.walletExportCommand(), c.walletSetDefaultCommand(), c.walletBalanceCommand())
}

func mark(on bool) string {
	if on {
		return "yes"
	}
	return ""
}

// walletDefaultCommand was all there was while the wallet had one key.
func (c *cli) walletDefaultCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "wallet",
		Short: "print the address that deals are paid from; `whypfs wallet` has the rest",
		Args:  noArgs,
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
			address, err := a.deals.Address(ctx)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(out, address)
			return err
		}),
	}
}

func (c *cli) walletNewCommand() *cobra.Command {
	typ := string(wallet.Secp256k1)
	cmd := &cobra.Command{
		Use:   "new",
		Short: "make a key and print its address",
		Args:  noArgs,
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
			return printAddress(out)(a.deals.Wallet().Create(ctx, wallet.Type(typ)))
		}),
	}
	cmd.Flags().StringVar(&typ, "type", typ, "secp256k1 (f1…) or delegated (f410f…, 0x…; it does not pay for deals)")
	return cmd
}

func (c *cli) walletImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE|-",
		Short: "take a key that `lotus wallet export` printed, and print its address",
		Args:  nArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.live == nil {
				if err := c.read(args[0]); err != nil {
					return err
				}
			}
			return c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
				return printAddress(out)(a.deals.Wallet().Import(ctx, c.input))
			})(cmd, args)
		},
	}
}

// maxInput is the longest input that a running node is sent.
const maxInput = 64 << 10

// read reads a file, or the standard input, for the command to use.
func (c *cli) read(name string) (err error) {
	in := os.Stdin
	if name != "-" {
		if in, err = os.Open(name); err != nil {
			return err
		}
		defer in.Close()
	}
	if c.input, err = io.ReadAll(io.LimitReader(in, maxInput+1)); err == nil && len(c.input) > maxInput {
		err = fmt.Errorf("%s: longer than any key", name)
	}
	return err
}

func printAddress(out io.Writer) func(fmt.Stringer, error) error {
	return func(addr fmt.Stringer, err error) error {
		switch {
		case errors.Is(err, wallet.ErrKeyType):
			return usageError{err}
		case err != nil:
			return err
		}
		_, err = fmt.Fprintln(out, addr)
		return err
	}
}

func (c *cli) walletExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export ADDRESS",
		Short: "print a secret key, as `lotus wallet import` takes it: whoever reads it owns what the address owns",
		Args:  nArgs(1),
	}
	cmd.RunE = c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		addr, err := wallet.ParseAddress(args[0])
		if err != nil {
			return usageError{err}
		}
		key, err := a.deals.Wallet().Export(ctx, addr)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "whypfs: this is the secret key of %s: whoever reads it owns what the address owns\n", addr)
		_, err = fmt.Fprintf(out, "%s\n", key)
		return err
	})
	return cmd
}

func (c *cli) walletSetDefaultCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "default ADDRESS",
		Short: "pay for new deals with another key; deals that were made keep theirs",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, _ io.Writer, args []string) error {
			addr, err := wallet.ParseAddress(args[0])
			if err != nil {
				return usageError{err}
			}
			return a.deals.Wallet().SetDefault(ctx, addr)
		}),
	}
}
