package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/deals/retrieve"
)

func (c *cli) retrieveCommand() *cobra.Command {
	ls := listing(c, "ls", "list contents that the running node brings back from providers now",
		[]string{"zone", "content", "cid", "began", "users", "bytes", "of", "pending", "reason"},
		func(_ context.Context, a *app, _ []string) ([]retrieve.Running, error) {
			return a.deals.Retrieving(), nil
		},
		func(r retrieve.Running) []any {
			return []any{r.Zone, r.Content, r.Root, stamp(r.Began), r.Users, r.Bytes, r.Total, r.Pending, r.Reason}
		})
	return group("retrieve", "contents that come back from providers", ls)
}
