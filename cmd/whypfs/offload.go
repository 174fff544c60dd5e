package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/internal/countwriter"
)

func (c *cli) offloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "offload BUCKET/KEY",
		Short: "give up the local copy of an object whose deals are active; a read brings it back",
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
			o, err := a.objectNamed(ctx, args[0], "")
			if err != nil {
				return err
			}
			if err := a.buckets.Offload(ctx, o.Content); err != nil {
				return err
			}
			_, err = fmt.Fprintln(out, "its blocks go with the next sweep; a read brings them back")
			return err
		}),
	}
}

// noteReads tells read, and sent with how many bytes, which roots the gateway was
// asked for: it says in a header which ones it went through.
func noteReads(next http.Handler, read func(cid.Cid), sent func(cid.Cid, int64)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &countwriter.Writer{ResponseWriter: w}
		// An answer that is cut went out up to there.
		defer func() {
			for _, root := range strings.Split(w.Header().Get("X-Ipfs-Roots"), ",") {
				if c, err := cid.Decode(strings.TrimSpace(root)); err == nil {
					read(c)
					sent(c, counted.N)
				}
			}
		}()
		next.ServeHTTP(counted, r)
	})
}
