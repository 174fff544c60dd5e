package estuaryapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
)

// contentWithPath is V1's ContentWithPath.
type contentWithPath struct {
	content
	Path string `json:"path"`
}

// listed is V1's CollectionListResponse.
type listed struct {
	Name      string    `json:"name"`
	Type      string    `json:"type" doc:"file or directory"`
	Size      int64     `json:"size"`
	ContID    uint64    `json:"contId" doc:"id of the content, or of the pin that is none yet"`
	CID       string    `json:"cid,omitempty"`
	Dir       string    `json:"dir" doc:"that was asked for"`
	UUID      string    `json:"coluuid"`
	UpdatedAt time.Time `json:"updatedAt" doc:"when it was added"`
}

type showCollection struct {
	collectionID
	listing
}

// listing says what of a collection is listed.
type listing struct {
	Dir     string `query:"dir" doc:"only what is directly in this directory"`
	ColPath string `query:"colpath" doc:"older name of dir"`
}

// showCollection lists the entries of a collection, or of a directory in it,
// however many there are.
func (s *server) showCollection(w http.ResponseWriter, r *request, in showCollection) error {
	if in.Dir == "" {
		in.Dir = in.ColPath
	}
	c, err := s.collection(r, in.UUID)
	if err != nil {
		return err
	}
	if in.Dir == "" {
		return writeList(w, s.entries(r, c))
	}
	next := children(s, r, c, in.Dir, func(k collections.Child) listed { return newListed(c, in.Dir, k) })
	first, err := next()
	if err != nil {
		return err
	}
	if len(first) == 0 {
		writeJSON(w, http.StatusOK, nil) // as in V1
		return nil
	}
	return writeList(w, after(first, next))
}

// after gives what was read already, and then the rest.
func after[T any](first []T, next func() ([]T, error)) func() ([]T, error) {
	return func() ([]T, error) {
		if list := first; list != nil {
			first = nil
			return list, nil
		}
		return next()
	}
}

// collection is the one that a request names, which must be the caller's.
func (s *server) collection(r *request, id string) (collections.Collection, error) {
	c, err := s.collections.Collection(r.Context(), r.who.user.ID, id)
	if errors.Is(err, collections.ErrNotFound) {
		return c, errNoSuchCollection(id)
	}
	return c, collectionError(r, id, err)
}

// errNoSuchCollection is errNoCollectionRecord in V1's words for listings.
func errNoSuchCollection(id string) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", "collection: " + id + " was not found"}
}

// entries reads a collection page by page.
func (s *server) entries(r *request, c collections.Collection) func() ([]contentWithPath, error) {
	after, more := "", true
	return func() (out []contentWithPath, err error) {
		for more && len(out) == 0 { // a page can be empty, and others come
			page, err := s.collections.Entries(r.Context(), c, after, batch)
			if err != nil {
				return nil, collectionError(r, c.UUID, err)
			}
			if out, err = s.withPaths(r, page.Entries); err != nil {
				return nil, err
			}
			after, more = page.Next, page.More
		}
		return out, nil
	}
}

func (s *server) withPaths(r *request, list []collections.Entry) ([]contentWithPath, error) {
	var kept []buckets.Content
	for _, e := range list {
		if e.Content.ID != 0 {
			kept = append(kept, e.Content)
		}
	}
	told, err := s.contents(r.Context(), kept)
	if err != nil {
		return nil, err
	}
	out := make([]contentWithPath, 0, len(list))
	for _, e := range list {
		v := contentWithPath{Path: e.Path}
		if e.Content.ID == 0 {
			v.content = unpinned(e.Pin)
		} else {
			v.content, told = told[0], told[1:]
		}
		if e.Pin.ID != 0 {
			v.PinMeta, v.Origins = pinMeta(e.Pin), pinOrigins(e.Pin)
		}
		v.PinningStatus = "" // V1 fills it in its list of contents only
		out = append(out, v)
	}
	return out, nil
}

// unpinned is a pin that is no content yet, as the content that it was in V1.
func unpinned(p buckets.Pin) content {
	return content{ID: p.ID, CreatedAt: p.Created, UpdatedAt: p.Changed, CID: p.CID.String(), Name: p.Name, UserID: p.Owner,
		Pinning: p.State == buckets.PinPinning, Failed: p.State == buckets.PinFailed, Location: "local"}
}

// children reads a directory page by page.
func children[T any](s *server, r *request, c collections.Collection, dir string, tell func(collections.Child) T) func() ([]T, error) {
	after, more := "", true
	return func() (out []T, err error) {
		for more && len(out) == 0 {
			page, err := s.collections.Children(r.Context(), c, dir, after, batch)
			if err != nil {
				return nil, collectionError(r, c.UUID, err)
			}
			for _, k := range page.Children {
				out = append(out, tell(k))
			}
			after, more = page.Next, page.More
		}
		return out, nil
	}
}

func newListed(c collections.Collection, dir string, k collections.Child) listed {
	v := listed{Name: k.Name, Type: "directory", Dir: dir, UUID: c.UUID}
	if k.Dir {
		return v
	}
	v.Type, v.ContID, v.UpdatedAt = "file", k.Entry.ID(), k.Entry.Added
	v.Size, v.CID = k.Entry.Content.Size, k.Entry.Pin.CID.String()
	if k.Entry.Content.ID != 0 {
		v.CID = k.Entry.Content.CID.String()
	}
	return v
}
