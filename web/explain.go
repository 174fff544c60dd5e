package web

import (
	"errors"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/explain"
)

type explainView struct {
	explain.Explanation
	In      bucketView
	Object  buckets.Object
	Version string // that URLs name; "" if the page is about the current one
	Name    string // of the key, without its folders
	Crumbs  []crumb
}

// explainObject shows why an object does not have all its deals yet.
func (s *server) explainObject(c *call) error {
	b, o, version, err := s.visibleObject(c)
	if err != nil {
		return err
	}
	if o.Marker {
		return buckets.ErrMarker
	}
	ctx := c.r.Context()
	data := explainView{In: s.bucketView(ctx, b, nil), Object: o, Version: version}
	if data.Explanation, err = s.explainer.Content(ctx, o.Content); errors.Is(err, buckets.ErrNoContent) {
		return buckets.ErrNoObject // replaced between the two reads
	} else if err != nil {
		return err
	}
	cut := strings.LastIndexByte(o.Key, '/') + 1
	if data.Name = o.Key[cut:]; data.Name == "" {
		data.Name = o.Key
	}
	data.Crumbs = crumbs(data.In.Ref, o.Key[:cut])
	return s.ok(c, "explain", view{Title: "Deals of " + data.Name, Nav: "buckets", Refresh: true,
		Scripts: []string{"copy.js", "refresh.js"}, Data: data})
}
