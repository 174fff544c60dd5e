package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
)

type collectionsView struct {
	List              []collections.Collection
	Name, Description string // as they stand in the form
	Problem           *pageError
}

// listCollections shows the caller's collections. Buckets, which V1's clients
// see as such too, have a page of their own.
func (s *server) listCollections(c *call) error {
	return s.collectionsPage(c, http.StatusOK, collectionsView{})
}

func (s *server) collectionsPage(c *call, status int, data collectionsView) error {
	all, err := s.collections.List(c.r.Context(), c.user.ID)
	if err != nil {
		return err
	}
	for _, col := range all {
		if _, ok := col.Bucket(); !ok {
			data.List = append(data.List, col)
		}
	}
	return s.render(c, status, "collections", view{Title: "Collections", Nav: "buckets", Data: data})
}

func (s *server) createCollection(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	name, description := strings.TrimSpace(c.r.PostForm.Get("name")), strings.TrimSpace(c.r.PostForm.Get("description"))
	col, err := s.collections.Create(c.r.Context(), c.user.ID, name, description)
	if err == nil {
		s.redirect(c, collectionURL(col.UUID, ""))
		return nil
	}
	p, err := refusal(err)
	if err != nil {
		return err
	}
	return s.collectionsPage(c, p.status, collectionsView{Name: name, Description: description, Problem: p})
}

// collectionURL is the listing of a directory of a collection; "": its root.
func collectionURL(id, dir string) string { return collectionPage(id, "", "dir", dir) }

// collectionPage is a page or action of a collection, about a path. Paths travel
// in the query, as keys do.
func collectionPage(id, action, name, path string) string {
	u := "/ui/collections/" + url.PathEscape(id)
	if action != "" {
		u += "/" + action
	}
	if path != "" {
		u += "?" + url.Values{name: {path}}.Encode()
	}
	return u
}

// childRow is what is directly in a directory of a collection.
type childRow struct {
	collections.Child
	URL    string // of a directory, or of the object; "" if there is none
	Remove string // URL
}

type collectionView struct {
	collections.Collection
	Label       string
	Dir         string
	Crumbs      []crumb
	Children    []childRow
	First, Next string // URLs
	Gateway     string // URL of what was committed, "" if there is no gateway
	Done        bool   // it was committed just now
}

// collectionLabel is what a collection is called.
func collectionLabel(col collections.Collection) string {
	if col.Name == "" {
		return "collection without a name"
	}
	return col.Name
}

// ownCollection is the collection of the caller's that the path names.
func (s *server) ownCollection(c *call) (collections.Collection, error) {
	return s.collections.Collection(c.r.Context(), c.user.ID, c.r.PathValue("collection"))
}

func (s *server) showCollection(c *call) error {
	col, err := s.ownCollection(c)
	if err != nil {
		return err
	}
	if b, ok := col.Bucket(); ok {
		s.redirect(c, bucketURL(bucketRef(b)))
		return nil
	}
	q := c.r.URL.Query()
	data := collectionView{Collection: col, Label: collectionLabel(col), Dir: q.Get("dir"), Done: q.Get("done") == "commit"}
	if data.Dir == "" {
		data.Dir = "/"
	}
	page, err := s.collections.Children(c.r.Context(), col, data.Dir, q.Get("after"), pageSize)
	if err != nil {
		return err
	}
	if data.Children, err = s.childRows(c, col, data.Dir, page.Children); err != nil {
		return err
	}
	if q.Get("after") != "" {
		data.First = collectionURL(col.UUID, data.Dir)
	}
	if page.More {
		data.Next = "/ui/collections/" + url.PathEscape(col.UUID) + "?" + url.Values{"dir": {data.Dir}, "after": {page.Next}}.Encode()
	}
	at := ""
	for name := range strings.SplitSeq(strings.Trim(data.Dir, "/"), "/") {
		if name != "" {
			at += "/" + name
			data.Crumbs = append(data.Crumbs, crumb{name, collectionURL(col.UUID, at)})
		}
	}
	if s.opt.GatewayURL != "" && col.CID.Defined() {
		data.Gateway = strings.TrimRight(s.opt.GatewayURL, "/") + "/ipfs/" + col.CID.String() + "/"
	}
	return s.ok(c, "collection", view{Title: data.Label, Nav: "buckets", Scripts: []string{"copy.js"}, Data: data})
}

// childRows finds the pages of what is in a directory: of objects, and of pins
// that are none yet.
func (s *server) childRows(c *call, col collections.Collection, dir string, children []collections.Child) ([]childRow, error) {
	in := map[string][]buckets.Content{} // by bucket
	var uuids []string
	for _, child := range children {
		if k := child.Entry.Content; k.ID != 0 {
			in[k.Bucket] = append(in[k.Bucket], k)
			uuids = append(uuids, k.Bucket)
		}
	}
	views, err := s.bucketsOf(c, uuids)
	if err != nil {
		return nil, err
	}
	urls := map[uint64]string{} // by content
	for uuid, list := range in {
		objects, err := s.buckets.ObjectsOf(c.r.Context(), views[uuid].Bucket, list)
		if err != nil {
			return nil, err
		}
		for id, o := range objects {
			if ref := views[uuid].Ref; ref != "" {
				urls[id] = objectURL(ref, "object", o.Key, olderVersion(o))
			}
		}
	}
	rows := make([]childRow, 0, len(children))
	for _, child := range children {
		path := strings.TrimRight(dir, "/") + "/" + child.Name
		row := childRow{Child: child, Remove: collectionPage(col.UUID, "remove", "path", path)}
		switch e := child.Entry; {
		case child.Dir:
			row.URL = collectionURL(col.UUID, path)
		case e.Content.ID != 0:
			row.URL = urls[e.Content.ID]
		case e.Pin.ID != 0:
			row.URL = pinURL(e.Pin.ID)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// olderVersion is the version of an object that its URL has to name, "" for the current one.
func olderVersion(o buckets.Object) string {
	if o.Latest {
		return ""
	}
	return o.VersionID()
}

// commitCollection makes a directory on IPFS of a collection.
func (s *server) commitCollection(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	col, err := s.plainCollection(c)
	if err == nil {
		_, err = s.collections.Commit(c.r.Context(), c.user.ID, col.UUID, 0)
	}
	if err != nil {
		return err
	}
	s.redirect(c, collectionPage(col.UUID, "", "done", "commit"))
	return nil
}
