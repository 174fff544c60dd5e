package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/client"
)

func (c *cli) lsCommand() *cobra.Command {
	var contents bool
	var limit, offset int
	cmd, _ := c.remoteCommand("ls [COLLECTION[/PATH]]", "list the collections, or a directory of one; with --contents all contents, the newest first", maxArgs(0, 1),
		func(ctx context.Context, r *remote, args []string) error {
			if contents && len(args) > 0 {
				return usageError{fmt.Errorf("--contents lists those in no collection too: it takes no argument")}
			}
			c, err := r.open()
			if err != nil {
				return err
			}
			switch {
			case contents:
				list, err := c.Contents(ctx, limit, offset)
				if err != nil {
					return err
				}
				return showList(r, list, contentHead, contentCells)
			case len(args) == 0:
				list, err := c.Collections(ctx)
				if err != nil {
					return err
				}
				return showList(r, list, []string{"uuid", "name", "cid", "created"}, func(col client.Collection) []any {
					return []any{col.UUID, col.Name, dash(col.CID), stamp(col.Created)}
				})
			}
			return r.lsCollection(ctx, c, args[0])
		})
	cmd.Flags().BoolVar(&contents, "contents", false, "list contents, in collections or not")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many contents")
	cmd.Flags().IntVar(&offset, "offset", 0, "how many of the newest contents are left out")
	return cmd
}

var contentHead = []string{"id", "cid", "name", "size", "status", "created"}

func contentCells(c client.Content) []any {
	return []any{c.ID, dash(c.CID), c.Name, bytesText(c.Size), c.Status, stamp(c.Created)}
}

func dash(c client.CID) string {
	if !c.Defined() {
		return "-"
	}
	return c.String()
}

func (r *remote) lsCollection(ctx context.Context, c *client.Client, arg string) error {
	ref, err := client.ParseRef(arg)
	if err != nil {
		return err
	}
	if ref.Collection == "" {
		return usageError{fmt.Errorf("%s is not a collection; write %s/ if one is called so", arg, arg)}
	}
	col, err := c.Collection(ctx, ref.Collection)
	if err != nil {
		return err
	}
	list, err := c.List(ctx, col.UUID, ref.Path)
	if err != nil {
		return err
	}
	if len(list) == 0 && ref.Path != "/" { // a file, or nothing
		e, err := c.Find(ctx, col.UUID, ref.Path)
		if err != nil {
			return err
		}
		list = []client.Entry{e}
	}
	return showList(r, list, []string{"name", "size", "id", "cid"}, func(e client.Entry) []any {
		if e.Dir {
			return []any{e.Name + "/", "-", "-", "-"}
		}
		return []any{e.Name, bytesText(e.Size), e.ID, dash(e.CID)}
	})
}

// shared is where a file can be fetched by anyone.
type shared struct {
	CID  client.CID `json:"cid"`
	Name string     `json:"name"`
	URL  string     `json:"url"`
}

func (c *cli) shareCommand() *cobra.Command {
	cmd, _ := c.remoteCommand("share ID|CID[/PATH]|COLLECTION[/PATH]", "print gateway links, which need no token; of a directory of a collection, one for each file", nArgs(1),
		func(ctx context.Context, r *remote, args []string) error {
			c, item, err := r.resolve(ctx, args[0])
			if err != nil {
				return err
			}
			list := []shared{{client.CID{Cid: item.Root}, item.Name, ""}}
			if !item.Root.Defined() {
				if list, err = sharedUnder(ctx, c, item); err != nil {
					return err
				}
			}
			for i, s := range list {
				name := s.Name
				if name == s.CID.String() {
					name = "" // not told, and no name for a file
				}
				list[i].URL = c.Link(s.CID.Cid, name)
			}
			return r.show(append([]shared{}, list...), func(w io.Writer) error {
				for _, s := range list {
					if _, err := fmt.Fprintln(w, s.URL); err != nil {
						return err
					}
				}
				return nil
			})
		})
	return cmd
}

// sharedUnder are the files below a directory of a collection, or the directory
// itself if it is a whole collection that was committed.
func sharedUnder(ctx context.Context, c *client.Client, item client.Item) (list []shared, err error) {
	if item.Path == "/" && item.Collection.CID.Defined() {
		list = append(list, shared{item.Collection.CID, item.Collection.CID.String(), ""})
	}
	files, err := c.Under(ctx, item.Collection.UUID, item.Path)
	for _, rel := range sortedKeys(files) {
		list = append(list, shared{files[rel].CID, files[rel].Name, ""})
	}
	return list, err
}

func (c *cli) statusCommand() *cobra.Command {
	cmd, _ := c.remoteCommand("status [ID|CID|COLLECTION/PATH]", "show whether contents are pinned, and their deals; without an argument, the newest contents", maxArgs(0, 1),
		func(ctx context.Context, r *remote, args []string) error {
			if len(args) == 0 {
				c, err := r.open()
				if err != nil {
					return err
				}
				list, err := c.Contents(ctx, 20, 0)
				if err != nil {
					return err
				}
				return showList(r, list, contentHead, contentCells)
			}
			c, ids, err := r.contents(ctx, args[0])
			if err != nil {
				return err
			}
			return r.statuses(ctx, c, ids)
		})
	return cmd
}

// contents are the ids of the contents that an argument names: of a CID all of the user's.
func (r *remote) contents(ctx context.Context, arg string) (*client.Client, []uint64, error) {
	ref, err := client.ParseRef(arg)
	if err != nil {
		return nil, nil, err
	}
	c, err := r.open()
	if err != nil || ref.ID != 0 {
		return c, []uint64{ref.ID}, err
	}
	item, err := c.Resolve(ctx, ref)
	if err != nil || item.ID != 0 {
		return c, []uint64{item.ID}, err
	}
	if !item.Root.Defined() {
		return nil, nil, usageError{fmt.Errorf("%s is a directory: name a file of it", arg)}
	}
	list, err := c.ContentsByCID(ctx, item.Root)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("no content has the root %s: %w", item.Root, client.ErrNotFound)
	}
	var ids []uint64
	for _, content := range list {
		ids = append(ids, content.ID)
	}
	return c, ids, err
}

func (r *remote) statuses(ctx context.Context, c *client.Client, ids []uint64) error {
	var list []client.Status
	raw := []json.RawMessage{}
	for _, id := range ids {
		s, err := c.Status(ctx, id)
		if errors.Is(err, client.ErrNotFound) && len(ids) > 1 {
			continue // removed since it was listed
		}
		if err != nil {
			return err
		}
		list, raw = append(list, s), append(raw, s.Raw)
	}
	return r.show(raw, func(w io.Writer) error {
		t := newTable(contentHead...)
		deals := newTable("content", "deal", "provider", "state", "on chain", "sealed")
		for _, s := range list {
			t.row(contentCells(s.Content)...)
			for _, d := range s.Deals {
				deals.row(s.Content.ID, d.Deal.DealID, d.Deal.Miner, d.State(), stamp(d.Deal.OnChainAt), stamp(d.Deal.SealedAt))
			}
		}
		if err := t.write(w); err != nil || len(deals.rows) == 0 {
			return err
		}
		return deals.write(w)
	})
}
