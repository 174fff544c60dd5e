package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
)

// globalMark begins the URL name of a global bucket, which has no name; no
// bucket's name can begin so.
const globalMark = "~"

// bucketRef is a bucket's name in URLs.
func bucketRef(b buckets.Bucket) string {
	if b.Global {
		return globalMark + b.UUID
	}
	return b.Name
}

func bucketURL(ref string) string { return "/ui/buckets/" + url.PathEscape(ref) }

// bucketView is a bucket as pages show it.
type bucketView struct {
	buckets.Bucket
	Ref       string
	Label     string
	OwnerName string
}

func (s *server) bucketView(ctx context.Context, b buckets.Bucket, names map[uint64]string) bucketView {
	v := bucketView{Bucket: b, Ref: bucketRef(b), Label: b.Name, OwnerName: names[b.Owner]}
	if b.Global {
		v.Label = "uploads without a bucket"
	}
	if v.OwnerName == "" {
		if u, err := s.accounts.User(ctx, b.Owner); err == nil {
			v.OwnerName = u.Name
		}
	}
	return v
}

// visibleBucket returns the bucket that the path names, if the caller may see it.
func (s *server) visibleBucket(c *call) (buckets.Bucket, error) {
	ref := c.r.PathValue("bucket")
	var b buckets.Bucket
	var err error
	if uuid, ok := strings.CutPrefix(ref, globalMark); ok {
		b, err = s.buckets.BucketByUUID(c.r.Context(), uuid)
	} else {
		b, err = s.buckets.Bucket(c.r.Context(), ref)
	}
	if err == nil && (!c.sees(b.Owner) || b.Global != strings.HasPrefix(ref, globalMark)) {
		err = buckets.ErrNoBucket
	}
	return b, err
}

type bucketsView struct {
	Buckets []bucketView
	Global  bucketView
	Name    string // that could not be created
	Problem *pageError
	S3      string
}

func (s *server) listBuckets(c *call) error {
	return s.bucketsPage(c, http.StatusOK, bucketsView{})
}

func (s *server) bucketsPage(c *call, status int, data bucketsView) error {
	ctx := c.r.Context()
	owner := c.user.ID
	if c.admin() {
		owner = 0
	}
	list, err := s.buckets.ListBuckets(ctx, buckets.BucketQuery{Owner: owner})
	if err != nil {
		return err
	}
	names, err := s.userNames(c)
	if err != nil {
		return err
	}
	for _, b := range list.Buckets {
		data.Buckets = append(data.Buckets, s.bucketView(ctx, b, names))
	}
	global, err := s.buckets.GlobalBucket(ctx, c.user.ID)
	if err != nil {
		return err
	}
	data.Global, data.S3 = s.bucketView(ctx, global, names), s.s3URL(c.r)
	return s.render(c, status, "buckets", view{Title: "Buckets", Nav: "buckets", Data: data})
}

// userNames are the names of those whose things the caller sees.
func (s *server) userNames(c *call) (map[uint64]string, error) {
	users := []accounts.User{c.user}
	if c.admin() {
		var err error
		if users, err = s.accounts.Users(c.r.Context()); err != nil {
			return nil, err
		}
	}
	names := map[uint64]string{}
	for _, u := range users {
		names[u.ID] = u.Name
	}
	return names, nil
}

func (s *server) createBucket(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	name := strings.TrimSpace(c.r.PostForm.Get("name"))
	b, err := s.buckets.CreateBucket(c.r.Context(), c.user.ID, name, buckets.BucketOptions{})
	if err == nil {
		s.redirect(c, bucketURL(bucketRef(b)))
		return nil
	}
	p := translate(err)
	if p.status >= http.StatusInternalServerError && p.status != http.StatusInsufficientStorage {
		return err
	}
	return s.bucketsPage(c, p.status, bucketsView{Name: name, Problem: &p})
}

// confirmView asks before something is deleted.
type confirmView struct {
	Question, Warning   string
	Name                string
	Action, Back, Label string
}

