package web

import (
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// objectURL is a page or action of an object.
func objectURL(ref, action, key string) string {
	return bucketURL(ref) + "/" + action + "?" + url.Values{"key": {key}}.Encode()
}

// visibleObject returns the object that path and query name, if the caller may see it.
func (s *server) visibleObject(c *call) (buckets.Bucket, buckets.Object, error) {
	b, err := s.visibleBucket(c)
	if err != nil {
		return b, buckets.Object{}, err
	}
	o, err := s.buckets.Head(c.r.Context(), b, c.r.URL.Query().Get("key"), "")
	if errors.Is(err, buckets.ErrKey) {
		err = buckets.ErrNoObject // such a key cannot be there
	}
	return b, o, err
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
	Bucket  bucketView
	Object  buckets.Object
	Name    string // of the key, without its folders
	Folder  string // URL of the listing that shows it
	Crumbs  []crumb
	Headers []pair
	Meta    []pair
	Sums    []pair
	Kept    buckets.Content
	Safety  safety
}

// safety says how far an object is on its way into Filecoin deals, and why not further.
type safety struct {
	Zone           *buckets.Zone // nil: in none yet
	Wanted, Active int
	Reason         string
	Deals          []deals.Deal
}

func (s *server) showObject(c *call) error {
	b, o, err := s.visibleObject(c)
	if err != nil {
		return err
	}
	data := objectView{Bucket: s.bucketView(c.r.Context(), b, nil), Object: o,
		Headers: sortedPairs(o.Headers), Meta: sortedPairs(o.Meta), Sums: sortedPairs(o.Checksums)}
	cut := strings.LastIndexByte(o.Key, '/') + 1
	data.Name, data.Folder = o.Key[cut:], listURL(data.Bucket.Ref, o.Key[:cut], "")
	if data.Name == "" {
		data.Name = o.Key
	}
	data.Crumbs = crumbs(data.Bucket.Ref, o.Key[:cut])
	if data.Kept, err = s.buckets.Content(c.r.Context(), o.Content); err != nil && !errors.Is(err, buckets.ErrNoContent) {
		return err
	}
	if data.Safety, err = s.safetyOf(c, data.Kept, b); err != nil {
		return err
	}
	return s.ok(c, "object", view{Title: data.Name, Nav: "buckets", Refresh: true, Scripts: []string{"copy.js", "refresh.js"}, Data: data})
}

func (s *server) safetyOf(c *call, content buckets.Content, b buckets.Bucket) (safety, error) {
	out := safety{Wanted: b.Policy.Replication, Reason: "It is about to join the bucket's open zone."}
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
	out.Deals, err = s.deals.Deals(c.r.Context(), z.ID, "", pageSize, 0)
	return out, err
}

func (s *server) confirmDeleteObject(c *call) error {
	b, o, err := s.visibleObject(c)
	if err != nil {
		return err
	}
	ref := bucketRef(b)
	return s.ok(c, "confirm", view{Title: "Delete object", Nav: "buckets", Data: confirmView{
		Question: "Delete this object?", Name: o.Key, Label: "Delete the object",
		Warning: "It is gone from the bucket at once and cannot be brought back. Copies that storage providers have sealed stay with them until their deals end, and whoever has fetched it over IPFS keeps it.",
		Action:  objectURL(ref, "remove", o.Key), Back: objectURL(ref, "object", o.Key)}})
}

func (s *server) deleteObject(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	b, o, err := s.visibleObject(c)
	if err != nil {
		return err
	}
	if _, err := s.buckets.Delete(c.r.Context(), b, o.Key, buckets.DeleteOptions{}); err != nil {
		return err
	}
	s.redirect(c, listURL(bucketRef(b), o.Key[:strings.LastIndexByte(o.Key, '/')+1], ""))
	return nil
}

// download streams an object as a file to save: what users store must never run
// as a page of ours.
func (s *server) download(c *call) (err error) {
	_, o, err := s.visibleObject(c)
	if err != nil {
		return err
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
	if n, err := f.WriteTo(c.w); err != nil {
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
