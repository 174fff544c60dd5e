package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (c *cli) dealMakingCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "making [on|off]",
		Short: "say whether new deals are made, or have them made or not, over restarts too; deals that there are go on",
		Args:  maxArgs(0, 1),
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
			if len(args) == 1 {
				if args[0] != "on" && args[0] != "off" {
					return usageError{errors.New("want on or off")}
				}
				if err := a.operator().Record(ctx, "deals.making", "", fmt.Sprintf("enabled %v", args[0] == "on")); err != nil {
					return err
				}
				return a.deals.SetSwitch(ctx, args[0] == "on", "the operator")
			}
			s, err := a.deals.Switch(ctx)
			switch {
			case err != nil:
				return err
			case s.Off.IsZero():
				_, err = fmt.Fprintln(out, "on: new deals are made")
			default:
				_, err = fmt.Fprintf(out, "off: %s has switched them off %s\n", s.By, stamp(s.Off))
			}
			return err
		}),
	}
}
