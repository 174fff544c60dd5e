package web

import (
	"path"
	"strings"

	"github.com/whypfs/whypfs/collections"
)

// plainCollection is the one that the path names, if it is no bucket: those are
// emptied and deleted on pages of their own, which ask what their versions and
// locks make of it.
func (s *server) plainCollection(c *call) (collections.Collection, error) {
	col, err := s.ownCollection(c)
	if err == nil {
		if _, ok := col.Bucket(); ok {
			err = collections.ErrNotFound
		}
	}
	return col, err
}

func (s *server) confirmDeleteCollection(c *call) error {
	col, err := s.plainCollection(c)
	if err != nil {
		return err
	}
	return s.ok(c, "confirm", view{Title: "Delete collection", Nav: "buckets", Data: confirmView{
		Question: "Delete this collection?", Name: collectionLabel(col), Label: "Delete the collection",
		Warning: "Its names go. The contents stay where they are, and so does what was committed.",
		Action:  collectionPage(col.UUID, "delete", "", ""), Back: collectionURL(col.UUID, "")}})
}

func (s *server) deleteCollection(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	col, err := s.plainCollection(c)
	if err == nil {
		err = s.collections.Delete(c.r.Context(), c.user.ID, col.UUID)
	}
	if err != nil {
		return err
	}
	s.redirect(c, "/ui/collections")
	return nil
}

// removedPath is the path that a removal is about: never the root, which has a page of its own.
func removedPath(c *call) (string, error) {
	p := c.r.URL.Query().Get("path")
	if !strings.HasPrefix(p, "/") || path.Clean(p) == "/" {
		return "", errInput
	}
	return p, nil
}

func (s *server) confirmRemovePath(c *call) error {
	col, err := s.plainCollection(c)
	if err != nil {
		return err
	}
	at, err := removedPath(c)
	if err != nil {
		return err
	}
	return s.ok(c, "confirm", view{Title: "Remove from collection", Nav: "buckets", Data: confirmView{
		Question: "Remove this from the collection?", Name: at, Label: "Remove it",
		Warning: "The name goes, and all that are below it. The contents stay where they are.",
		Action:  collectionPage(col.UUID, "remove", "path", at), Back: collectionURL(col.UUID, path.Dir(at))}})
}

func (s *server) removePath(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	col, err := s.plainCollection(c)
	if err != nil {
		return err
	}
	at, err := removedPath(c)
	if err == nil {
		err = s.collections.RemovePath(c.r.Context(), c.user.ID, col.UUID, at)
	}
	if err != nil {
		return err
	}
	s.redirect(c, collectionURL(col.UUID, path.Dir(at)))
	return nil
}
