package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/queue"
)

func (c *cli) dealCommand() *cobra.Command {
	ls := listing(c, "ls", "list the newest deals",
		[]string{"uuid", "zone", "provider", "state", "chain id", "changed", "reason"},
		func(ctx context.Context, a *app, _ []string) ([]deals.Deal, error) {
			return a.deals.Deals(ctx, 0, "", 1000, 0)
		},
		func(d deals.Deal) []any {
			return []any{d.UUID, d.Zone, d.Provider, d.State, d.ChainID, stamp(d.Changed), d.Reason}
		})
	show := &cobra.Command{
		Use:   "show UUID",
		Short: "show a deal",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
			d, err := a.deals.Deal(ctx, args[0])
			if err != nil {
				return fmt.Errorf("deal %s: %w", args[0], err)
			}
			return printJSON(out, d)
		}),
	}
	return group("deal", "deals with storage providers", ls, show, c.dealMakingCommand(), c.candidatesCommand(), c.dealExportCommand(), c.providerListCommand("providers"), c.walletDefaultCommand())
}

func (c *cli) dealExportCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "export UUID",
		Short: "tell how a provider imports the piece of an offline deal; the output opens the piece: send it to nobody else",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
			x, err := a.deals.Export(ctx, args[0])
			if err != nil {
				return fmt.Errorf("deal %s: %w", args[0], err)
			}
			if asJSON {
				return printJSON(out, x)
			}
			_, err = fmt.Fprintf(out, `For storage provider %s:
  deal          %s
  proposal      %s
  piece         %s, padded size %d
  payload root  %s
  starts at     epoch %d: it must be proven in a sector by then

  curl -fC - -H 'Authorization: Bearer %s' -o %[4]s.car %[9]s   # %d bytes

Boost:  boostd import-data %[2]s %[4]s.car
Curio:  add a PieceLocator that serves this file, or the URL with its header
`, x.Provider, x.UUID, x.Proposal, x.Piece, x.PaddedSize, x.Root, x.StartEpoch, x.Token, x.URL, x.Size)
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) jobCommand() *cobra.Command {
	ls := listing(c, "ls", "list jobs, with what they wait for",
		[]string{"kind", "id", "running", "tries", "due", "reason"},
		func(ctx context.Context, a *app, _ []string) ([]queue.Job, error) { return a.queue.List(ctx, "") },
		func(j queue.Job) []any {
			return []any{j.Kind, j.ID, j.Running, j.Tries, stamp(j.Due), j.Reason}
		})
	run := &cobra.Command{
		Use:   "run NAME",
		Short: "make the waiting jobs of a kind due now",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, _ io.Writer, args []string) error {
			for _, k := range a.queue.Kinds() {
				if k == args[0] {
					return a.queue.Wake(ctx, k)
				}
			}
			return usageError{fmt.Errorf("no job %q; there are %v", args[0], a.queue.Kinds())}
		}),
	}
	return group("job", "durable jobs", ls, run)
}
