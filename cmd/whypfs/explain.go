package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/explain"
)

func (c *cli) explainCommand() *cobra.Command {
	var asJSON bool
	var version string
	cmd := &cobra.Command{
		Use:   "explain BUCKET/KEY",
		Short: "say why an object does not have all its deals yet, and what happens next",
		Args:  nArgs(1),
	}
	cmd.RunE = c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		o, err := a.objectNamed(ctx, args[0], version)
		if err != nil {
			return err
		}
		x, err := a.explainer().Content(ctx, o.Content)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(out, x)
		}
		return writeExplanation(out, x)
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&version, "version", "", "version of the object; the current one if it is not given")
	return cmd
}

// objectNamed returns the object that an argument BUCKET/KEY names.
func (a *app) objectNamed(ctx context.Context, arg, version string) (buckets.Object, error) {
	name, key, ok := strings.Cut(arg, "/")
	if !ok || key == "" {
		return buckets.Object{}, usageError{fmt.Errorf("%q is not BUCKET/KEY", arg)}
	}
	b, err := a.buckets.Bucket(ctx, name)
	if err != nil {
		return buckets.Object{}, fmt.Errorf("bucket %s: %w", name, err)
	}
	o, err := a.buckets.Head(ctx, b, key, version)
	if err != nil {
		return buckets.Object{}, fmt.Errorf("object %s: %w", arg, err)
	}
	return o, nil
}

func (a *app) explainer() *explain.Explainer { return explain.New(a.buckets, a.deals) }

// writeExplanation prints the sentences, and then what they stand on.
func writeExplanation(w io.Writer, x explain.Explanation) error {
	for _, s := range x.Sentences {
		fmt.Fprintln(w, s)
	}
	for _, p := range x.Pieces {
		fmt.Fprintf(w, "\npiece %s, %s, %d of %d active\n", p.CID, bytesText(p.PaddedSize), p.Active, p.Wanted)
		t := newTable("provider", "verdict", "not before", "reason")
		for _, c := range p.Choice.Candidates {
			t.row(c.Provider, c.Verdict, stamp(c.Until), c.Why)
		}
		d := newTable("deal", "provider", "state", "next look", "reason")
		for _, a := range p.Deals {
			d.row(a.UUID, a.Provider, a.State, stamp(a.Next), a.Reason)
		}
		if err := t.write(w); err != nil {
			return err
		}
		fmt.Fprintln(w)
		if err := d.write(w); err != nil {
			return err
		}
	}
	if len(x.Jobs) == 0 {
		return nil
	}
	t := newTable("job", "id", "running", "tries", "due", "reason")
	for _, j := range x.Jobs {
		t.row(j.Kind, j.ID, j.Running, j.Tries, stamp(j.Due), j.Reason)
	}
	fmt.Fprintln(w)
	return t.write(w)
}
