package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/client"
)

// place is where uploads go.
type place struct {
	collection string
	bucket     string
	dir        string
}

// find returns the collection, or the bucket as a collection.
func (p place) find(ctx context.Context, c *client.Client) (client.Collection, error) {
	if p.collection != "" && p.bucket != "" {
		return client.Collection{}, usageError{fmt.Errorf("--collection and --bucket exclude each other")}
	}
	if p.bucket == "" {
		return c.EnsureCollection(ctx, p.collection)
	}
	list, err := c.Collections(ctx)
	for _, col := range list {
		if col.Bucket && (col.Name == p.bucket || col.UUID == p.bucket) {
			return col, err
		}
	}
	if err == nil {
		err = fmt.Errorf("bucket %q: %w", p.bucket, client.ErrNotFound)
	}
	return client.Collection{}, err
}

// given says whether there is one.
func (p place) given() bool { return p.collection != "" || p.bucket != "" }

func (p *place) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.collection, "collection", "", "name or UUID of the collection it goes into; one of that name is made if there is none")
	cmd.Flags().StringVar(&p.bucket, "bucket", "", "name of a bucket of S3 that it goes into instead, at a host that shows them as collections")
	cmd.Flags().StringVar(&p.dir, "dir", "/", "directory in the collection or bucket")
}

func (c *cli) putCommand() *cobra.Command {
	var to place
	var name string
	var commit bool
	cmd, r := c.remoteCommand("put FILE|DIR|-", "upload a file, or a directory as one DAG with one CID", nArgs(1),
		func(ctx context.Context, r *remote, args []string) error {
			if !to.given() && (to.dir != "/" || commit) {
				return usageError{fmt.Errorf("--dir and --commit need --collection or --bucket")}
			}
			return r.put(ctx, args[0], to, name, commit)
		})
	cmd.Long = "Upload a file, or a directory.\n\n" +
		"A directory becomes one DAG, UnixFS of profile unixfs-v1-2025, sent as one CAR: its root is its CID, and the host has all\n" +
		"of it or nothing. With --collection its files become contents of their own at their paths in the collection, as with\n" +
		"`whypfs sync`: what breaks off goes on with the next file. --commit then has the host make one CID of the whole collection."
	to.flags(cmd)
	cmd.Flags().StringVar(&name, "name", "", "what it is called at the host; default: its own name")
	cmd.Flags().BoolVar(&commit, "commit", false, "make a directory with a CID of the collection afterwards")
	r.uploadFlags(cmd.Flags())
	return cmd
}

func (r *remote) put(ctx context.Context, local string, to place, name string, commit bool) error {
	c, err := r.open()
	if err != nil {
		return err
	}
	r.bar.phase("upload")
	p := client.Put{Client: c, Local: local, Name: name, Dir: to.dir, Total: r.bar.grow,
		Root: func(root client.CID, size int64) {
			r.bar.say(fmt.Sprintf("whypfs: %s is %s, %s\n", local, root, bytesText(size)))
			r.bar.phase("upload")
		},
		Hashed: r.bar.add,
		Skip:   func(path string) { r.bar.say(fmt.Sprintf("whypfs: %s is neither a file nor a directory\n", path)) },
	}
	if p.State, err = clientDir(); err != nil {
		return err
	}
	var col client.Collection
	if to.given() {
		if col, err = to.find(ctx, c); err != nil {
			return err
		}
		p.Collection = col.UUID
	}
	info, err := os.Stat(local)
	switch {
	case local == "-":
		return r.putInput(ctx, p)
	case err != nil:
		return err
	case info.IsDir() && to.given():
		return r.putTree(ctx, p, col, commit)
	case info.IsDir():
		r.bar.phase("read")
		res, err := p.DAG(ctx)
		return r.stored(res, err)
	}
	res, err := p.File(ctx)
	if err != nil || !commit {
		return r.stored(res, err)
	}
	pin, err := c.Commit(ctx, p.Collection)
	res.CID = pin.Pin.CID
	return r.stored(res, err)
}

