package client

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"
)

// A Ref is what a user names: a content by its number, a DAG by its CID, with a
// path in it, or a place in a collection.
type Ref struct {
	ID         uint64
	Root       cid.Cid
	Collection string // name or UUID
	Path       string // in Root or Collection; begins with a slash, "/" for all of it
}

// ParseRef reads ID, CID[/PATH] or COLLECTION[/PATH]. A collection whose name
// looks like one of the former is written with a slash behind it, or by its UUID.
func ParseRef(s string) (Ref, error) {
	first, rest, slash := strings.Cut(s, "/")
	if first == "" {
		return Ref{}, fmt.Errorf("%w: %q is no ID, CID or COLLECTION/PATH", ErrUsage, s)
	}
	r := Ref{Path: path.Clean("/" + rest)}
	if id, err := strconv.ParseUint(s, 10, 64); err == nil {
		r.ID = id
		return r, nil
	}
	if root, err := cid.Decode(first); err == nil && (!slash || rest != "") {
		r.Root = root
		return r, nil
	}
	r.Collection = first
	return r, nil
}

// An Item is what a Ref names at a host.
type Item struct {
	Root       cid.Cid // undefined for a directory of a collection
	Name       string
	ID         uint64 // of the content; 0: none is known
	Size       int64
	Collection Collection // if it is in one
	Path       string     // in the collection
}

// Resolve finds what a Ref names.
func (c *Client) Resolve(ctx context.Context, r Ref) (Item, error) {
	switch {
	case r.ID != 0:
		content, err := c.Content(ctx, r.ID)
		if err == nil && !content.CID.Defined() {
			err = fmt.Errorf("content %d has no CID yet: %w", r.ID, ErrNotFound)
		}
		return Item{Root: content.CID.Cid, Name: content.Name, ID: r.ID, Size: content.Size}, err
	case r.Root.Defined():
		root, err := c.Walk(ctx, r.Root, r.Path)
		item := Item{Root: root, Name: root.String()}
		if r.Path != "/" {
			item.Name = path.Base(r.Path)
		}
		return item, err
	}
	col, err := c.Collection(ctx, r.Collection)
	if err != nil {
		return Item{}, err
	}
	e, err := c.Find(ctx, col.UUID, r.Path)
	if err != nil {
		return Item{}, err
	}
	item := Item{Name: e.Name, ID: e.ID, Size: e.Size, Collection: col, Path: e.Path}
	if !e.Dir {
		item.Root = e.CID.Cid
	}
	if e.Path == "/" {
		item.Name = col.Name
	}
	return item, nil
}

// Under lists the files of a collection below a directory, by their path from it.
func (c *Client) Under(ctx context.Context, col, dir string) (map[string]Entry, error) {
	list, err := c.Tree(ctx, col)
	if err != nil {
		return nil, err
	}
	prefix := strings.TrimSuffix(path.Clean("/"+dir), "/") + "/"
	files := map[string]Entry{}
	for _, e := range list {
		if rel, ok := strings.CutPrefix(e.Path, prefix); ok && rel != "" && !e.Dir {
			files[rel] = e
		}
	}
	return files, nil
}
