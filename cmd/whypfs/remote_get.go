package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/client"
)

func (c *cli) getCommand() *cobra.Command {
	var output string
	cmd, r := c.remoteCommand("get ID|CID[/PATH]|COLLECTION[/PATH]", "fetch a file or directory and verify it", nArgs(1),
		func(ctx context.Context, r *remote, args []string) error {
			c, item, err := r.resolve(ctx, args[0])
			if err != nil {
				return err
			}
			return r.get(ctx, c, item, output)
		})
	cmd.Flags().StringVarP(&output, "output", "o", "", "file or directory to write, - for standard output; default: the name it has at the host, here")
	r.transferFlags(cmd.Flags())
	return cmd
}

// resolve finds what a command's argument names.
func (r *remote) resolve(ctx context.Context, arg string) (*client.Client, client.Item, error) {
	ref, err := client.ParseRef(arg)
	if err != nil {
		return nil, client.Item{}, err
	}
	c, err := r.open()
	if err != nil {
		return nil, client.Item{}, err
	}
	item, err := c.Resolve(ctx, ref)
	return c, item, err
}

func (r *remote) get(ctx context.Context, c *client.Client, item client.Item, output string) error {
	if output == "-" {
		if !item.Root.Defined() {
			return usageError{fmt.Errorf("a directory does not go to standard output")}
		}
		_, verified, err := c.Stream(ctx, item.Root, r.out)
		if err == nil && !verified {
			r.bar.say("whypfs: not verified\n")
		}
		return err
	}
	to, err := target(item.Name, output, item.Root.Defined())
	if err != nil {
		return err
	}
	r.bar.phase("get")
	r.bar.grow(item.Size)
	got, err := r.fetch(ctx, c, item, to)
	if err != nil {
		return err
	}
	return r.show(got, func(w io.Writer) error {
		for _, path := range got.Skipped {
			r.bar.say(fmt.Sprintf("whypfs: %s is neither a file nor a directory\n", path))
		}
		if !got.Verified {
			r.bar.say("whypfs: not verified\n")
		}
		_, err := fmt.Fprintf(w, "%s: %d files, %s\n", got.Path, got.Files, bytesText(got.Bytes))
		return err
	})
}

func (r *remote) fetch(ctx context.Context, c *client.Client, item client.Item, to string) (client.Got, error) {
	if item.Root.Defined() {
		return c.Get(ctx, item.Root, to)
	}
	under, err := c.Under(ctx, item.Collection.UUID, item.Path)
	if err != nil {
		return client.Got{}, err
	}
	files := make(map[string]cid.Cid, len(under))
	for rel, e := range under {
		files[rel] = e.CID.Cid
		r.bar.grow(e.Size)
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return client.Got{}, err
	}
	return c.GetTree(ctx, files, to)
}

// target is the local path for what is called name at the host, which is
// anyone's word: it may not lead out of where it is asked to.
func target(name, output string, file bool) (string, error) {
	info, err := os.Stat(output)
	into := err == nil && info.IsDir() && file
	if output != "" && !into {
		return output, nil
	}
	if name = filepath.Base(name); !filepath.IsLocal(name) || name == "." {
		return "", usageError{fmt.Errorf("it is called %q at the host: give it a name with -o", name)}
	}
	return filepath.Join(output, name), nil
}
