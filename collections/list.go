package collections

import (
	"context"
	"fmt"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// maxScan bounds the rows that one snapshot is held for: pages get short where
// many references are to what is gone.
const maxScan = 10_000

// Page is part of a listing.
type Page struct {
	Entries []Entry
	More    bool
	Next    string // the next page's after
}

// Entries returns up to max entries whose paths come after one, in byte order.
func (c *Collections) Entries(ctx context.Context, col Collection, after string, max int) (Page, error) {
	var page Page
	var err error
	if b, ok := col.Bucket(); ok {
		page, err = c.objectPage(ctx, b, strings.TrimPrefix(after, "/"), max)
	} else {
		err = c.store.View(ctx, func(tx kv.Tx) error {
			page = Page{}
			return page.fill(tx, col, after, max)
		})
	}
	if err != nil {
		return Page{}, fmt.Errorf("entries of collection %q: %w", col.UUID, err)
	}
	return page, nil
}

func (p *Page) fill(tx kv.Tx, col Collection, after string, max int) error {
	if _, err := collectionAt(tx, col.UUID); err != nil {
		return err
	}
	from, to := kv.Range(tabEntry, col.UUID)
	if after != "" {
		from = kv.Key(tabEntry, col.UUID, after+"\x00")
	}
	scanned := 0
	for row, err := range tx.Scan(from, to) {
		if err != nil {
			return err
		}
		if len(p.Entries) == max || scanned == maxScan {
			p.More = true
			return nil
		}
		scanned++
		e, live, err := entryAt(tx, col.Owner, row)
		if err != nil {
			return err
		}
		if p.Next = e.Path; live {
			p.Entries = append(p.Entries, e)
		}
	}
	return nil
}

func (c *Collections) objectPage(ctx context.Context, b buckets.Bucket, after string, max int) (Page, error) {
	page, err := c.buckets.List(ctx, b, buckets.Query{After: after, Max: max})
	if err != nil {
		return Page{}, err
	}
	entries, err := c.objects(ctx, page.Objects)
	return Page{Entries: entries, More: page.More, Next: "/" + page.Next}, err
}

// Child is what is directly in a directory.
type Child struct {
	Name  string
	Dir   bool  // a directory; there may be a file of that name, too
	Entry Entry // of a file
}

// ChildPage is part of a directory.
type ChildPage struct {
	Children []Child
	More     bool
	Next     string // the next page's after
}

// Children returns up to max of what is in a directory, after what the page
// before ended with, in byte order of paths. It costs what it returns, whatever
// is below. A directory that is not there is empty.
func (c *Collections) Children(ctx context.Context, col Collection, dir, after string, max int) (ChildPage, error) {
	var page ChildPage
	var err error
	if b, ok := col.Bucket(); ok {
		page, err = c.bucketChildren(ctx, b, keysBelow(dir), after, max)
	} else if dir, err = clean(dir); err == nil {
		err = c.store.View(ctx, func(tx kv.Tx) error {
			page = ChildPage{}
			return page.fill(tx, col, below(dir), after, max)
		})
	}
	if err != nil {
		return ChildPage{}, fmt.Errorf("directory of collection %q: %w", col.UUID, err)
	}
	return page, nil
}

// fill reads from a cursor that jumps over each directory once something live
// in it has been seen.
func (p *ChildPage) fill(tx kv.Tx, col Collection, prefix, after string, max int) error {
	if _, err := collectionAt(tx, col.UUID); err != nil {
		return err
	}
	from, to := kv.Prefix(tabEntry, col.UUID, prefix)
	if strings.HasPrefix(after, prefix) {
		from = past(col.UUID, after)
	}
	scanned := 0
	for from != nil {
		var next []byte
		for row, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			if len(p.Children) == max || scanned == maxScan {
				p.More = true
				return nil
			}
			scanned++
			e, live, err := entryAt(tx, col.Owner, row)
			if err != nil {
				return err
			}
			if p.Next = e.Path; !live {
				continue
			}
			name, _, isDir := strings.Cut(e.Path[len(prefix):], "/")
			if isDir {
				p.Next = prefix + name + "/"
				next = past(col.UUID, p.Next)
				p.Children = append(p.Children, Child{Name: name, Dir: true})
				break
			}
			p.Children = append(p.Children, Child{Name: name, Entry: e})
		}
		from = next
	}
	return nil
}

// past is the bound behind a path, or behind all paths in a directory, which
// ends with a slash.
func past(uuid, path string) []byte {
	if strings.HasSuffix(path, "/") {
		_, to := kv.Prefix(tabEntry, uuid, path)
		return to
	}
	return kv.Key(tabEntry, uuid, path+"\x00")
}

// bucketChildren lists what is directly below a prefix of keys. What has no name
// there is left out: the object that stands for the directory itself, and what
// is below a second slash.
func (c *Collections) bucketChildren(ctx context.Context, b buckets.Bucket, prefix, after string, max int) (ChildPage, error) {
	page, err := c.buckets.List(ctx, b, buckets.Query{Prefix: prefix, Delimiter: "/", After: after, Max: max})
	if err != nil {
		return ChildPage{}, err
	}
	entries, err := c.objects(ctx, page.Objects)
	out := ChildPage{More: page.More, Next: page.Next}
	dirs := page.Prefixes
	for len(dirs) > 0 || len(entries) > 0 {
		var child Child
		if len(entries) == 0 || len(dirs) > 0 && dirs[0] < entries[0].Path[1:] {
			child = Child{Name: strings.TrimSuffix(dirs[0][len(prefix):], "/"), Dir: true}
			dirs = dirs[1:]
		} else {
			child = Child{Name: entries[0].Path[1+len(prefix):], Entry: entries[0]}
			entries = entries[1:]
		}
		if child.Name != "" {
			out.Children = append(out.Children, child)
		}
	}
	return out, err
}
