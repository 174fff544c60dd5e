package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/node"
)

// fsck is one run of the command.
type fsck struct {
	hash, repair, json bool

	hashed bool // all blocks were read
	faults []node.Fault
	out    io.Writer
	notes  io.Writer // what was not looked at
}

func (c *cli) fsckCommand() *cobra.Command {
	f := &fsck{}
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "compare metadata, references, pieces, blocks and their files with each other, and name every fault",
		Long: "Names every fault in a line: where, what, whether data is at risk or only room, and what to do.\n" +
			"Exit code 1 says that there were some. On a running node those files of the block store are not\n" +
			"looked at that are being written, and a note on standard error says how many; stop it for that.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.out, f.notes = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if c.live == nil {
				c.before = f.files
			}
			return c.on(func(ctx context.Context, a *app, _ io.Writer, _ []string) error { return f.run(ctx, a, c.live != nil) })(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&f.hash, "hash", false, "also read every block and compare it with its hash")
	cmd.Flags().BoolVar(&f.repair, "repair", false, "have damaged indexes and trees made again and, on a running node, missing blocks brought back")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the faults as JSON")
	return cmd
}

func (f *fsck) fault(x node.Fault) {
	f.faults = append(f.faults, x)
	if !f.json {
		fmt.Fprintln(f.out, x)
	}
}

// files looks at the block store's files, before anything opens and mends them.
func (f *fsck) files(ctx context.Context, cfg config) (err error) {
	f.hashed, err = node.Inspect(ctx, cfg.Data, node.InspectOptions{Hash: f.hash, Repair: f.repair}, f.fault)
	return err
}

// run looks at all that is behind the files.
func (f *fsck) run(ctx context.Context, a *app, live bool) error {
	if live {
		unseen, err := a.node.InspectOpen(ctx, f.fault)
		if err != nil {
			return err
		}
		if unseen != "" {
			fmt.Fprintf(f.notes, "not looked at: %s; stop the node for that\n", unseen)
		}
	}
	if s, ok := a.store.(interface{ Check(context.Context) error }); ok {
		f.lines("metadata", "stop the node and bring the metadata back from a backup", s.Check(ctx))
	}
	err := errors.Join(a.buckets.Check(ctx), a.collections.Check(ctx))
	if err != nil && !errors.Is(err, buckets.ErrInconsistent) && !errors.Is(err, collections.ErrInconsistent) {
		return err
	}
	f.lines("rows of the metadata", "keep a copy of the metadata and report this: the rows contradict each other", err)
	err = a.deals.CheckLayouts(ctx, func(where, what string) {
		f.fault(node.Fault{Where: where, What: what, Risk: true, Do: "its pieces cannot be served or restored from; bring the metadata back from a backup"})
	})
	if err != nil {
		return err
	}
	roots := func(yield func(cid.Cid) error) error { return a.buckets.Roots(ctx, yield) }
	if err := a.node.CheckRoots(ctx, roots, f.repair && live, f.fault); err != nil {
		return err
	}
	if err := f.trees(ctx, a); err != nil {
		return err
	}
	if f.hash && !f.hashed {
		if err := f.scrub(ctx, a); err != nil {
			return err
		}
	}
	return f.end()
}

// trees looks at the directories that buckets are on IPFS.
func (f *fsck) trees(ctx context.Context, a *app) error {
	do := "run fsck --repair, or whypfs bucket tree with --forget and then without: it is made anew from the objects"
	if f.repair {
		do = "the tree is made anew from the objects, by the job tree of a node that runs"
	}
	return a.buckets.CheckTrees(ctx, f.repair, func(where, what string) {
		f.fault(node.Fault{Where: where, What: what, Do: do})
	})
}

// scrub reads the blocks of a running node.
func (f *fsck) scrub(ctx context.Context, a *app) error {
	_, err := a.node.Scrub(ctx, node.ScrubOptions{Found: func(s node.ScrubFault) {
		do := "none: another copy is sound"
		if s.Lost {
			do = "start the node, and read the content or wait for the next scrub: it is repaired then; a node that runs does so now"
		}
		f.fault(node.Fault{Where: "block store at " + s.Place, What: "block " + s.Cid + ": " + s.Err, Risk: s.Lost, Do: do})
	}})
	return err
}

// lines makes a fault of each line of an error, but for the first if it only introduces the others.
func (f *fsck) lines(where, do string, err error) {
	if err == nil {
		return
	}
	all := strings.Split(err.Error(), "\n")
	if len(all) > 1 && strings.HasSuffix(all[0], ":") {
		all = all[1:]
	}
	for _, line := range all {
		f.fault(node.Fault{Where: where, What: line, Risk: true, Do: do})
	}
}

func (f *fsck) end() error {
	if f.json {
		if f.faults == nil {
			f.faults = []node.Fault{}
		}
		if err := printJSON(f.out, f.faults); err != nil {
			return err
		}
	}
	if len(f.faults) > 0 {
		return errFaults
	}
	return nil
}
