package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/buckets"
)

// treeText is a bucket's directory on IPFS for people and scripts.
type treeText struct {
	Root    string    // CID; empty while it is made for the first time
	Path    string    `json:",omitempty"` // on a gateway; none if the bucket is private
	AsOf    time.Time `json:",omitzero"`  // it lacks no change before that
	Pending bool      // there are later changes
}

func newTreeText(b buckets.Bucket, t buckets.Tree) *treeText {
	text := &treeText{AsOf: t.AsOf.UTC(), Pending: t.Pending}
	if t.Root.Defined() {
		text.Root = t.Root.String()
		if b.Policy.Publish {
			text.Path = "/ipfs/" + text.Root + "/"
		}
	}
	return text
}

func (c *cli) treeCommand() *cobra.Command {
	var wait time.Duration
	var forget bool
	cmd := &cobra.Command{
		Use:   "tree NAME",
		Short: "make a bucket a directory on IPFS, and show its CID",
		Long: `Show the CID of a directory that has the bucket's current objects under their
keys, and make it if there is none. From then on it is kept up to date, a few
seconds after each change, until nobody has asked for it in 30 days.`,
		Args: nArgs(1),
	}
	cmd.Flags().DurationVar(&wait, "wait", time.Minute, "how long to wait for it to have every change")
	cmd.Flags().BoolVar(&forget, "forget", false, "do not keep it any more")
	cmd.RunE = c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		b, err := a.buckets.Bucket(ctx, args[0])
		if err != nil {
			return fmt.Errorf("bucket %s: %w", args[0], err)
		}
		if forget {
			return a.buckets.ForgetTree(ctx, b)
		}
		t, err := a.buckets.Tree(ctx, b, wait)
		if err != nil {
			return err
		}
		return printJSON(out, newTreeText(b, t))
	})
	return cmd
}
