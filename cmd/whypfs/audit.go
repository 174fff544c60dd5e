package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/accounts"
)

func (c *cli) auditCommand() *cobra.Command {
	var q accounts.AuditQuery
	ls := listing(c, "ls", "list what admins and the operator did, the newest first",
		[]string{"time", "who", "from", "action", "target", "detail"},
		func(ctx context.Context, a *app, _ []string) ([]accounts.Record, error) {
			return a.accounts.Audit(ctx, q)
		},
		func(r accounts.Record) []any {
			return []any{stamp(r.At), r.Actor.Name, r.Actor.From, r.Action, r.Target, orDash(r.Detail)}
		})
	ls.Flags().IntVar(&q.Limit, "limit", 100, "how many, 1000 at most")
	ls.Flags().StringVar(&q.Action, "action", "", "only this action, as user.suspend, or with a dot at the end all that begin so, as user.")
	ls.Flags().StringVar(&q.Actor, "who", "", "only what this actor did")
	ls.Flags().StringVar(&q.Target, "target", "", "only what was done to this target")
	return group("audit", "the log of what admins and the operator did", ls)
}
