package estuaryapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
)

// addCAR answers POST /content/add-car: the body is a CAR, version 1 or 2, with
// or without its length, and the DAG under its root becomes the content. Its
// name is the query's or else its root's CID.
func (s *server) addCAR(w http.ResponseWriter, r *request, in addParams) error {
	if err := s.mayUpload(r); err != nil {
		return err
	}
	t, name, err := s.target(r, in)
	if err != nil {
		return err
	}
	body := &meter{body: r.Body, free: true, conn: http.NewResponseController(w), idle: s.opt.Idle}
	called := func(root cid.Cid) string {
		switch {
		case name != "":
			return name
		case in.Filename != "":
			return in.Filename
		}
		return root.String()
	}
	o, err := s.collections.Upload(r.Context(), r.who.user.ID, t, called, buckets.Upload{
		Body:        wholeBody{body},
		Expect:      max(r.ContentLength, 0),
		Check:       func(*buckets.Attributes) error { body.done(); return nil },
		Replication: func() int { return in.Replication },
		Unique:      in.IgnoreDupes,
	}, buckets.Attributes{CAR: true})
	if err != nil {
		return uploadError(r, in, err)
	}
	writeJSON(w, http.StatusOK, s.added(r, o))
	return nil
}

// wholeBody says of a body that ends too early that it is broken.
type wholeBody struct{ io.Reader }

func (b wholeBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errBrokenBody, err)
	}
	return n, err
}

// createBody is what V1's shuttles told of a content that they had.
type createBody struct {
	Root           rootText `json:"root" doc:"its CID. V1 of 2021 wrote {\"/\": CID}, which is taken too"`
	Name           string   `json:"name"`
	Location       string   `json:"location,omitempty" doc:"local, or nothing: there are no shuttles"`
	Type           int      `json:"type,omitempty" doc:"ignored: it is seen when the content has come"`
	ColUUID        string   `json:"coluuid,omitempty"`
	Collection     string   `json:"collection,omitempty" doc:"older name of coluuid"`
	Dir            string   `json:"dir,omitempty"`
	CollectionPath string   `json:"collectionPath,omitempty" doc:"older: the whole path, or with a slash at its end the directory"`
	Overwrite      bool     `json:"overwrite,omitempty"`
}

// rootText is the text of a CID, which may come as a link too.
type rootText string

func (c *rootText) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*string)(c)) == nil {
		return nil
	}
	var link struct {
		CID string `json:"/"`
	}
	err := json.Unmarshal(data, &link)
	*c = rootText(link.CID)
	return err
}

type createContent struct {
	IgnoreDupes bool       `query:"ignore-dupes" doc:"true: what the caller has already is refused"`
	Body        createBody `body:""`
}

type createdContent struct {
	ID uint64 `json:"id" doc:"of the pin, and as such usable in the place of the content's"`
}

// createContent takes down a content whose data is still to come. V1 wrote a row
// that stayed inactive until a shuttle had it; here it is a pin, which the node
// fetches itself.
func (s *server) createContent(r *request, in createContent) (createdContent, error) {
	b := in.Body
	switch {
	case s.opt.UploadOff:
		return createdContent{}, s.errAddingOff()
	case b.Root == "":
		return createdContent{}, errInput("root is missing")
	case b.Location != "" && b.Location != "local":
		return createdContent{}, errInput("location: there is no shuttle %s; this node is the only one", quoted(b.Location))
	}
	at := pinPlace{cmp.Or(b.ColUUID, b.Collection), b.Dir, b.CollectionPath}
	req, err := s.pinRequest(r, pinBody{CID: string(b.Root), Name: b.Name}, at, pinFlags{Overwrite: b.Overwrite})
	if err != nil {
		return createdContent{}, err
	}
	if in.IgnoreDupes {
		if known, err := s.has(r.Context(), r.who.user.ID, req.CID); err != nil || known {
			return createdContent{}, cmp.Or(err, error(errDuplicate(req.CID)))
		}
	}
	p, err := s.buckets.Pin(r.Context(), r.who.user.ID, req)
	if err != nil {
		return createdContent{}, pinError(0, collectionError(r, at.collection, err))
	}
	return createdContent{p.ID}, nil
}

// importBody is what V1's shuttles took.
type importBody struct {
	DealIDs []uint64 `json:"dealIDs,omitempty" null:"true"`
	Name    string   `json:"name,omitempty"`
	ColUUID string   `json:"coluuid,omitempty"`
	Dir     string   `json:"dir,omitempty"`
}

type importDeal struct {
	Body importBody `body:""`
}

var errNoImport = apiError{http.StatusBadRequest, "ERR_BAD_REQUEST",
	"this node brings nothing back from deals of others: pin what is in them by its CID with POST /pinning/pins, and name in origins who has it"}

// importDeal refuses: the deals that this node retrieves from are its own.
func (s *server) importDeal(*request, importDeal) (empty, error) { return empty{}, errNoImport }
