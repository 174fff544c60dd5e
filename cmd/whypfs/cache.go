package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (c *cli) cacheCommand() *cobra.Command {
	add := &cobra.Command{
		Use:   "add FILE",
		Short: "store the blocks of a CAR for the gateway and bitswap, public, until the next sweep (whypfs gc)",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, args []string) (err error) {
			if c.live != nil && !filepath.IsAbs(args[0]) {
				return usageError{fmt.Errorf("%s: the running node reads the file: give its absolute path", args[0])}
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, f.Close()) }()
			n, err := a.node.AddToCache(ctx, bufio.NewReaderSize(f, 1<<20))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(out, "%d blocks\n", n)
			return err
		}),
	}
	return group("cache", "blocks that no content holds", add)
}
