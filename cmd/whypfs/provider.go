package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/deals"
)

func (c *cli) providerCommand() *cobra.Command {
	return group("provider", "storage providers to choose from, besides those of --provider", c.providerListCommand("ls"),
		c.providerSayCommand("add", "add a provider to those to choose from, or say more of one", "provider.add", (*deals.Deals).AddProvider),
		c.providerSayCommand("set", "say something else of a provider; \"\" and 0 take back what was said", "provider.set", (*deals.Deals).SetProvider),
		c.providerRemoveCommand(), c.providerSuspendCommand(), c.providerUnsuspendCommand())
}

func (c *cli) providerListCommand(use string) *cobra.Command {
	return listing(c, use, "list the storage providers to choose from, and those that have deals",
		[]string{"address", "name", "from", "owner", "region", "score", "price", "pieces", "under way", "proposed", "accepted", "active", "failed", "not before", "reason", "suspended"},
		func(ctx context.Context, a *app, _ []string) ([]deals.Provider, error) { return a.deals.Providers(ctx) },
		func(p deals.Provider) []any {
			price, sizes := "", p.Ask.Error
			if !p.Ask.At.IsZero() {
				price, sizes = p.Ask.Price.String(), bytesText(p.Ask.Min)+" to "+bytesText(p.Ask.Max)
			}
			r := p.Registration
			return []any{p.Address, orDash(r.Name), orDash(p.Source), p.Owner, p.Region, fmt.Sprintf("%.2f", p.Score), price, sizes, fmt.Sprintf("%d of %d", p.UnderWay, p.Most),
				p.Proposed, p.Accepted, p.Active, p.Failed, stamp(p.CoolUntil), p.Reason, orDash(r.Suspended)}
		})
}

// candidatesCommand shows why a piece is with those providers and not with others.
func (c *cli) candidatesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "candidates PIECE",
		Short: "show which providers were chosen last for a piece, and why the others were not",
		Args:  nArgs(1),
	}
	cmd.RunE = c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		choice, err := a.deals.Candidates(ctx, args[0])
		if err != nil {
			return fmt.Errorf("piece %s: %w", args[0], err)
		}
		if asJSON {
			return printJSON(out, choice)
		}
		fmt.Fprintf(out, "%s: %d replicas wanted, %d there, %d taken\n", stamp(choice.Time), choice.Wanted, choice.Have, choice.Taken)
		t := newTable("provider", "owner", "region", "score", "verdict", "not before", "why")
		for _, x := range choice.Candidates {
			t.row(x.Provider, x.Owner, x.Region, fmt.Sprintf("%.2f", x.Score), x.Verdict, stamp(x.Until), x.Why)
		}
		return t.write(out)
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
