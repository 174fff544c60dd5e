package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/node"
)

func (c *cli) nameCommand() *cobra.Command {
	ls := listing(c, "ls", "list the names whose keys are here",
		[]string{"key", "name", "value", "ttl", "valid until"},
		func(ctx context.Context, a *app, _ []string) ([]node.OwnName, error) { return a.node.Names(ctx) },
		func(n node.OwnName) []any {
			if n.Value == "" {
				return []any{n.Key, n.Name, "-", "-", "-"}
			}
			return []any{n.Key, n.Name, n.Value, n.TTL, stamp(n.Until)}
		})
	rm := &cobra.Command{
		Use:   "rm KEY",
		Short: "forget a key, and with it the name for good; of `self` only what it means",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, _ io.Writer, args []string) error {
			return a.node.RemoveName(ctx, args[0])
		}),
	}
	return group("name", "IPNS names", ls, c.publishCommand(), rm)
}

func (c *cli) publishCommand() *cobra.Command {
	var key string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "publish PATH",
		Short: "make a name mean a path, /ipfs/… or /ipns/…, and print the name; the running node keeps it valid",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
			name, err := a.node.PublishName(ctx, key, args[0], ttl)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(out, name)
			return err
		}),
	}
	cmd.Flags().StringVar(&key, "key", node.SelfKey, "key of the name, made by its first use; self: the node's own")
	cmd.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long others may remember the path")
	return cmd
}
