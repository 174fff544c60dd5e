package estuaryapi

import (
	"cmp"
	"net/http"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/collections"
)

// What V1 had before 0.1.9, for barge, pestuary and scripts of that time.

// addOldBody is the body of POST /collections/add-content.
type addOldBody struct {
	ColUUID    string   `json:"coluuid,omitempty"`
	Collection string   `json:"collection,omitempty" doc:"as coluuid"`
	Contents   []uint64 `json:"contents,omitempty" null:"true" doc:"ids"`
	CIDs       []string `json:"cids,omitempty" null:"true" doc:"of contents of the caller's"`
	Dir        string   `json:"dir,omitempty"`
	Overwrite  bool     `json:"overwrite,omitempty"`
}

type addOld struct {
	Body addOldBody `body:""`
}

// addContentsOld adds contents by their ids and CIDs.
func (s *server) addContentsOld(r *request, in addOld) (empty, error) {
	id := cmp.Or(in.Body.ColUUID, in.Body.Collection)
	if id == "" {
		return empty{}, errInput("coluuid is missing")
	}
	if err := collectable(len(in.Body.Contents) + len(in.Body.CIDs)); err != nil {
		return empty{}, err
	}
	ids := in.Body.Contents
	for _, text := range in.Body.CIDs {
		c, err := cid.Decode(text)
		if err != nil {
			return empty{}, errInput("cids: %s is not a CID", quoted(text))
		}
		content, err := s.newestOf(r, c)
		if err != nil {
			return empty{}, err
		}
		ids = append(ids, content)
	}
	err := s.collections.AddTo(r.Context(), r.who.user.ID, id, in.Body.Dir, ids, in.Body.Overwrite)
	return empty{}, collectionError(r, id, err)
}

// newestOf is the caller's newest content with a root; 0, which none has, if
// there is none.
func (s *server) newestOf(r *request, root cid.Cid) (id uint64, err error) {
	list, err := s.buckets.ContentsByCID(r.Context(), root)
	for _, c := range list {
		if c.Owner == r.who.user.ID {
			id = max(id, c.ID)
		}
	}
	return id, err
}

// listedOld is what a directory listing was until 0.1.0, and what barge reads.
type listedOld struct {
	Name   string `json:"name"`
	Dir    bool   `json:"dir"`
	Size   int64  `json:"size"`
	ContID uint64 `json:"contId"`
	CID    string `json:"cid,omitempty"`
}

type showCollectionOld struct {
	UUID string `query:"coluuid,col" required:"true" doc:"uuid of the collection"`
	listing
}

// showCollectionOld lists as showCollection, but with colpath, which barge sends,
// in the form that barge reads.
func (s *server) showCollectionOld(w http.ResponseWriter, r *request, in showCollectionOld) error {
	if in.Dir == "" && in.ColPath != "" {
		return s.listOld(w, r, in)
	}
	return s.showCollection(w, r, showCollection{collectionID{in.UUID}, in.listing})
}

// listDirectoryOld answers GET /collections/fs/list.
func (s *server) listDirectoryOld(w http.ResponseWriter, r *request, in showCollectionOld) error {
	return s.listOld(w, r, in)
}

func (s *server) listOld(w http.ResponseWriter, r *request, in showCollectionOld) error {
	c, err := s.collection(r, in.UUID)
	if err != nil {
		return err
	}
	next := children(s, r, c, cmp.Or(in.Dir, in.ColPath, "/"), func(k collections.Child) listedOld {
		v := newListed(c, "", k)
		return listedOld{Name: v.Name, Dir: k.Dir, Size: v.Size, ContID: v.ContID, CID: v.CID}
	})
	return writeList(w, next)
}