func (s *server) confirmDeleteBucket(c *call) error {
	b, err := s.visibleBucket(c)
	if err != nil {
		return err
	}
	if b.Global {
		return errNoPage
	}
	ref := bucketURL(bucketRef(b))
	return s.ok(c, "confirm", view{Title: "Delete bucket", Nav: "buckets", Data: confirmView{
		Question: "Delete this bucket?", Name: b.Name, Label: "Delete the bucket",
		Warning: "Only an empty bucket can be deleted. Its policy goes with it; data that is already in Filecoin deals stays there until they end.",
		Action:  ref + "/delete", Back: ref}})
}

func (s *server) deleteBucket(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	b, err := s.visibleBucket(c)
	if err != nil {
		return err
	}
	if b.Global {
		return errNoPage
	}
	if err := s.buckets.DeleteBucket(c.r.Context(), b.Name); err != nil {
		return err
	}
	s.redirect(c, "/ui/buckets")
	return nil
}

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
		out = append(out, crumb{label, listURL(ref, prefix[:i], "")})
	}
	return out
}

// listURL is a page of a bucket's listing.
func listURL(ref, prefix, after string) string {
	q := url.Values{}
	if prefix != "" {
		q.Set("prefix", prefix)
	}
	if after != "" {
		q.Set("after", after)
	}
	if len(q) == 0 {
		return bucketURL(ref)
	}
	return bucketURL(ref) + "?" + q.Encode()
}

type folderView struct{ Name, URL string }

type objectRow struct {
	buckets.Object
	Name string // without the prefix
}

type listingView struct {
	Bucket   bucketView
	Prefix   string
	Crumbs   []crumb
	Folders  []folderView
	Objects  []objectRow
	First    string // URL of the first page, "" if this is it
	Next     string // URL of the next page
	S3       string
	Uploaded string // how many files a form has just stored
	Admin    bool
}

func (s *server) listObjects(c *call) error {
	ctx := c.r.Context()
	b, err := s.visibleBucket(c)
	if err != nil {
		return err
	}
	q := c.r.URL.Query()
	prefix, after := q.Get("prefix"), q.Get("after")
	got, err := s.buckets.List(ctx, b, buckets.Query{Prefix: prefix, Delimiter: "/", After: after, Max: pageSize})
	if err != nil {
		return err
	}
	data := listingView{Bucket: s.bucketView(ctx, b, nil), Prefix: prefix, S3: s.s3URL(c.r), Admin: c.admin()}
	ref := data.Bucket.Ref
	data.Crumbs = crumbs(ref, prefix)
	for _, p := range got.Prefixes {
		name := strings.TrimPrefix(p, prefix)
		if name == "/" {
			name = "(no name)/"
		}
		data.Folders = append(data.Folders, folderView{name, listURL(ref, p, "")})
	}
	for _, o := range got.Objects {
		name := strings.TrimPrefix(o.Key, prefix)
		if name == "" {
			name = "(the folder itself)"
		}
		data.Objects = append(data.Objects, objectRow{o, name})
	}
	if after != "" {
		data.First = listURL(ref, prefix, "")
	}
	if got.More {
		data.Next = listURL(ref, prefix, got.Next)
	}
	if n := q.Get("uploaded"); n != "" && len(n) < 6 && strings.Trim(n, "0123456789") == "" {
		data.Uploaded = n
	}
	return s.ok(c, "objects", view{Title: data.Bucket.Label, Nav: "buckets", Scripts: []string{"upload.js", "copy.js"}, Data: data})
}

// bucketsOf are buckets by uuid; one may be gone.
func (s *server) bucketsOf(c *call, uuids []string) (map[string]bucketView, error) {
	slices.Sort(uuids)
	out := map[string]bucketView{}
	for _, uuid := range slices.Compact(uuids) {
		b, err := s.buckets.BucketByUUID(c.r.Context(), uuid)
		switch {
		case errors.Is(err, buckets.ErrNoBucket):
			out[uuid] = bucketView{Label: "deleted bucket"}
		case err != nil:
			return nil, err
		default:
			out[uuid] = s.bucketView(c.r.Context(), b, nil)
		}
	}
	return out, nil
}
