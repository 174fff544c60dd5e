package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/deals/sandbox"
)

func (c *cli) sandboxCommand() *cobra.Command {
	return group("sandbox", "the Filecoin network on loopback of `up --sandbox`",
		c.sandboxAdvanceCommand(), c.sandboxFaucetCommand(), c.sandboxDatacapCommand(), c.sandboxVersionCommand(),
		c.sandboxReorgCommand(), c.sandboxRPCCommand(), c.sandboxProviderCommand())
}

func (c *cli) sandboxAdvanceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "advance EPOCHS",
		Short: "move the sandbox's clock",
		Args:  nArgs(1),
		RunE: c.onSandbox(func(ctx context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			epochs, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || epochs < 1 {
				return usageError{fmt.Errorf("%q is not a number of epochs", args[0])}
			}
			return n.Advance(ctx, epochs)
		}),
	}
}

func (c *cli) sandboxFaucetCommand() *cobra.Command {
	var escrow bool
	cmd := &cobra.Command{
		Use:   "faucet ADDRESS FIL",
		Short: "give an address money to spend, or with --escrow in the market",
		Args:  nArgs(2),
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			amount, err := sandbox.ParseFIL(args[1])
			if err != nil {
				return usageError{err}
			}
			none, _ := sandbox.ParseFIL("0")
			if escrow {
				return n.Faucet(args[0], none, amount)
			}
			return n.Faucet(args[0], amount, none)
		}),
	}
	cmd.Flags().BoolVar(&escrow, "escrow", false, "into the market's escrow, from which deals are paid")
	return cmd
}

func (c *cli) sandboxDatacapCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "datacap ADDRESS BYTES",
		Short: "let a client make verified deals, below network version 29",
		Args:  nArgs(2),
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			bytes, err := strconv.ParseUint(args[1], 10, 50)
			if err != nil {
				return usageError{fmt.Errorf("%q is not a number of bytes", args[1])}
			}
			return n.GrantDatacap(args[0], bytes)
		}),
	}
}

func (c *cli) sandboxVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "network-version VERSION",
		Short: "upgrade the network: 28 has verified deals, 29 has none",
		Args:  nArgs(1),
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			v, err := strconv.ParseUint(args[0], 10, 16)
			if err != nil {
				return usageError{fmt.Errorf("%q is not a network version", args[0])}
			}
			return n.SetNetworkVersion(uint(v))
		}),
	}
}

func (c *cli) sandboxReorgCommand() *cobra.Command {
	var drop bool
	cmd := &cobra.Command{
		Use:   "reorg EPOCHS",
		Short: "undo the chain's last epochs, as when another fork wins",
		Args:  nArgs(1),
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			epochs, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("%q is not a number of epochs", args[0])}
			}
			return n.Reorg(epochs, drop)
		}),
	}
	cmd.Flags().BoolVar(&drop, "drop", false, "lose the messages of these epochs, instead of running them again")
	return cmd
}

func (c *cli) sandboxRPCCommand() *cobra.Command {
	fail := &cobra.Command{
		Use:   "fail N MODE",
		Short: "make the chain's endpoint N, from 0, misbehave; mode none heals it",
		Args:  nArgs(2),
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, _ io.Writer, args []string) error {
			i, err := strconv.Atoi(args[0])
			if err != nil {
				return usageError{fmt.Errorf("%q is not the number of an endpoint", args[0])}
			}
			return n.FailRPC(i, args[1])
		}),
	}
	ls := &cobra.Command{
		Use:   "ls",
		Short: "list the chain's endpoints",
		Args:  noArgs,
		RunE: c.onSandbox(func(_ context.Context, n *sandbox.Network, out io.Writer, _ []string) error {
			t := newTable("endpoint", "url", "mode")
			for i, e := range n.Snapshot().Endpoints {
				t.row(i, e.URL, e.Mode)
			}
			return t.write(out)
		}),
	}
	return group("rpc", "JSON-RPC endpoints of the sandbox's chain", fail, ls, modesCommand(sandbox.RPCModes()))
}

// modesCommand lists ways to misbehave.
func modesCommand(modes map[string]string) *cobra.Command {
	return &cobra.Command{
		Use:   "modes",
		Short: "list the ways to misbehave",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t := newTable("mode", "what happens")
			for mode, what := range modes {
				t.row(mode, what)
			}
			sort.Slice(t.rows, func(i, j int) bool { return t.rows[i][0] < t.rows[j][0] })
			return t.write(cmd.OutOrStdout())
		},
	}
}

func (c *cli) onSandbox(act func(context.Context, *sandbox.Network, io.Writer, []string) error) func(*cobra.Command, []string) error {
	return c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		if a.sandbox == nil {
			return errors.New("no sandbox is running here; start one with `whypfs up --sandbox`")
		}
		return act(ctx, a.sandbox, out, args)
	})
}
