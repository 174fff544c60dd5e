package web

import (
	"net/url"

	"github.com/whypfs/whypfs/buckets"
)

// versionsShown is how many versions an object's page lists at once.
const versionsShown = 10

// versionRow is a version in a list.
type versionRow struct {
	buckets.Object
	Ref     string // of its bucket in URLs
	Version string // in URLs; "" stands for the current one
	Locked  bool
	Here    bool // it is the one that the page shows
}

func newVersionRow(ref string, o buckets.Object) versionRow {
	return versionRow{Object: o, Ref: ref, Version: o.VersionID(), Locked: o.Removable(false) != nil}
}

// versionsView are the versions of a key, newest first.
type versionsView struct {
	Rows  []versionRow
	First string // URL of the newest ones, "" if they are shown
	More  string // URL of older ones
}

// versionsOf lists the versions of an object that is shown, from where the
// query says. A bucket that never had versioning has nothing to list.
func (s *server) versionsOf(c *call, b buckets.Bucket, o buckets.Object, version string) (versionsView, error) {
	var out versionsView
	if b.Versioning == "" {
		return out, nil
	}
	q := buckets.VersionQuery{Prefix: o.Key, Max: versionsShown}
	ref := bucketRef(b)
	self := objectURL(ref, "object", o.Key, version)
	if after := c.r.URL.Query().Get("after"); after != "" {
		q.AfterKey, q.AfterVersion, out.First = o.Key, after, self+"#versions"
	}
	page, err := s.buckets.Versions(c.r.Context(), b, q)
	if err != nil {
		return out, err
	}
	for _, v := range page.Versions {
		if v.Key != o.Key {
			return out, nil // keys that begin with this one follow it
		}
		row := newVersionRow(ref, v)
		row.Here = row.Version == o.VersionID()
		out.Rows = append(out.Rows, row)
	}
	if page.More && page.NextKey == o.Key {
		out.More = self + "&after=" + url.QueryEscape(page.NextVersion) + "#versions"
	}
	return out, nil
}

// before returns the version of a key that is the next older one after o.
func (s *server) before(c *call, b buckets.Bucket, o buckets.Object) (older buckets.Object, found bool, err error) {
	page, err := s.buckets.Versions(c.r.Context(), b, buckets.VersionQuery{
		Prefix: o.Key, AfterKey: o.Key, AfterVersion: o.VersionID(), Max: 1})
	if err != nil || len(page.Versions) == 0 || page.Versions[0].Key != o.Key {
		return older, false, err
	}
	return page.Versions[0], true, nil
}
