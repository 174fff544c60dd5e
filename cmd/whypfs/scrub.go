package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

const (
	scrubJob = "scrub"
	scrubID  = "blocks"
)

// startScrub sees that the background scrub is among the jobs, if it is on.
func (a *app) startScrub(ctx context.Context) error {
	a.queue.Handle(scrubJob, 1, a.scrub)
	if a.cfg.ScrubRate <= 0 {
		return nil
	}
	due := time.Now()
	if last, err := a.node.LastScrub(); err == nil && !last.Ended.IsZero() {
		// At the latest in as long from now: the clock may have been ahead then.
		if after := last.Ended.Add(a.cfg.ScrubEvery); after.Before(due.Add(a.cfg.ScrubEvery)) {
			due = after
		} else {
			due = due.Add(a.cfg.ScrubEvery)
		}
	}
	return a.store.Update(ctx, func(tx kv.Tx) error { return a.queue.Add(tx, scrubJob, scrubID, due) })
}

// scrub is one pass of the background scrub, or the rest of one that was cut short.
func (a *app) scrub(ctx context.Context, _ string) error {
	if a.cfg.ScrubRate <= 0 {
		return nil // it was on when the node ran before
	}
	s, err := a.node.Scrub(ctx, node.ScrubOptions{Rate: int64(a.cfg.ScrubRate), Resume: true})
	if err != nil {
		return err
	}
	return queue.Later(s.Ended.Add(a.cfg.ScrubEvery), "the last pass ended "+s.Ended.Format(time.DateTime)+": "+scrubText(s))
}

func scrubText(s node.Scrub) string {
	return fmt.Sprintf("%d blocks, %s, %d damaged, %d unreadable", s.Blocks, bytesText(s.Bytes), s.Damaged, s.Unreadable)
}

// errFaults ends a command that has named faults with exit code 1.
const errFaults = exitCode(1)

func (c *cli) scrubCommand() *cobra.Command {
	var rate size
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "scrub",
		Short: "read every stored block again, compare it with its hash, and have bad ones repaired",
		Long: "Reads every stored block again and compares it with its hash. Bad ones are named, and on a running node\n" +
			"brought back from a storage provider or a peer. Exit code 1 says that there were some.",
		Args: noArgs,
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
			return a.scrubNow(ctx, out, int64(rate), asJSON)
		}),
	}
	cmd.Flags().Var(&rate, "rate", "bytes read in a second at most; 0: as fast as it goes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func (a *app) scrubNow(ctx context.Context, out io.Writer, rate int64, asJSON bool) error {
	result := struct {
		node.Scrub
		Faults []node.ScrubFault `json:"faults"`
	}{Faults: []node.ScrubFault{}}
	total := a.node.Usage().Bytes
	opt := node.ScrubOptions{Rate: rate, Found: func(f node.ScrubFault) {
		if result.Faults = append(result.Faults, f); !asJSON {
			fmt.Fprintf(out, "block %s at %s: %s\n", f.Cid, f.Place, f.Err)
		}
	}}
	if !asJSON {
		opt.Progress = func(s node.Scrub) {
			if s.Ended.IsZero() {
				fmt.Fprintf(out, "… %s of about %s\n", scrubText(s), bytesText(total))
			}
		}
	}
	var err error
	if result.Scrub, err = a.node.Scrub(ctx, opt); err != nil {
		return err
	}
	if asJSON {
		err = printJSON(out, result)
	} else {
		_, err = fmt.Fprintln(out, scrubText(result.Scrub))
	}
	if err == nil && len(result.Faults) > 0 {
		return errFaults
	}
	return err
}
