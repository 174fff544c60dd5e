package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
)

// A Collection is V1's named directory of contents.
type Collection struct {
	UUID        string    `json:"uuid"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	CID         CID       `json:"cid"` // of its last commit
	Created     time.Time `json:"createdAt"`
	Bucket      bool      `json:"bucket"` // it is a bucket of S3, seen as a collection
}

// A CID is one as hosts write it: text, or the IPLD form {"/": text}; "" is none.
type CID struct{ cid.Cid }

// UnmarshalJSON implements json.Unmarshaler.
func (c *CID) UnmarshalJSON(b []byte) error {
	var link struct {
		Text string `json:"/"`
	}
	if json.Unmarshal(b, &link.Text) != nil {
		if err := json.Unmarshal(b, &link); err != nil {
			return err
		}
	}
	*c = CID{}
	if len(link.Text) < 2 { // V1 writes an undefined one as "b"
		return nil
	}
	var err error
	c.Cid, err = cid.Decode(link.Text)
	return err
}

// MarshalJSON implements json.Marshaler.
func (c CID) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

func (c CID) String() string {
	if !c.Defined() {
		return ""
	}
	return c.Cid.String()
}

// An Entry is a file or directory in a collection.
type Entry struct {
	Path    string    `json:"path"` // from the collection's root, /a/b
	Name    string    `json:"name"`
	Dir     bool      `json:"dir"`
	Size    int64     `json:"size"`
	ID      uint64    `json:"id"` // of the content; 0 for a directory
	CID     CID       `json:"cid"`
	Updated time.Time `json:"updatedAt"`
}

// wireEntry is an Entry in each form that hosts have: V1's of a directory, its
// ContentWithPath, and the older one, in which dir is a bool.
type wireEntry struct {
	Name      string
	Type      json.RawMessage // "file", "directory"; a number in a content
	Size      int64
	ContID    uint64 `json:"contId"`
	ID        uint64 `json:"id"`
	CID       CID    `json:"cid"`
	Dir       json.RawMessage
	Path      string
	UpdatedAt time.Time `json:"updatedAt"`
}

func (w wireEntry) entry(dir string) Entry {
	e := Entry{Name: w.Name, Size: w.Size, ID: max(w.ContID, w.ID), CID: w.CID, Updated: w.UpdatedAt}
	e.Dir = string(w.Type) == `"directory"` || string(w.Dir) == "true"
	e.Path = w.Path
	if e.Path == "" {
		e.Path = path.Join(dir, w.Name)
	}
	if e.Path = path.Clean("/" + e.Path); e.Name == "" {
		e.Name = path.Base(e.Path)
	}
	return e
}

// Collections lists the user's collections.
func (c *Client) Collections(ctx context.Context) (list []Collection, err error) {
	err = c.both(ctx, &list, call{method: "GET", path: "/collections"}, call{method: "GET", path: "/collections/list"})
	return list, err
}

// CreateCollection makes a collection.
func (c *Client) CreateCollection(ctx context.Context, name string) (made Collection, err error) {
	in := map[string]string{"name": name, "description": ""}
	err = c.both(ctx, &made, call{method: "POST", path: "/collections", in: in}, call{method: "POST", path: "/collections/create", in: in})
	return made, err
}

// both sends now, or what hosts older than V1's 0.1.9 have instead of it.
func (c *Client) both(ctx context.Context, out any, now, before call) error {
	if c.old.Load() {
		return c.json(ctx, before, out)
	}
	err := c.json(ctx, now, out)
	if !noRoute(err) {
		return err
	}
	if oldErr := c.json(ctx, before, out); oldErr != nil {
		if noRoute(oldErr) {
			return err // it has no collections at all
		}
		return oldErr
	}
	c.old.Store(true)
	return nil
}

// Collection finds a collection by its UUID or its name.
func (c *Client) Collection(ctx context.Context, which string) (Collection, error) {
	list, err := c.Collections(ctx)
	if err != nil {
		return Collection{}, err
	}
	var found []Collection
	for _, col := range list {
		if col.UUID == which {
			return col, nil
		}
		if col.Name == which {
			found = append(found, col)
		}
	}
	switch len(found) {
	case 0:
		return Collection{}, fmt.Errorf("collection %q: %w", which, ErrNotFound)
	case 1:
		return found[0], nil
	}
	ids := make([]string, len(found))
	for i, col := range found {
		ids[i] = col.UUID
	}
	return Collection{}, fmt.Errorf("%w: %d collections are called %q; give the UUID of one: %s", ErrUsage, len(found), which, strings.Join(ids, ", "))
}

// EnsureCollection is Collection, and makes the one that is missing.
func (c *Client) EnsureCollection(ctx context.Context, which string) (Collection, error) {
	col, err := c.Collection(ctx, which)
	if !errors.Is(err, ErrNotFound) || uuid.Validate(which) == nil || errors.As(err, new(*Error)) {
		return col, err
	}
	return c.CreateCollection(ctx, which)
}

// List lists a directory of a collection, by name.
func (c *Client) List(ctx context.Context, col, dir string) ([]Entry, error) {
	q := url.Values{"dir": {dir}}
	old := url.Values{"coluuid": {col}, "dir": {dir}, "colpath": {dir}}
	var wire []wireEntry
	err := c.both(ctx, &wire, call{method: "GET", path: "/collections/" + url.PathEscape(col), query: q},
		call{method: "GET", path: "/collections/content", query: old})
	return entries(wire, dir), err
}

// Tree lists all files of a collection, by path.
func (c *Client) Tree(ctx context.Context, col string) ([]Entry, error) {
	var wire []wireEntry
	err := c.both(ctx, &wire, call{method: "GET", path: "/collections/" + url.PathEscape(col)},
		call{method: "GET", path: "/collections/content", query: url.Values{"coluuid": {col}}})
	return entries(wire, "/"), err
}

func entries(wire []wireEntry, dir string) []Entry {
	list := make([]Entry, len(wire))
	for i, w := range wire {
		list[i] = w.entry(dir)
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// Find returns what stands at a path of a collection.
func (c *Client) Find(ctx context.Context, col, at string) (Entry, error) {
	at = path.Clean("/" + at)
	if at == "/" {
		return Entry{Path: "/", Name: "/", Dir: true}, nil
	}
	list, err := c.List(ctx, col, path.Dir(at))
	if err != nil {
		return Entry{}, err
	}
	for _, e := range list {
		if e.Path == at {
			return e, nil
		}
	}
	return Entry{}, fmt.Errorf("%s in collection %s: %w", at, col, ErrNotFound)
}

// Detach takes a content out of a collection; the content stays. It goes by
// the content's id, because V1 takes a path for the beginning of many.
func (c *Client) Detach(ctx context.Context, col string, id uint64) error {
	return c.json(ctx, call{method: "DELETE", path: "/collections/" + url.PathEscape(col) + "/contents",
		in: map[string]string{"by": "content_id", "value": strconv.FormatUint(id, 10)}}, nil)
}

// RemoveCollection removes a collection; its contents stay.
func (c *Client) RemoveCollection(ctx context.Context, col string) error {
	return c.json(ctx, call{method: "DELETE", path: "/collections/" + url.PathEscape(col)}, nil)
}

// Commit makes a directory of a collection, waits for it, and returns the pin
// that it is. That of a bucket is none: it has only a CID.
func (c *Client) Commit(ctx context.Context, col string) (p Pin, err error) {
	wait := 100 * time.Millisecond
	for deadline := time.Now().Add(pinPatience); ; wait = min(2*wait, 5*time.Second) {
		if err = c.json(ctx, call{method: "POST", path: "/collections/" + url.PathEscape(col) + "/commit"}, &p); err != nil {
			return p, err
		}
		if p.ID != "" {
			return c.pinned(ctx, p)
		}
		if p.Pin.CID.Defined() && p.Status == "pinned" || time.Now().After(deadline) {
			return p, nil
		}
		if err := sleep(ctx, wait); err != nil {
			return p, err
		}
	}
}
