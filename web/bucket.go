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
		v.OwnerName = s.userName(ctx, b.Owner)
	}
	return v
}

// userName is the name of a user, "" if he is gone.
func (s *server) userName(ctx context.Context, id uint64) string {
	u, err := s.accounts.User(ctx, id)
	if err != nil {
		return ""
	}
	return u.Name
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
	Buckets []bucketLine
	Global  bucketView
	Name    string // that could not be created
	Problem *pageError
	S3      string
}

// bucketLine is a bucket in the list of buckets.
type bucketLine struct {
	bucketView
	Marks []mark
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
		data.Buckets = append(data.Buckets, bucketLine{s.bucketView(ctx, b, names), marksOf(b, s.accessOf(ctx, b))})
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
	Name, Version       string // of what is deleted; Version may be ""
	Action, Back, Label string
	Restores            bool // an object, by deleting its delete marker
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
		Warning: "Only an empty bucket can be deleted: one without objects and, if it ever had versioning, older versions and delete markers. Its policy and unfinished uploads go with it; data that is already in Filecoin deals stays there until they end.",
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
	if err := s.buckets.DeleteBucket(c.r.Context(), b); err != nil {
		return err
	}
	s.redirect(c, "/ui/buckets")
	return nil
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
