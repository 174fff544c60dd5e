package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/buckets"
)

func (c *cli) pinCommand() *cobra.Command {
	return group("pin", "pins: DAGs of others that are kept here", c.pinAddCommand(), c.pinListCommand(),
		c.pinOne("show ID", "show a pin", func(ctx context.Context, a *app, id uint64) (buckets.Pin, error) {
			return a.buckets.PinByID(ctx, 0, id)
		}),
		c.pinOne("retry ID", "try a pin now that waits or has failed", func(ctx context.Context, a *app, id uint64) (buckets.Pin, error) {
			return a.buckets.RetryPin(ctx, 0, id)
		}),
		&cobra.Command{
			Use:   "rm ID",
			Short: "remove a pin, with its content, or end its fetch",
			Args:  nArgs(1),
			RunE: c.on(func(ctx context.Context, a *app, _ io.Writer, args []string) error {
				id, err := pinID(args[0])
				if err != nil {
					return err
				}
				return a.buckets.Unpin(ctx, 0, id)
			}),
		})
}

// pinOne is a command that prints what act makes of one pin.
func (c *cli) pinOne(use, short string, act func(context.Context, *app, uint64) (buckets.Pin, error)) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  nArgs(1),
		RunE: c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
			id, err := pinID(args[0])
			if err != nil {
				return err
			}
			p, err := act(ctx, a, id)
			if err != nil {
				return err
			}
			return printJSON(out, p)
		}),
	}
}

func pinID(s string) (uint64, error) {
	id, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, usageError{fmt.Errorf("%q is not a pin's id; `whypfs pin ls` lists them", s)}
	}
	return id, nil
}

func (c *cli) pinAddCommand() *cobra.Command {
	var name, bucket, key, user string
	var origins, meta []string
	var max size
	cmd := &cobra.Command{Use: "add CID", Short: "keep a DAG that others have", Args: nArgs(1)}
	fs := cmd.Flags()
	fs.StringVar(&name, "name", "", "what it is called; default: the CID")
	fs.StringSliceVar(&origins, "origin", nil, "multiaddr, with /p2p/, of a peer that has it; repeatable")
	fs.StringSliceVar(&meta, "meta", nil, "`NAME=VALUE` kept with it; repeatable")
	fs.StringVar(&bucket, "bucket", "", "bucket it goes into; default: the user's global bucket")
	fs.StringVar(&key, "key", "", "key it gets there; default: one of its own")
	fs.StringVar(&user, "user", "", "whose it is; default: the bucket's owner, else root")
	fs.Var(&max, "max-size", "what it may have; 0: as much as --pin-max-size says")
	cmd.RunE = c.on(func(ctx context.Context, a *app, out io.Writer, args []string) error {
		root, err := cid.Decode(args[0])
		if err != nil {
			return usageError{fmt.Errorf("%q is not a CID: %w", args[0], err)}
		}
		r := buckets.PinRequest{CID: root, Name: name, Origins: origins, Key: key, MaxBytes: int64(max)}
		if r.Meta, err = pairs(meta); err != nil {
			return err
		}
		var owner uint64
		if bucket != "" {
			b, err := a.buckets.Bucket(ctx, bucket)
			if err != nil {
				return err
			}
			r.Bucket, owner = b.UUID, b.Owner
		}
		if user != "" || owner == 0 {
			if owner, err = a.userID(ctx, user); err != nil {
				return err
			}
		}
		p, err := a.buckets.Pin(ctx, owner, r)
		if err != nil {
			return err
		}
		return printJSON(out, p)
	})
	return cmd
}

// pairs reads NAME=VALUE.
func pairs(list []string) (map[string]string, error) {
	var m map[string]string
	for _, s := range list {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("--meta: %q is not NAME=VALUE", s)}
		}
		if m == nil {
			m = map[string]string{}
		}
		m[name] = value
	}
	return m, nil
}

// userID is the id of a user; "" is root.
func (a *app) userID(ctx context.Context, name string) (uint64, error) {
	if name == "" {
		name = "root"
	}
	u, err := a.accounts.UserByName(ctx, name)
	return u.ID, err
}

func (c *cli) pinListCommand() *cobra.Command {
	var user, name, match string
	var states, cids []string
	var limit int
	cmd := listing(c, "ls", "list the newest pins",
		[]string{"id", "state", "cid", "name", "blocks", "fetched", "tries", "next", "reason"},
		func(ctx context.Context, a *app, _ []string) ([]buckets.Pin, error) {
			q := buckets.PinQuery{Name: name, Match: buckets.PinMatch(match), Limit: limit}
			if !slices.Contains(buckets.PinMatches, q.Match) {
				return nil, usageError{fmt.Errorf("--match: %q is none of %v", match, buckets.PinMatches)}
			}
			var err error
			if user != "" {
				if q.Owner, err = a.userID(ctx, user); err != nil {
					return nil, err
				}
			}
			if q.CIDs, err = decodeCIDs(cids); err != nil {
				return nil, err
			}
			if q.States, err = pinStates(states); err != nil {
				return nil, err
			}
			page, err := a.buckets.Pins(ctx, q)
			return page.Pins, err
		},
		func(p buckets.Pin) []any {
			return []any{p.ID, p.State, p.CID, p.Name, p.Blocks, bytesText(p.Bytes), p.Tries, stamp(p.Next), p.Reason}
		})
	fs := cmd.Flags()
	fs.StringVar(&user, "user", "", "pins of one user")
	fs.StringSliceVar(&states, "status", nil, "queued, pinning, pinned or failed ones; repeatable")
	fs.StringSliceVar(&cids, "cid", nil, "pins of a CID; repeatable")
	fs.StringVar(&name, "name", "", "pins of that name")
	fs.StringVar(&match, "match", "exact", "how names are compared: exact, iexact, partial or ipartial")
	fs.IntVar(&limit, "limit", 100, "how many; 0: all")
	return cmd
}

func decodeCIDs(list []string) ([]cid.Cid, error) {
	var cids []cid.Cid
	for _, s := range list {
		c, err := cid.Decode(s)
		if err != nil {
			return nil, usageError{fmt.Errorf("--cid: %q is not a CID: %w", s, err)}
		}
		cids = append(cids, c)
	}
	return cids, nil
}

func pinStates(list []string) ([]buckets.PinState, error) {
	var states []buckets.PinState
	for _, s := range list {
		state := buckets.PinState(s)
		if !slices.Contains(buckets.PinStates, state) {
			return nil, usageError{fmt.Errorf("--status: %q is none of %v", s, buckets.PinStates)}
		}
		states = append(states, state)
	}
	return states, nil
}
