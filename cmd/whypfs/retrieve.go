package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/buckets"
)

// retrievalLine is a line of the list: a queued retrieval, or readers of a
// content that comes back while it is read.
type retrievalLine struct {
	ID      uint64    `json:"id,omitempty"` // 0: of readers, who are in no queue
	Cause   string    `json:"cause"`
	State   string    `json:"state"`
	Content uint64    `json:"content"`
	CID     cid.Cid   `json:"cid"`
	Name    string    `json:"name,omitempty"`
	Bytes   int64     `json:"bytes"` // that came
	Size    int64     `json:"size"`
	Readers int       `json:"readers,omitempty"`
	Added   time.Time `json:"added"`
	Next    time.Time `json:"next,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Tries   int       `json:"tries,omitempty"`
	Reason  string    `json:"reason,omitempty"`
}

func (c *cli) retrieveCommand() *cobra.Command {
	var limit, ended int
	ls := listing(c, "ls", "list what comes back from providers: for readers, for the queue, what waits there and why, and what ended lately",
		[]string{"id", "for", "state", "content", "name", "bytes", "of", "next", "reason"},
		func(ctx context.Context, a *app, _ []string) ([]retrievalLine, error) {
			return a.retrievals(ctx, limit, ended)
		},
		func(l retrievalLine) []any {
			id := "-"
			if l.ID != 0 {
				id = strconv.FormatUint(l.ID, 10)
			}
			name := l.Name
			if name == "" {
				name = l.CID.String()
			}
			return []any{id, l.Cause, l.State, l.Content, name, bytesText(l.Bytes), bytesText(l.Size), stamp(l.Next), l.Reason}
		})
	ls.Flags().IntVar(&limit, "limit", 100, "how many of those that wait")
	ls.Flags().IntVar(&ended, "ended", 20, "how many of those that ended")
	budget := &cobra.Command{
		Use:   "budget",
		Short: "show how many bytes queued retrievals may ask for, and have asked for",
		Args:  noArgs,
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
			b, err := a.buckets.RetrievalBudget(ctx)
			if err != nil {
				return err
			}
			return printJSON(out, b)
		}),
	}
	cancel := &cobra.Command{
		Use:   "cancel ID",
		Short: "end a retrieval; what it brought goes with the next sweep",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, _ io.Writer, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("%q is not a retrieval's id; `whypfs retrieve ls` lists them", args[0])}
			}
			return a.buckets.CancelRetrieval(ctx, id)
		}),
	}
	return group("retrieve", "contents that come back from providers", ls, c.retrieveStartCommand(), cancel, budget)
}

// retrievals are those of readers, which no queue knows, and then the queue's.
func (a *app) retrievals(ctx context.Context, limit, ended int) ([]retrievalLine, error) {
	queued, err := a.buckets.Retrievals(ctx, 0, limit, ended)
	if err != nil {
		return nil, err
	}
	var lines []retrievalLine
	for _, r := range a.deals.Retrieving() {
		if r.Readers > 0 {
			lines = append(lines, retrievalLine{Cause: "read", State: "running", Content: r.Content, CID: r.Root, Readers: r.Readers,
				Bytes: r.Bytes, Size: r.Total, Added: r.Began, Reason: r.Reason})
		}
	}
	for _, r := range queued {
		lines = append(lines, retrievalLine{ID: r.ID, Cause: string(r.Cause), State: string(r.State), Content: r.Content, CID: r.CID, Name: r.Name,
			Bytes: r.Bytes, Size: r.Size, Added: r.Added, Next: r.Next, Ended: r.Ended, Tries: r.Tries, Reason: r.Reason})
	}
	return lines, nil
}

func (c *cli) retrieveStartCommand() *cobra.Command {
	var version string
	cmd := &cobra.Command{
		Use:   "start BUCKET[/KEY]",
		Short: "have an object brought back, or all of a bucket that is not here",
		Args:  nArgs(1),
	}
	cmd.Flags().StringVar(&version, "version", "", "version of the object; the current one if it is not given")
	cmd.RunE = c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		name, key, _ := strings.Cut(args[0], "/")
		if key == "" {
			b, err := a.buckets.Bucket(ctx, name)
			if err != nil {
				return fmt.Errorf("bucket %s: %w", name, err)
			}
			n, err := a.buckets.RetrieveBucket(ctx, b, buckets.CauseRestore)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "%d objects are to be brought back\n", n)
			return err
		}
		o, err := a.objectNamed(ctx, args[0], version)
		if err != nil {
			return err
		}
		r, err := a.buckets.Retrieve(ctx, o.Content, buckets.CauseRestore)
		if err != nil {
			return err
		}
		return printJSON(out, r)
	})
	return cmd
}
