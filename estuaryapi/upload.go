package estuaryapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
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

// errEnd says that a form is at its end and whole.
var errEnd = errors.New("end of form")

// errBrokenBody says that a form ended before it was complete.
var errBrokenBody = errors.New("multipart form breaks off")

// addContent answers POST /content/add: a multipart form whose file field
// `data` is streamed into the user's global bucket. The field `filename` wins
// over the file part's own name, wherever in the form it stands.
func (s *server) addContent(w http.ResponseWriter, r *http.Request, who caller) error {
	form, err := formReader(r)
	if err != nil {
		return err
	}
	bucket, err := s.buckets.GlobalBucket(r.Context(), who.user.ID)
	if err != nil {
		return err
	}
	if err := form.toData(); err != nil {
		return err
	}
	attr := buckets.Attributes{Headers: map[string]string{"Content-Type": form.contentType()}}
	o, err := s.buckets.Add(r.Context(), bucket, form.name, buckets.Upload{
		Body: form,
		Name: func() string { return form.name },
		// The form must end well too: only then did the client send all it meant to.
		Check: func(*buckets.Attributes) error { return form.rest() },
	}, attr)
	if err != nil {
		return err
	}
	url := s.baseURL(r) + "/gw/ipfs/" + o.CID.String()
	writeJSON(w, http.StatusOK, addResponse{CID: o.CID.String(), RetrievalURL: url, EstuaryRetrievalURL: url,
		EstuaryID: o.Content, Providers: append([]string{}, s.node.Addrs()...)})
	return nil
}

// form streams a multipart form. It is the body of its file.
type form struct {
	parts *multipart.Reader
	data  *multipart.Part
	name  string
	named bool // by the field filename
}

func formReader(r *http.Request) (*form, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, apiError{http.StatusUnsupportedMediaType, "ERR_UNSUPPORTED_CONTENT_TYPE",
			fmt.Sprintf("this endpoint only supports multipart/form-data payloads. Found %s.", kind)}
	}
	return &form{parts: multipart.NewReader(r.Body, params["boundary"])}, nil
}

// toData reads fields up to the file.
func (f *form) toData() error {
	for {
		p, err := f.next()
		if err == errEnd {
			return errInput("http: no such file: the form has no field `data` with a file")
		}
		if err != nil {
			return err
		}
		if p.FormName() == "data" {
			f.data = p
			if !f.named {
				f.name = p.FileName()
			}
			if f.name == "" {
				f.name = "file"
			}
			return nil
		}
	}
}

// rest reads the fields behind the file.
func (f *form) rest() error {
	for {
		if _, err := f.next(); err == errEnd {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// next returns the next part, having read it if it is the field filename.
func (f *form) next() (*multipart.Part, error) {
	p, err := f.parts.NextPart()
	// A form without its closing boundary is an error that wraps io.EOF; only
	// the bare io.EOF is the end of a whole form.
	if err == io.EOF { //nolint:errorlint
		return nil, errEnd
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBrokenBody, err)
	}
	if p.FormName() != "filename" {
		return p, nil
	}
	const limit = 1024
	v, err := io.ReadAll(io.LimitReader(p, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBrokenBody, err)
	}
	if len(v) > limit {
		return nil, errInput("filename is longer than %d bytes", limit)
	}
	if len(v) > 0 {
		f.name, f.named = string(v), true
	}
	return p, nil
}

// Read reads the file.
func (f *form) Read(p []byte) (int, error) {
	n, err := f.data.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errBrokenBody, err)
	}
	return n, err
}

func (f *form) contentType() string {
	if t := f.data.Header.Get("Content-Type"); t != "" {
		return t
	}
	return "application/octet-stream"
}
