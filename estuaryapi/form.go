package estuaryapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/whypfs/whypfs/internal/formbody"
)

const (
	maxBesides  = 1 << 20 // bytes of a form besides its file: boundaries, headers, other fields
	maxFilename = 1024
	maxType     = 255
)

var (
	// errEnd says that a form is at its end and whole.
	errEnd = errors.New("end of form")
	// errBrokenBody says that an upload ended before it was complete.
	errBrokenBody = errors.New("upload breaks off")
)

// form streams a multipart form. It is the body of its file.
type form struct {
	body  *meter
	parts *multipart.Reader
	data  *multipart.Part
	name  string
	named bool                            // by more than the file part
	take  func(field, value string) error // gets takenFields
}

// formReader begins to read a request's form; the client may be silent for idle,
// and take gets the values of takenFields.
func formReader(w http.ResponseWriter, r *http.Request, idle time.Duration, take func(field, value string) error) (*form, error) {
	header := r.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(header)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, errMediaType(header)
	}
	body := &meter{body: formbody.Whole(r.Body), left: maxBesides, conn: http.NewResponseController(w), idle: idle}
	return &form{body: body, parts: multipart.NewReader(body, params["boundary"]), take: take}, nil
}

func errMediaType(found string) apiError {
	return apiError{http.StatusUnsupportedMediaType, "ERR_UNSUPPORTED_CONTENT_TYPE",
		fmt.Sprintf("this endpoint only supports multipart/form-data payloads. Found %s.", found[:min(len(found), maxType)])}
}

// setName names the file unless name is empty.
func (f *form) setName(name string) {
	if name != "" {
		f.name, f.named = name, true
	}
}

// toData reads fields up to the file. As in V1, a field without a file name is not a file.
func (f *form) toData() error {
	for {
		p, err := f.next()
		if err == errEnd {
			return errInput("http: no such file: the form has no field `data` with a file")
		}
		if err != nil {
			return err
		}
		if isFile(p) {
			f.data = p
			if !f.named {
				f.name = p.FileName()
			}
			f.body.free = true
			return nil
		}
	}
}

// rest reads the fields behind the file.
func (f *form) rest() error {
	f.body.free = false
	for {
		p, err := f.next()
		if err == errEnd {
			f.body.done()
			return nil
		}
		if err != nil {
			return err
		}
		if isFile(p) {
			// V1 dropped it, and its sender took it for stored.
			return errInput("the form has more than one file in `data`; send each in a request of its own")
		}
	}
}

func isFile(p *multipart.Part) bool { return p.FormName() == "data" && p.FileName() != "" }

// next returns the next part, having read it if it is the field filename.
func (f *form) next() (*multipart.Part, error) {
	p, err := f.parts.NextPart()
	// As formbody promises, only the closing boundary gives this.
	if err == io.EOF { //nolint:errorlint
		return nil, errEnd
	}
	if err != nil {
		return nil, f.broken(err)
	}
	field := p.FormName()
	late, taken := takenFields[field]
	if field != "filename" && !taken {
		return p, nil
	}
	v, err := io.ReadAll(io.LimitReader(p, maxFilename+1))
	if err != nil {
		return nil, f.broken(err)
	}
	if len(v) > maxFilename {
		return nil, errInput("%s is longer than %d bytes", field, maxFilename)
	}
	switch {
	case field == "filename":
		f.setName(string(v))
	case f.data != nil && !late:
		return nil, errInput("the field %s has to come before the file in `data`, or in the query: it says where that goes", field)
	default:
		return p, f.take(field, string(v))
	}
	return p, nil
}

// broken is the error of a form whose reading failed with err, in which the
// parser may have lost the meter's.
func (f *form) broken(err error) error {
	if f.body.over {
		return errFormSize
	}
	return fmt.Errorf("%w: %w", errBrokenBody, err)
}

// Read reads the file.
func (f *form) Read(p []byte) (int, error) {
	n, err := f.data.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // only the bare one is the end
		err = f.broken(err)
	}
	return n, err
}

// contentType is what the client says the file is, as far as that makes sense:
// it is kept with the object.
func (f *form) contentType() string {
	t := f.data.Header.Get("Content-Type")
	if _, _, err := mime.ParseMediaType(t); err != nil || len(t) > maxType {
		return "application/octet-stream"
	}
	return t
}

// A meter reads a request's body. It counts what is not the file's, because a
// form can have fields without end, and cuts a client that falls silent.
type meter struct {
	body io.Reader
	left int64 // bytes besides the file
	over bool  // more was asked for than was left
	free bool  // within the file: not counted
	conn *http.ResponseController
	idle time.Duration
}

func (m *meter) Read(p []byte) (int, error) {
	if !m.free {
		if m.left <= 0 {
			m.over = true
			return 0, errFormSize
		}
		p = p[:min(int64(len(p)), m.left)]
	}
	// Not every server has deadlines; one that has not reads without.
	_ = m.conn.SetReadDeadline(time.Now().Add(m.idle))
	n, err := m.body.Read(p)
	if !m.free {
		m.left -= int64(n)
	}
	return n, err
}

// done takes the deadline away: past it the server would take the client for gone.
func (m *meter) done() { _ = m.conn.SetReadDeadline(time.Time{}) }
