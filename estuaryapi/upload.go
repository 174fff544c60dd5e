package estuaryapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/node"
)

// addResponse is V1's ContentAddResponse.
type addResponse struct {
	CID                 string   `json:"cid"`
	RetrievalURL        string   `json:"retrieval_url"`
	EstuaryRetrievalURL string   `json:"estuary_retrieval_url"`
	EstuaryID           uint64   `json:"estuaryId"`
	Providers           []string `json:"providers"`
}

// addForm is the form of an upload. All but the file may be in the query instead.
type addForm struct {
	Data           []byte `json:"data" doc:"the file; all other fields but filename and replication come before it"`
	Filename       string `json:"filename,omitempty" doc:"its name; the query's and the file part's come after it"`
	Replication    int    `json:"replication,omitempty" doc:"how many deals it is to have"`
	Collection     string `json:"coluuid,omitempty"`
	OldCollection  string `json:"collection,omitempty" doc:"as coluuid"`
	Dir            string `json:"dir,omitempty"`
	CollectionPath string `json:"collectionPath,omitempty"`
	Bucket         string `json:"bucket,omitempty"`
	Overwrite      bool   `json:"overwrite,omitempty"`
	IgnoreDupes    bool   `json:"ignore-dupes,omitempty"`
}

// addParams are an upload's parameters in the query.
type addParams struct {
	Filename       string `query:"filename" doc:"name of the file"`
	Replication    int    `query:"replication" min:"0" max:"20" doc:"how many deals it is to have, each with a provider of its own; 0: as many as the bucket's policy says"`
	Collection     string `query:"coluuid,collection" doc:"collection that it becomes part of; a bucket's uuid: it becomes an object there"`
	Dir            string `query:"dir" doc:"directory in the collection, or in the bucket; begins with a slash"`
	CollectionPath string `query:"collectionPath" doc:"older: the whole path, or with a slash at its end the directory"`
	Bucket         string `query:"bucket" doc:"name of a bucket of the caller's, where it becomes an object; with coluuid it is referenced there"`
	Overwrite      bool   `query:"overwrite" doc:"true: it replaces what has its path"`
	IgnoreDupes    bool   `query:"ignore-dupes" doc:"true: what the caller has already is refused"`
	LazyProvide    string `query:"lazy-provide" doc:"ignored: what is published is announced some seconds later in any case"`
}

// take lets a field of the form stand in for the query's parameter.
func (in *addParams) take(field, value string) (err error) {
	if value == "" {
		return nil
	}
	flag := func(into *bool) {
		if *into, err = strconv.ParseBool(value); err != nil {
			err = errInput("%s: %s is not true or false", field, quoted(value))
		}
	}
	switch field {
	case "coluuid", "collection":
		in.Collection = value
	case "dir":
		in.Dir = value
	case "collectionPath":
		in.CollectionPath = value
	case "bucket":
		in.Bucket = value
	case "replication":
		in.Replication, err = strconv.Atoi(value)
		if err != nil || in.Replication < 0 || in.Replication > buckets.MaxReplication {
			err = errInput("replication: %s is not a number from 0 to %d", quoted(value), buckets.MaxReplication)
		}
	case "overwrite":
		flag(&in.Overwrite)
	case "ignore-dupes":
		flag(&in.IgnoreDupes)
	}
	return err
}

// takenFields are those that take knows, and whether they are taken behind the
// file too: V1 had these in the form, in any order.
var takenFields = map[string]bool{"replication": true, "coluuid": false, "collection": false, "dir": false, "collectionPath": false, "bucket": false,
	"overwrite": false, "ignore-dupes": false}

// messageJSON is V1's answer to a duplicate.
type messageJSON struct {
	Message string `json:"message"`
}

// target finds where an upload goes, and the name that its place gives it, if any.
func (s *server) target(r *request, in addParams) (t collections.Target, name string, err error) {
	at := pinPlace{dir: in.Dir, path: in.CollectionPath}
	dir, _ := at.of("")
	if at.whole() {
		dir, name = path.Split(in.CollectionPath)
	}
	t, err = s.collections.Find(r.Context(), r.who.user.ID, collections.Place{
		Collection: in.Collection, Bucket: in.Bucket, Dir: dir, Overwrite: in.Overwrite})
	return t, name, uploadError(r, in, err)
}

