package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/client"
)

// removed is what rm took away.
type removed struct {
	Contents    []uint64 `json:"contents"`
	Collections []string `json:"collections"`
}

func (c *cli) rmCommand() *cobra.Command {
	var recursive, keep bool
	cmd, _ := c.remoteCommand("rm ID|CID|COLLECTION[/PATH]", "remove a content, or what stands in a collection", nArgs(1),
		func(ctx context.Context, r *remote, args []string) error {
			done, err := r.rm(ctx, args[0], recursive, keep)
			if err != nil {
				return err
			}
			return r.show(done, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "removed %d contents, %d collections\n", len(done.Contents), len(done.Collections))
				return err
			})
		})
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "all contents of a CID, a whole directory, or a whole collection")
	cmd.Flags().BoolVar(&keep, "keep", false, "take out of the collection only; the contents stay")
	return cmd
}

func (r *remote) rm(ctx context.Context, arg string, recursive, keep bool) (removed, error) {
	done := removed{Contents: []uint64{}, Collections: []string{}}
	ref, err := client.ParseRef(arg)
	if err != nil {
		return done, err
	}
	if ref.Collection == "" {
		c, ids, err := r.contents(ctx, arg)
		if err != nil {
			return done, err
		}
		if len(ids) > 1 && !recursive {
			return done, usageError{fmt.Errorf("%d contents have this CID, %v: name one, or all with -r", len(ids), ids)}
		}
		return done, r.rmContents(ctx, c, ids, &done)
	}
	c, err := r.open()
	if err != nil {
		return done, err
	}
	col, err := c.Collection(ctx, ref.Collection)
	if err != nil {
		return done, err
	}
	files, err := r.rmFiles(ctx, c, col, ref, recursive)
	if err != nil {
		return done, err
	}
	for _, rel := range sortedKeys(files) {
		if err := c.Detach(ctx, col.UUID, files[rel].ID); err != nil && !errors.Is(err, client.ErrNotFound) {
			return done, err
		}
		if !keep {
			if err := r.rmContents(ctx, c, []uint64{files[rel].ID}, &done); err != nil {
				return done, err
			}
		}
	}
	if ref.Path == "/" {
		err = c.RemoveCollection(ctx, col.UUID)
		done.Collections = append(done.Collections, col.UUID)
	}
	return done, err
}

// rmFiles are the files that go with a path of a collection.
func (r *remote) rmFiles(ctx context.Context, c *client.Client, col client.Collection, ref client.Ref, recursive bool) (map[string]client.Entry, error) {
	e, err := c.Find(ctx, col.UUID, ref.Path)
	if err != nil {
		return nil, err
	}
	if !e.Dir {
		return map[string]client.Entry{e.Path: e}, nil
	}
	if !recursive {
		return nil, usageError{fmt.Errorf("%s%s is a directory: it goes with -r", col.Name, ref.Path)}
	}
	return c.Under(ctx, col.UUID, ref.Path)
}

func (r *remote) rmContents(ctx context.Context, c *client.Client, ids []uint64, done *removed) error {
	for _, id := range ids {
		if err := c.Remove(ctx, id); err != nil {
			return err
		}
		done.Contents = append(done.Contents, id)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
