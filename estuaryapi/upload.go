package estuaryapi

import (
	"context"
	"net/http"

	"github.com/whypfs/whypfs/buckets"
)

// addResponse is V1's ContentAddResponse.
type addResponse struct {
	CID                 string   `json:"cid"`
	RetrievalURL        string   `json:"retrieval_url"`
	EstuaryRetrievalURL string   `json:"estuary_retrieval_url"`
	EstuaryID           uint64   `json:"estuaryId"`
	Providers           []string `json:"providers"`
}

// addForm is the form of an upload.
type addForm struct {
	Data     []byte `json:"data" doc:"the file"`
	Filename string `json:"filename,omitempty" doc:"its name; the query's and the file part's come after it"`
}

// addParams are an upload's other parameters.
type addParams struct {
	Filename    string `query:"filename" doc:"name of the file"`
	Collection  string `query:"coluuid" doc:"collection that it becomes part of"`
	IgnoreDupes string `query:"ignore-dupes" doc:"true: what the caller has already is not stored again"`
}

// messageJSON is V1's answer to a duplicate.
type messageJSON struct {
	Message string `json:"message"`
}

// addContent answers POST /content/add: a multipart form whose file field
// `data` is streamed into the user's global bucket. The field `filename` wins
// over the query's, and that over the file part's own name.
func (s *server) addContent(w http.ResponseWriter, r *request, in addParams) error {
	if in.Collection != "" {
		// Nothing here makes collections, so none has this id.
		return errNoCollection(in.Collection)
	}
	form, err := formReader(w, r.Request, s.opt.Idle)
	if err != nil {
		return err
	}
	form.setName(in.Filename)
	bucket, err := s.buckets.GlobalBucket(r.Context(), r.who.user.ID)
	if err != nil {
		return err
	}
	if err := form.toData(); err != nil {
		return err
	}
	attr := buckets.Attributes{Headers: map[string]string{"Content-Type": form.contentType()}}
	o, err := s.buckets.Add(r.Context(), bucket, form.name, r.who.user.ID, buckets.Upload{
		Body:   form,
		Expect: max(r.ContentLength-maxBesides, 0),
		Name:   func() string { return form.name },
		// The form must end well too: only then did the client send all it meant to.
		Check: func(*buckets.Attributes) error { return form.rest() },
	}, attr)
	if err != nil {
		return err
	}
	if in.IgnoreDupes == "true" {
		known, err := s.dropDupe(r.Context(), bucket, o)
		if err != nil {
			return err
		}
		if known {
			writeJSON(w, http.StatusConflict, messageJSON{"this content is already preserved under cid:" + o.CID.String()})
			return nil
		}
	}
	url := s.baseURL(r) + "/gw/ipfs/" + o.CID.String()
	writeJSON(w, http.StatusOK, addResponse{CID: o.CID.String(), RetrievalURL: url, EstuaryRetrievalURL: url,
		EstuaryID: o.Content, Providers: append([]string{}, s.node.Addrs()...)})
	return nil
}

// dropDupe takes an upload back if its user has an older content with the same
// root. Of two at the same time both may stay, but never none.
func (s *server) dropDupe(ctx context.Context, bucket buckets.Bucket, o buckets.Object) (bool, error) {
	list, err := s.buckets.ContentsByCID(ctx, o.CID)
	if err != nil {
		return false, err
	}
	for _, c := range list {
		if c.Owner == bucket.Owner && c.ID < o.Content {
			// It is answered as refused, so it must go even if the client has gone.
			_, err := s.buckets.Delete(context.WithoutCancel(ctx), bucket, o.Key, buckets.DeleteOptions{Version: o.VersionID()})
			return true, err
		}
	}
	return false, nil
}
