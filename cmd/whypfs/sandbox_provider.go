package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/deals/sandbox"
)

func (c *cli) sandboxProviderCommand() *cobra.Command {
	fail := &cobra.Command{
		Use:   "fail NAME MODE",
		Short: "make a storage provider misbehave; mode none heals it",
		Args:  nArgs(2),
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			return n.Fail(args[0], args[1])
		}),
	}
	ls := &cobra.Command{
		Use:   "ls",
		Short: "list the sandbox's storage providers",
		Args:  noArgs,
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, out io.Writer, _ []string) error {
			t := newTable("name", "dialect", "mode", "pieces", "deals", "held", "http", "libp2p")
			for _, p := range n.Snapshot().Providers {
				t.row(p.Address, p.Dialect, p.Mode, p.Pieces, len(p.Deals), p.Held, p.HTTP, p.P2P)
			}
			return t.write(out)
		}),
	}
	return group("provider", "storage providers of the sandbox", fail, ls, modesCommand(sandbox.Modes()),
		c.sandboxAskCommand(), c.sandboxImportCommand(), c.sandboxAutoImportCommand(), c.sandboxSignCommand())
}

func (c *cli) sandboxSignCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sign NAME HEX",
		Short: "sign with the key of a provider's worker, as `lotus wallet sign` does, to claim it",
		Args:  nArgs(2),
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, out io.Writer, args []string) error {
			data, err := hex.DecodeString(args[1])
			if err != nil {
				return usageError{fmt.Errorf("%q: %w", args[1], err)}
			}
			sig, err := n.SignByWorker(args[0], data)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "%x\n", sig)
			return err
		}),
	}
}

func (c *cli) sandboxAskCommand() *cobra.Command {
	var ask sandbox.Ask
	cmd := &cobra.Command{
		Use:   "ask NAME",
		Short: "change what a provider wants for its storage",
		Args:  nArgs(1),
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			return n.SetAsk(args[0], ask)
		}),
	}
	cmd.Flags().Int64Var(&ask.Price, "price", 50_000_000, "attoFIL per GiB and epoch")
	cmd.Flags().Int64Var(&ask.VerifiedPrice, "verified-price", 5_000_000, "the same of verified deals")
	cmd.Flags().Int64Var(&ask.MinPiece, "min-piece", 1<<20, "smallest padded piece, in bytes")
	cmd.Flags().Int64Var(&ask.MaxPiece, "max-piece", 32<<30, "largest padded piece, in bytes")
	return cmd
}

func (c *cli) sandboxImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import NAME DEAL SOURCE",
		Short: "give a provider the data of an offline deal, from a URL or a file",
		Args:  nArgs(3),
		RunE: c.onSandbox(func(ctx context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			return n.Import(ctx, args[0], args[1], args[2])
		}),
	}
}

func (c *cli) sandboxAutoImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "auto-import NAME on|off",
		Short: "have a provider fetch offline deals by the links in them",
		Args:  nArgs(2),
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			if args[1] != "on" && args[1] != "off" {
				return usageError{fmt.Errorf("%q is neither on nor off", args[1])}
			}
			return n.SetAutoImport(args[0], args[1] == "on")
		}),
	}
}
