package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/node"
)

// errNoUp says that a command needs a node that runs.
var errNoUp = errors.New("no node is running: only one that is up has peers")

func (c *cli) peerCommand() *cobra.Command {
	connect := &cobra.Command{
		Use:   "connect ADDR",
		Short: "connect the running node to a peer, given its multiaddr with /p2p/",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, _ io.Writer, args []string) error {
			if c.live == nil {
				return errNoUp
			}
			return a.node.Connect(ctx, args[0])
		}),
	}
	return group("peer", "peers of the running node", c.peerListCommand(), connect)
}

func (c *cli) peerListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "list the connected peers",
		Args:  noArgs,
		RunE: c.on(func(_ context.Context, a *app, out io.Writer, _ []string) error {
			if c.live == nil {
				return errNoUp
			}
			peers := a.node.Peers()
			if asJSON {
				if peers == nil {
					peers = []node.Peer{}
				}
				return printJSON(out, peers)
			}
			if err := a.node.Isolated(); err != nil {
				_, err := fmt.Fprintln(out, err)
				return err
			}
			t := newTable("peer", "address")
			for _, p := range peers {
				t.row(p.ID, p.Addr)
			}
			return t.write(out)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
