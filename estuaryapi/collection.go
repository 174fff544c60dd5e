package estuaryapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
)

// maxCollected is how many contents can be added to a collection at once, as in V1.
const maxCollected = 128

// collection is V1's Collection.
type collection struct {
	CreatedAt   time.Time `json:"createdAt"`
	UUID        string    `json:"uuid"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	UserID      uint64    `json:"userId"`
	CID         string    `json:"cid" doc:"of the directory that the last commit made"`
	Bucket      bool      `json:"bucket,omitempty" doc:"it is a bucket of S3: what is put there are its objects. V1 had none"`
}

func newCollection(c collections.Collection) collection {
	out := collection{CreatedAt: c.Created, UUID: c.UUID, Name: c.Name, Description: c.Description, UserID: c.Owner}
	if c.CID.Defined() {
		out.CID = c.CID.String()
	}
	_, out.Bucket = c.Bucket()
	return out
}

// listCollections lists the caller's collections, oldest first, then his buckets.
func (s *server) listCollections(r *request, _ nothing) ([]collection, error) {
	list, err := s.collections.List(r.Context(), r.who.user.ID)
	out := make([]collection, 0, len(list))
	for _, c := range list {
		out = append(out, newCollection(c))
	}
	return out, err
}

// collectionBody is a new collection.
type collectionBody struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

type newCollectionIn struct {
	Body collectionBody `body:""`
}

func (s *server) createCollection(r *request, in newCollectionIn) (collection, error) {
	c, err := s.collections.Create(r.Context(), r.who.user.ID, in.Body.Name, in.Body.Description)
	return newCollection(c), collectionError(r, "", err)
}

// collectionID names a collection in a path.
type collectionID struct {
	UUID string `path:"coluuid" doc:"uuid of a collection, or of a bucket, which is one too"`
}

// deleteCollection answers {} where V1 answered nothing: the rclone of its time
// reads JSON.
func (s *server) deleteCollection(r *request, in collectionID) (empty, error) {
	err := s.collections.Delete(r.Context(), r.who.user.ID, in.UUID)
	return empty{}, collectionError(r, in.UUID, err)
}

// contentIDs is the body [1,2] or {"contentids":[1,2]}.
type contentIDs []uint64

func (c *contentIDs) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*[]uint64)(c)) == nil {
		return nil
	}
	var named struct {
		IDs []uint64 `json:"contentids"`
	}
	err := json.Unmarshal(data, &named)
	*c = named.IDs
	return err
}

type addToCollection struct {
	collectionID
	Dir       string     `query:"dir" doc:"directory, begins with a slash"`
	Overwrite bool       `query:"overwrite" doc:"true: they replace what has their paths"`
	Body      contentIDs `body:"" doc:"ids of contents or pins, or {\"contentids\":[…]}"`
}

// addContents puts contents into a directory of a collection.
func (s *server) addContents(r *request, in addToCollection) (empty, error) {
	if err := collectable(len(in.Body)); err != nil {
		return empty{}, err
	}
	err := s.collections.AddTo(r.Context(), r.who.user.ID, in.UUID, in.Dir, in.Body, in.Overwrite)
	return empty{}, collectionError(r, in.UUID, err)
}

// collectable judges how many contents are added at once.
func collectable(n int) error {
	switch {
	case n == 0:
		return errInput("no contents specified, need at least one")
	case n > maxCollected:
		return errInput("too many contents specified: %d (max %d)", n, maxCollected)
	}
	return nil
}

// filterBody says what is removed from a collection.
type filterBody struct {
	By    string `json:"by" doc:"path: what is there and below it; content_id: wherever that is"`
	Value string `json:"value"`
}

type removeFromCollection struct {
	collectionID
	Body filterBody `body:""`
}

// removeContents removes entries; of a bucket it deletes the objects.
func (s *server) removeContents(r *request, in removeFromCollection) (none, error) {
	owner := r.who.user.ID
	if in.Body.By != "path" && in.Body.By != "content_id" {
		return none{}, errFilter(in.Body.By)
	}
	if in.Body.Value == "" {
		return none{}, errNoValue
	}
	if in.Body.By == "path" {
		err := s.collections.RemovePath(r.Context(), owner, in.UUID, in.Body.Value)
		return none{}, collectionError(r, in.UUID, err)
	}
	var id uint64
	if err := json.Unmarshal([]byte(in.Body.Value), &id); err != nil {
		return none{}, errInput("value: %s is not an id", quoted(in.Body.Value))
	}
	err := s.collections.RemoveContent(r.Context(), owner, in.UUID, id)
	return none{}, collectionError(r, in.UUID, err)
}

// commitWait is how long a bucket's directory may take before it is answered as
// still being made.
const commitWait = 30 * time.Second

// commitCollection makes a directory of a collection and pins it. A bucket has a
// directory anyway, which is no pin: its answer has no requestid.
func (s *server) commitCollection(r *request, in collectionID) (pinStatus, error) {
	c, err := s.collections.Commit(r.Context(), r.who.user.ID, in.UUID, commitWait)
	if err != nil {
		return pinStatus{}, collectionError(r, in.UUID, err)
	}
	if c.Pin.ID != 0 {
		return s.pinStatus(r.Context(), c.Pin)
	}
	st := pinStatus{Status: "pinned", Created: c.AsOf, Delegates: s.delegates(), Info: map[string]string{},
		Pin: pinJSON{Name: c.Name, Origins: []string{}, Meta: map[string]string{}}}
	if c.CID.Defined() {
		st.Pin.CID = c.CID.String()
	}
	if c.Pending {
		st.Status, st.Info["status_details"] = "pinning", "the bucket's directory is still being made; ask again"
	}
	return st, nil
}

type addOne struct {
	UUID      string `query:"coluuid,col" required:"true" doc:"uuid of the collection"`
	Content   uint64 `query:"content" required:"true" doc:"id of a content or pin"`
	Dir       string `query:"dir" doc:"directory, begins with a slash"`
	Path      string `query:"path" doc:"older: the whole path, or with a slash at its end the directory"`
	Overwrite bool   `query:"overwrite" doc:"true: it replaces what has its path"`
}

// addOne puts a content into a collection.
func (s *server) addOne(r *request, in addOne) (empty, error) {
	owner := r.who.user.ID
	var err error
	if at := (pinPlace{dir: in.Dir, path: in.Path}); at.whole() {
		err = s.collections.Add(r.Context(), owner, in.UUID, []collections.Named{{Path: in.Path, ID: in.Content}}, in.Overwrite)
	} else {
		dir, _ := at.of("")
		err = s.collections.AddTo(r.Context(), owner, in.UUID, dir, []uint64{in.Content}, in.Overwrite)
	}
	return empty{}, collectionError(r, in.UUID, err)
}

func errNoCollectionRecord(id string) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", fmt.Sprintf("collection with ID(%s) was not found", id)}
}

func errForeignCollection(user uint64, id string) apiError {
	return apiError{http.StatusForbidden, "ERR_NOT_AUTHORIZED", fmt.Sprintf("User (%d) is not authorized for collection (%s)", user, id)}
}

func errFilter(by string) apiError {
	return apiError{http.StatusNotFound, "ERR_INVALID_FILTER", fmt.Sprintf("by: %s is not path or content_id", quoted(by))}
}

func errMissing(n int) apiError {
	return apiError{http.StatusNotFound, "ERR_CONTENT_NOT_FOUND", fmt.Sprintf("%d specified content(s) were not found or user missing permissions", n)}
}

func errNoBucket(name string) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", fmt.Sprintf("bucket: %s was not found", quoted(name))}
}

var (
	errNoValue      = apiError{http.StatusNotFound, "ERR_VALUE_REQUIRED", "value is required"}
	errInCollection = apiError{http.StatusBadRequest, "ERR_CONTENT_IN_COLLECTION", "file already exists in collection, specify 'overwrite=true' to overwrite"}
	errNotEmpty     = apiError{http.StatusConflict, "ERR_BAD_REQUEST", "the collection is a bucket, and that has objects: remove them first"}
	errPrivate      = apiError{http.StatusConflict, "ERR_BAD_REQUEST", "the collection has contents of a bucket that is not published, and its directory would be: remove them, or publish the bucket"}
	errMeanwhile    = apiError{http.StatusConflict, "ERR_BAD_REQUEST", "the bucket was changed meanwhile; send the request again"}
)

// collectionError says of an error about a collection what its sender can do about it.
func collectionError(r *request, id string, err error) error {
	var missing *collections.MissingError
	switch {
	case errors.As(err, &missing):
		return errMissing(len(missing.IDs))
	case errors.Is(err, collections.ErrNotFound):
		return errNoCollectionRecord(id)
	case errors.Is(err, collections.ErrNotOwner):
		return errForeignCollection(r.who.user.ID, id)
	case errors.Is(err, collections.ErrExists):
		return errInCollection
	case errors.Is(err, collections.ErrPath):
		return errInput("%s", innermost(err, collections.ErrPath))
	case errors.Is(err, collections.ErrInvalid):
		return errInput("%s", innermost(err, collections.ErrInvalid))
	case errors.Is(err, buckets.ErrNotEmpty):
		return errNotEmpty
	case errors.Is(err, buckets.ErrPrivate):
		return errPrivate
	case errors.Is(err, buckets.ErrPublishChanged):
		return errMeanwhile
	}
	return err
}
