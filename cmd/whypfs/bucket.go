package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/buckets"
)

func (c *cli) bucketCommand() *cobra.Command {
	ls := listing(c, "ls", "list buckets",
		[]string{"name", "owner", "threshold", "max age", "replication", "publish", "created"},
		func(ctx context.Context, a *app, _ []string) ([]buckets.Bucket, error) {
			page, err := a.buckets.ListBuckets(ctx, buckets.BucketQuery{})
			return page.Buckets, err
		},
		func(b buckets.Bucket) []any {
			return []any{b.Name, b.Owner, bytesText(b.Policy.Threshold), b.Policy.MaxAge, b.Policy.Replication, b.Policy.Publish, stamp(b.Created)}
		})
	show := &cobra.Command{
		Use:   "show NAME",
		Short: "show a bucket and its newest zones",
		Args:  nArgs(1),
		RunE:  c.on(showBucket),
	}
	return group("bucket", "buckets and their policies", ls, show, c.policyCommand(), c.treeCommand())
}

func showBucket(ctx context.Context, a *app, out io.Writer, args []string) error {
	b, err := a.buckets.Bucket(ctx, args[0])
	if err != nil {
		return fmt.Errorf("bucket %s: %w", args[0], err)
	}
	zones, err := a.buckets.Zones(ctx, 0, b.UUID, 20, 0)
	if err != nil {
		return err
	}
	var tree *treeText
	if t, err := a.buckets.KnownTree(ctx, b); err == nil {
		tree = newTreeText(b, t)
	} else if !errors.Is(err, buckets.ErrNoTree) {
		return err
	}
	return printJSON(out, struct {
		buckets.Bucket
		Tree  *treeText `json:",omitempty"`
		Zones []buckets.Zone
	}{b, tree, zones})
}

func (c *cli) policyCommand() *cobra.Command {
	var threshold, maxPiece size
	var maxAge time.Duration
	var replication int
	var aged string
	var publish, archive bool
	var rules buckets.ProviderRules
	cmd := &cobra.Command{Use: "policy NAME", Short: "show or change a bucket's policy", Args: nArgs(1)}
	fs := cmd.Flags()
	fs.Var(&threshold, "threshold", "size at which a zone is sealed")
	fs.DurationVar(&maxAge, "max-age", 0, "age at which a zone is sealed")
	fs.IntVar(&replication, "replication", 0, "deals per piece, each with a provider of its own")
	fs.Var(&maxPiece, "max-piece", "largest piece, padded; a power of two")
	fs.StringVar(&aged, "aged", "", "what becomes of an aged zone whose piece is too small for providers: wait for more, pad it with zeros, or choose the providers that take it")
	fs.BoolVar(&publish, "publish", true, "publish the contents over IPFS; returns when all of them are served, or none")
	fs.BoolVar(&archive, "archive", false, "S3 readers of an object kept on Filecoin alone have to restore it first; else a read brings it back")
	fs.IntVar(&rules.Owners, "owners", 0, "least number of owners among the storage providers of a piece")
	fs.IntVar(&rules.Regions, "regions", 0, "least number of their regions, as the operator's list tells them")
	fs.IntVar(&rules.Share, "share", 0, "percent of the bucket's replicas that the providers of one owner may have; 0: any")
	fs.StringSliceVar(&rules.Block, "block", nil, "providers, owners or regions that get nothing of the bucket; '' for none")
	fs.StringSliceVar(&rules.Allow, "allow", nil, "providers, owners or regions that alone get something; '' for all")
	cmd.RunE = c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		b, err := a.buckets.Bucket(ctx, args[0])
		if err == nil && fs.NFlag() > 0 && anyChanged(cmd, "threshold", "max-age", "replication", "max-piece", "aged", "publish", "archive",
			"owners", "regions", "share", "block", "allow") {
			b, err = a.buckets.SetPolicy(ctx, args[0], func(p *buckets.Policy) {
				set(cmd, "threshold", &p.Threshold, int64(threshold))
				set(cmd, "max-age", &p.MaxAge, maxAge)
				set(cmd, "replication", &p.Replication, replication)
				set(cmd, "max-piece", &p.MaxPiece, int64(maxPiece))
				set(cmd, "aged", &p.Aged, buckets.Aged(aged))
				set(cmd, "publish", &p.Publish, publish)
				set(cmd, "archive", &p.Archive, archive)
				set(cmd, "owners", &p.Providers.Owners, rules.Owners)
				set(cmd, "regions", &p.Providers.Regions, rules.Regions)
				set(cmd, "share", &p.Providers.Share, rules.Share)
				set(cmd, "block", &p.Providers.Block, names(rules.Block))
				set(cmd, "allow", &p.Providers.Allow, names(rules.Allow))
			})
		}
		if err != nil {
			return fmt.Errorf("bucket %s: %w", args[0], err)
		}
		return printJSON(out, b.Policy)
	})
	return cmd
}

// names leaves the empty word out, which stands for no names at all.
func names(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

func anyChanged(cmd *cobra.Command, names ...string) bool {
	for _, n := range names {
		if cmd.Flags().Changed(n) {
			return true
		}
	}
	return false
}

func set[T any](cmd *cobra.Command, flag string, field *T, v T) {
	if cmd.Flags().Changed(flag) {
		*field = v
	}
}

func (c *cli) zoneCommand() *cobra.Command {
	ls := listing(c, "ls", "list the newest zones",
		[]string{"id", "state", "size", "contents", "sealed by", "changed", "reason"},
		func(ctx context.Context, a *app, _ []string) ([]buckets.Zone, error) {
			return a.buckets.Zones(ctx, 0, "", 200, 0)
		},
		func(z buckets.Zone) []any {
			return []any{z.ID, z.State, bytesText(z.Size), z.Count, z.SealedBy, stamp(z.Changed), z.Reason}
		})
	seal := &cobra.Command{
		Use:   "seal ID",
		Short: "seal an open zone now",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, _ io.Writer, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("%q is not a zone id; `whypfs zone ls` lists them", args[0])}
			}
			if err := a.buckets.SealZone(ctx, id); err != nil {
				return fmt.Errorf("seal zone %d: %w", id, err)
			}
			return nil
		}),
	}
	return group("zone", "zones: contents gathered for the next piece", ls, seal)
}

func (c *cli) gcCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "gc",
		Short: "forget zones that nobody needs and remove blocks that nothing names",
		Args:  noArgs,
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, _ []string) error {
			if err := a.buckets.GC(ctx); err != nil {
				return fmt.Errorf("gc: %w", err)
			}
			res, err := a.buckets.Sweep(ctx)
			if err != nil {
				return fmt.Errorf("sweep: %w", err)
			}
			_, err = fmt.Fprintf(out, "removed %d blocks, gave back %s, kept %d blocks\n", res.Blocks, bytesText(res.Bytes), res.Kept)
			return err
		}),
	}
}
