package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

const year = 365 * 24 * time.Hour

// table is a listing for people.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

func (t *table) row(cells ...any) {
	var r []string
	for _, c := range cells {
		r = append(r, fmt.Sprint(c))
	}
	t.rows = append(t.rows, r)
}

func (t *table) write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.ToUpper(strings.Join(t.head, "\t")))
	for _, r := range t.rows {
		fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	return tw.Flush()
}

// listing is a command that prints what get returns: a table with a line of
// cells for each value, or with --json the values themselves, never null. Its
// use line names its arguments.
func listing[T any](c *cli, use, short string, head []string, get func(context.Context, *app, []string) ([]T, error), cells func(T) []any) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: use, Short: short, Args: nArgs(strings.Count(use, " "))}
	cmd.RunE = c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		values, err := get(ctx, a, args)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(out, append([]T{}, values...))
		}
		t := newTable(head...)
		for _, v := range values {
			t.row(cells(v)...)
		}
		return t.write(out)
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