// addContent answers POST /content/add: a multipart form whose file field `data`
// is streamed to where it goes. The name in a whole collectionPath wins over the
// field `filename`, that over the query's, and that over the file part's own.
func (s *server) addContent(w http.ResponseWriter, r *request, in addParams) error {
	if err := s.mayUpload(r); err != nil {
		return err
	}
	form, err := formReader(w, r.Request, s.opt.Idle, in.take)
	if err != nil {
		return err
	}
	form.setName(in.Filename)
	if err := form.toData(); err != nil {
		return err
	}
	t, name, err := s.target(r, in)
	if err != nil {
		return err
	}
	attr := buckets.Attributes{Headers: map[string]string{"Content-Type": form.contentType()}}
	o, err := s.collections.Upload(r.Context(), r.who.user.ID, t, func(cid.Cid) string { return cmp.Or(name, form.name) }, buckets.Upload{
		Body:   form,
		Expect: max(r.ContentLength-maxBesides, 0),
		// The form must end well too: only then did the client send all it meant to.
		Check:       func(*buckets.Attributes) error { return form.rest() },
		Replication: func() int { return in.Replication },
		Unique:      in.IgnoreDupes,
	}, attr)
	if err != nil {
		return uploadError(r, in, err)
	}
	writeJSON(w, http.StatusOK, s.added(r, o))
	return nil
}

func (s *server) added(r *request, o buckets.Object) addResponse {
	url := s.baseURL(r) + "/gw/ipfs/" + o.CID.String()
	public := url
	if s.opt.GatewayURL != "" {
		public = s.opt.GatewayURL + "/ipfs/" + o.CID.String()
	}
	return addResponse{CID: o.CID.String(), RetrievalURL: public, EstuaryRetrievalURL: url,
		EstuaryID: o.Content, Providers: append([]string{}, s.node.Addrs()...)}
}

// askRoom is from which size on an upload is worth the question whether there is
// room for it; smaller ones the store refuses soon enough.
const askRoom = 64 << 20

// mayUpload refuses what cannot be taken before any of it is read.
func (s *server) mayUpload(r *request) error {
	switch {
	case s.opt.UploadOff:
		return s.errAddingOff()
	case r.ContentLength > buckets.MaxObject+maxBesides:
		return errTooLarge
	// What is here already takes no room, but that is not known yet.
	case r.ContentLength > askRoom && r.ContentLength > s.node.Usage().DiskFree:
		return errFull
	}
	return nil
}

// errAddingOff says that this node takes no uploads, and which do.
func (s *server) errAddingOff() apiError {
	text := "uploading content to this node is not allowed at the moment"
	if len(s.opt.UploadURLs) > 0 {
		text += fmt.Sprintf("; upload to %s instead", s.opt.UploadURLs[0])
	}
	return apiError{http.StatusBadRequest, "ERR_CONTENT_ADDING_DISABLED", text}
}

var errTooLarge = apiError{http.StatusBadRequest, "ERR_CONTENT_SIZE_OVER_LIMIT", fmt.Sprintf("content size is over the limit of %d bytes", int64(buckets.MaxObject))}

// errRoots is V1's answer to a CAR with more than one root, in its older shape.
var errRoots = otherBody{http.StatusBadRequest, struct {
	Error string `json:"error"`
}{"cannot handle uploading car files with multiple roots"}}

func errDuplicate(c cid.Cid) otherBody {
	return otherBody{http.StatusConflict, messageJSON{"this content is already preserved under cid:" + c.String()}}
}

// uploadError says of an error of an upload what its sender can do about it.
func uploadError(r *request, in addParams, err error) error {
	var dup *buckets.DuplicateError
	var car *node.CARError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dup):
		return errDuplicate(dup.CID)
	case errors.As(err, &car) && car.Roots > 1:
		return errRoots
	case errors.As(err, &car):
		return errInput("%s", car.Error())
	case errors.Is(err, collections.ErrNotFound):
		return errNoCollection(in.Collection)
	case errors.Is(err, buckets.ErrNoBucket) && in.Bucket == "":
		return errNoCollection(in.Collection) // a bucket as a collection, removed meanwhile
	case errors.Is(err, buckets.ErrNoBucket):
		return errNoBucket(in.Bucket)
	case errors.Is(err, collections.ErrNotOwner) && in.Collection == "":
		return errNoBucket(in.Bucket) // others' names are nobody's business
	}
	return collectionError(r, in.Collection, err)
}
