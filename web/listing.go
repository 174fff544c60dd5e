package web

import (
	"net/url"
	"strings"

	"github.com/whypfs/whypfs/buckets"
)

// crumb is a step of the path to where a listing is.
type crumb struct{ Label, URL string }

// crumbs are the folders of a prefix or key, each with its listing.
func crumbs(ref, prefix string) []crumb {
	var out []crumb
	for i := 0; i < len(prefix); {
		n := strings.IndexByte(prefix[i:], '/')
		if n < 0 {
			break
		}
		label := prefix[i : i+n]
		if label == "" {
			label = "(no name)"
		}
		i += n + 1
		out = append(out, crumb{label, listURL(ref, prefix[:i])})
	}
	return out
}

// listURL is the first page of a bucket's listing.
func listURL(ref, prefix string) string { return listing{Prefix: prefix}.url(ref) }

// listing says which part of a bucket a page shows.
type listing struct {
	Prefix       string
	Versions     bool   // all of them, and delete markers, instead of objects
	After        string // key
	AfterVersion string
}

func listingOf(q url.Values) listing {
	return listing{Prefix: q.Get("prefix"), Versions: q.Get("versions") != "", After: q.Get("after"), AfterVersion: q.Get("afterversion")}
}

// url is where a listing is shown.
func (l listing) url(ref string) string {
	q := url.Values{}
	for name, v := range map[string]string{"prefix": l.Prefix, "after": l.After, "afterversion": l.AfterVersion} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if l.Versions {
		q.Set("versions", "all")
	}
	if len(q) == 0 {
		return bucketURL(ref)
	}
	return bucketURL(ref) + "?" + q.Encode()
}

// first is the first page of the same listing, of objects or of versions.
func (l listing) first(versions bool) listing { return listing{Prefix: l.Prefix, Versions: versions} }

type folderView struct{ Name, URL string }

type objectRow struct {
	versionRow
	Name string // without the prefix
}

type listingView struct {
	Bucket   bucketView
	Marks    []mark
	Settings []setting
	Policy   *policyForm // nil: a global bucket's cannot be changed
	Tree     treeView
	Prefix   string
	Versions bool
	Kinds    []crumb // the listings of objects and of versions, where there are two
	Crumbs   []crumb
	Folders  []folderView
	Objects  []objectRow
	First    string // URL of the first page, "" if this is it
	Next     string // URL of the next page
	S3       string
	Uploaded string // how many files a form has just stored
}

func (s *server) listObjects(c *call) error {
	ctx := c.r.Context()
	b, err := s.visibleBucket(c)
	if err != nil {
		return err
	}
	q := c.r.URL.Query()
	l := listingOf(q)
	l.Versions = l.Versions && b.Versioning != ""
	data := listingView{Bucket: s.bucketView(ctx, b, nil), Prefix: l.Prefix, Versions: l.Versions, S3: s.s3URL(c.r)}
	ref := data.Bucket.Ref
	list := s.objectsPage
	if l.Versions {
		list = s.versionsPage
	}
	next, err := list(c, b, l, &data)
	if err != nil {
		return err
	}
	data.Crumbs = crumbs(ref, l.Prefix)
	if l.After != "" {
		data.First = l.first(l.Versions).url(ref)
	}
	if next.After != "" {
		data.Next = next.url(ref)
	}
	if b.Versioning != "" {
		data.Kinds = []crumb{{"Objects", l.first(false).url(ref)}, {"All versions", l.first(true).url(ref)}}
	}
	if n := q.Get("uploaded"); n != "" && len(n) < 6 && strings.Trim(n, "0123456789") == "" {
		data.Uploaded = n
	}
	a := s.accessOf(ctx, b)
	data.Marks = marksOf(b, a)
	if !b.Global {
		f := newPolicyForm(b.Policy)
		data.Policy = &f
	}
	if data.Settings, err = s.settings(c, b, a); err != nil {
		return err
	}
	if data.Tree, err = s.treeOf(c, b); err != nil {
		return err
	}
	return s.ok(c, "objects", view{Title: data.Bucket.Label, Nav: "buckets", Scripts: []string{"upload.js", "copy.js"}, Data: data})
}

// objectsPage fills in a page of objects and returns the next one, if there is one.
func (s *server) objectsPage(c *call, b buckets.Bucket, l listing, data *listingView) (next listing, err error) {
	got, err := s.buckets.List(c.r.Context(), b, buckets.Query{Prefix: l.Prefix, Delimiter: "/", After: l.After, Max: pageSize})
	if err != nil {
		return next, err
	}
	data.fill(l, got.Prefixes, got.Objects)
	if got.More {
		next = l.first(false)
		next.After = got.Next
	}
	return next, nil
}

// versionsPage is objectsPage for all versions.
func (s *server) versionsPage(c *call, b buckets.Bucket, l listing, data *listingView) (next listing, err error) {
	got, err := s.buckets.Versions(c.r.Context(), b, buckets.VersionQuery{
		Prefix: l.Prefix, Delimiter: "/", AfterKey: l.After, AfterVersion: l.AfterVersion, Max: pageSize})
	if err != nil {
		return next, err
	}
	data.fill(l, got.Prefixes, got.Versions)
	if got.More {
		next = l.first(true)
		next.After, next.AfterVersion = got.NextKey, got.NextVersion
	}
	return next, nil
}

func (v *listingView) fill(l listing, prefixes []string, objects []buckets.Object) {
	for _, p := range prefixes {
		name := strings.TrimPrefix(p, l.Prefix)
		if name == "/" {
			name = "(no name)/"
		}
		v.Folders = append(v.Folders, folderView{name, listing{Prefix: p, Versions: l.Versions}.url(v.Bucket.Ref)})
	}
	for _, o := range objects {
		row := objectRow{versionRow: newVersionRow(v.Bucket.Ref, o), Name: strings.TrimPrefix(o.Key, l.Prefix)}
		if !l.Versions {
			row.Version = "" // whatever the current one will be
		}
		if row.Name == "" {
			row.Name = "(the folder itself)"
		}
		v.Objects = append(v.Objects, row)
	}
}