func (r *remote) putInput(ctx context.Context, p client.Put) error {
	if p.Name == "" {
		return usageError{fmt.Errorf("what comes from standard input needs a --name")}
	}
	res, err := p.Reader(ctx, os.Stdin)
	return r.stored(res, err)
}

func (r *remote) stored(res client.Result, err error) error {
	if err != nil {
		return err
	}
	return r.show(res, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\t%d\t%s\n", res.CID, res.ID, res.Name)
		return err
	})
}

// putTree uploads the files of a directory one by one.
func (r *remote) putTree(ctx context.Context, p client.Put, col client.Collection, commit bool) error {
	if p.Name != "" {
		return usageError{fmt.Errorf("--name is for one content; the files of a directory have their own")}
	}
	return r.mirror(ctx, client.Sync{Client: p.Client, Local: p.Local, Collection: col.UUID, Bucket: col.Bucket, Dir: p.Dir}, commit)
}

// mirrored is what a directory's upload has come to.
type mirrored struct {
	client.Report
	CID client.CID `json:"cid"` // of the collection, if it was committed
}

func (r *remote) mirror(ctx context.Context, s client.Sync, commit bool) error {
	state, err := clientDir()
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(s.Local)
	if err != nil {
		return err
	}
	s.Journal, err = client.OpenJournal(client.JournalDir(state, "sync", s.Client.Host().URL, s.Collection, s.Dir, abs))
	if err != nil {
		return err
	}
	defer s.Journal.Close()
	r.bar.phase("sync")
	s.Total = func(_ int, bytes int64) { r.bar.grow(bytes) }
	report, err := s.Run(ctx)
	m := mirrored{Report: report}
	if err == nil && commit && !s.DryRun {
		var pin client.Pin
		pin, err = s.Client.Commit(ctx, s.Collection)
		m.CID = pin.Pin.CID
	}
	// What was done is told, too, when not all was.
	if shown := r.show(m, m.write); err == nil {
		err = shown
	}
	return err
}

func (m mirrored) write(w io.Writer) error {
	for _, c := range m.Changes {
		what := dash(c.CID)
		if c.Error != "" {
			what = c.Error
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", c.Action, c.Path, what); err != nil {
			return err
		}
	}
	if m.CID.Defined() {
		if _, err := fmt.Fprintf(w, "the collection is %s\n", m.CID); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d files: %d unchanged, %d uploaded (%s), %d linked, %d deleted, %d failed\n",
		m.Files, m.Unchanged, m.Uploaded, bytesText(m.Bytes), m.Linked, m.Deleted, m.Failed)
	return err
}

func (c *cli) syncCommand() *cobra.Command {
	var to place
	var remove, dry, commit bool
	cmd, r := c.remoteCommand("sync DIR", "make a collection have what a directory has", nArgs(1),
		func(ctx context.Context, r *remote, args []string) error {
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			if !info.IsDir() {
				return usageError{fmt.Errorf("%s is no directory", args[0])}
			}
			c, err := r.open()
			if err != nil {
				return err
			}
			if !to.given() {
				abs, err := filepath.Abs(args[0])
				if err != nil {
					return err
				}
				to.collection = filepath.Base(abs)
			}
			col, err := to.find(ctx, c)
			if err != nil {
				return err
			}
			s := client.Sync{Client: c, Local: args[0], Collection: col.UUID, Bucket: col.Bucket, Dir: to.dir, Delete: remove, DryRun: dry}
			return r.mirror(ctx, s, commit)
		})
	cmd.Long = "Make a directory of a collection have what a local directory has, in one direction.\n\n" +
		"New and changed files are uploaded. A file whose bytes the collection has elsewhere, because it was renamed say, gets its place\n" +
		"without being sent. Interrupt it at any moment: the same command goes on."
	to.flags(cmd)
	cmd.Flags().BoolVar(&remove, "delete", false, "remove from there what is not here; the contents, too, that a sync of this directory made")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only tell what would be done")
	cmd.Flags().BoolVar(&commit, "commit", false, "make a directory with a CID of the collection afterwards")
	cmd.Flags().Lookup("collection").Usage = "name or UUID of the collection; default: the directory's name; it is made if there is none"
	r.uploadFlags(cmd.Flags())
	return cmd
}
