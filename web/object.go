package web

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// objectURL is a page or action of a version of a key; version "" is the
// current one.
func objectURL(ref, action, key, version string) string {
	q := url.Values{"key": {key}}
	if version != "" {
		q.Set("version", version)
	}
	return bucketURL(ref) + "/" + action + "?" + q.Encode()
}

// visibleObject returns the object that path and query name, if the caller may
// see it, and the version that the query names. Its errors are those of Head.
func (s *server) visibleObject(c *call) (b buckets.Bucket, o buckets.Object, version string, err error) {
	if b, err = s.visibleBucket(c); err != nil {
		return b, o, "", err
	}
	q := c.r.URL.Query()
	version = q.Get("version")
	o, err = s.buckets.Head(c.r.Context(), b, q.Get("key"), version)
	if errors.Is(err, buckets.ErrKey) {
		err = buckets.ErrNoObject // such a key cannot be there
	}
	return b, o, version, err
}

type pair struct{ Name, Value string }

func sortedPairs(m map[string]string) []pair {
	var out []pair
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, pair{k, m[k]})
	}
	return out
}

type objectView struct {
	Bucket      bucketView
	Object      buckets.Object
	Version     string // that URLs name; "" if the page shows the current one
	Name        string // of the key, without its folders
	Crumbs      []crumb
	Headers     []pair
	Meta        []pair
	Sums        []pair
	PutBy       string // who put it, if that is not the bucket's owner
	Locked      bool
	Retained    bool // the retention is not over
	Kept        buckets.Content
	Restoration buckets.Restoration
	Safety      safety
	Versions    versionsView
}

// safety says how far an object is on its way into Filecoin deals, and why not further.
type safety struct {
	Zone           *buckets.Zone // nil: in none yet
	Wanted, Active int
	Reason         string
	Deals          []deals.Deal
	Pieces         []string // that hold the object's blocks: there is a proof if there are any
}

// showObject shows a version of a key. Of a deleted object whose versions stay
// that is the delete marker.
func (s *server) showObject(c *call) error {
	b, o, version, err := s.visibleObject(c)
	if err != nil && !(errors.Is(err, buckets.ErrNoObject) && o.Marker) {
		return err
	}
	ctx := c.r.Context()
	data := objectView{Bucket: s.bucketView(ctx, b, nil), Object: o, Version: version,
		Headers: sortedPairs(o.Headers), Meta: sortedPairs(o.Meta), Sums: sortedPairs(o.Checksums),
		Locked: o.Removable(false) != nil, Retained: time.Now().Before(o.Retention.Until)}
	cut := strings.LastIndexByte(o.Key, '/') + 1
	if data.Name = o.Key[cut:]; data.Name == "" {
		data.Name = o.Key
	}
	data.Crumbs = crumbs(data.Bucket.Ref, o.Key[:cut])
	if o.Owner != b.Owner {
		data.PutBy = s.userName(ctx, o.Owner)
	}
	if data.Versions, err = s.versionsOf(c, b, o, version); err != nil {
		return err
	}
	if !o.Marker {
		if err := s.dataOf(c, b, &data); err != nil {
			return err
		}
	}
	return s.ok(c, "object", view{Title: data.Name, Nav: "buckets", Refresh: true, Scripts: []string{"copy.js", "refresh.js"}, Data: data})
}

// dataOf fills in where the bytes of a version are.
func (s *server) dataOf(c *call, b buckets.Bucket, data *objectView) (err error) {
	ctx, o := c.r.Context(), data.Object
	if data.Kept, err = s.buckets.Content(ctx, o.Content); err != nil && !errors.Is(err, buckets.ErrNoContent) {
		return err
	}
	if data.Restoration, err = s.buckets.Restoration(ctx, b, o); err != nil {
		return err
	}
	data.Safety, err = s.safetyOf(c, data.Kept, b)
	return err
}

func (s *server) safetyOf(c *call, content buckets.Content, b buckets.Bucket) (safety, error) {
	out := safety{Wanted: cmp.Or(content.Replication, b.Policy.Replication), Reason: "It is about to join the bucket's open zone."}
	if content.Zone == 0 {
		return out, nil
	}
	z, err := s.buckets.Zone(c.r.Context(), content.Zone)
	if errors.Is(err, buckets.ErrNoZone) {
		return out, nil // it left between the two reads
	}
	if err != nil {
		return out, err
	}
	out.Zone, out.Reason = &z, z.Reason
	if len(z.Pieces) == 0 {
		return out, nil
	}
	wanted, active, reason, err := s.deals.Progress(c.r.Context(), z.ID)
	if err != nil {
		return out, err
	}
	out.Wanted, out.Active = wanted, active
	if reason != "" {
		out.Reason = reason
	}
	if out.Pieces, err = s.deals.PiecesOf(c.r.Context(), z.ID, content.ID); err != nil {
		return out, err
	}
	out.Deals, err = s.deals.Deals(c.r.Context(), z.ID, "", pageSize, 0)
	return out, err
}

// download streams an object as a file to save: what users store must never run
// as a page of ours.
func (s *server) download(c *call) (err error) {
	_, o, _, err := s.visibleObject(c)
	if err != nil {
		return err
	}
	if o.Marker {
		return buckets.ErrMarker
	}
	f, err := s.buckets.Open(c.r.Context(), o.CID, o.Size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := c.w.Header()
	kind := o.Headers["Content-Type"]
	if kind == "" {
		kind = mediaType(o.Key)
	}
	h.Set("Content-Type", kind)
	if enc := o.Headers["Content-Encoding"]; enc != "" {
		h.Set("Content-Encoding", enc)
	}
	h.Set("Content-Disposition", disposition(o.Key))
	h.Set("Content-Length", strconv.FormatInt(o.Size, 10))
	if c.r.Method == http.MethodHead || o.Size == 0 {
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	// The status goes out with the first bytes, so that data that cannot be had
	// at all is still a page that says so.
	n, err := f.WriteTo(c.w)
	s.buckets.Sent(o.CID, n)
	if err != nil {
		return fmt.Errorf("send %q after %d bytes: %w", o.Key, n, err)
	}
	return nil
}

// disposition names the file after the last part of its key.
func disposition(key string) string {
	name := key[strings.LastIndexByte(strings.TrimSuffix(key, "/"), '/')+1:]
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '/' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	if v := mime.FormatMediaType("attachment", map[string]string{"filename": name}); v != "" {
		return v
	}
	return "attachment"
}
