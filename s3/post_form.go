package s3

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"os"
	"strings"

	"github.com/whypfs/whypfs/internal/formbody"
)

const (
	// maxFields is S3's limit for what stands in a form before its file: bytes
	// of the names and values.
	maxFields = 20 << 10
	// maxAround is how many bytes of a form besides its file are read at all,
	// among them boundaries, headers, fields behind the file, which mean
	// nothing, and what package multipart reads ahead.
	maxAround = 128 << 10
)

// A form is an upload by a browser's form. It is read up to its file, and then
// is the reader of that file.
type form struct {
	fields map[string]string // by name in lower case
	size   int64             // of the file, as far as it was read

	around *around
	parts  *multipart.Reader
	file   *multipart.Part
	// The file's bytes the policy wants.
	least, most int64
}

// boundary is what stands between the fields of a form. contentType is the
// request's.
func boundary(contentType string) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if kind != "multipart/form-data" {
		return "", errNotForm
	}
	if err != nil || params["boundary"] == "" {
		return "", errMalformedPOST
	}
	return params["boundary"], nil
}

// readForm reads a form up to its file.
func readForm(boundary string, body io.Reader) (*form, error) {
	f := &form{fields: map[string]string{}, around: &around{r: formbody.Whole(body), left: maxAround}, most: maxPut}
	f.parts = multipart.NewReader(f.around, boundary)
	for left := maxFields; ; {
		p, err := f.parts.NextPart()
		if err == io.EOF { //nolint:errorlint // as formbody promises, only the closing boundary gives this
			return nil, errNoFile
		}
		if err != nil {
			return nil, f.broken(err)
		}
		name := strings.ToLower(p.FormName())
		switch {
		case name == "":
			return nil, errMalformedPOST
		case name == "file":
			f.file, f.around.free = p, true
			return f, nil
		}
		value, err := io.ReadAll(io.LimitReader(p, int64(left)+1))
		if err != nil {
			return nil, f.broken(err)
		}
		if left -= len(name) + len(value); left < 0 {
			return nil, errFieldsTooLarge
		}
		if _, twice := f.fields[name]; twice { // which of them was meant?
			return nil, errInvalidArgument.because("A field is given more than once.").with("ArgumentName", name)
		}
		f.fields[name] = string(value)
	}
}

// broken is the error of a form that could not be read on.
func (f *form) broken(err error) error {
	switch {
	case f.around.over:
		return errFieldsTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	}
	return errMalformedPOST
}

// filename is what the client calls the file, without the path on its disk.
func (f *form) filename() string {
	name := f.file.FileName()
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// Read reads the file.
func (f *form) Read(p []byte) (int, error) {
	n, err := f.file.Read(p)
	f.size += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // only the bare one is the end
		err = f.broken(err)
	}
	return n, err
}

// Close implements io.Closer; the request closes its body.
func (f *form) Close() error { return nil }

// end reads what stands behind the file, which S3 ignores, and says whether the
// form is whole: a file that broke off before its boundary is none.
func (f *form) end() error {
	f.around.free = false
	for {
		_, err := f.parts.NextPart()
		if err == io.EOF { //nolint:errorlint // as above
			return nil
		}
		if err != nil {
			return f.broken(err)
		}
	}
}

// around reads a form and counts what is not its file.
type around struct {
	r    io.Reader
	left int64
	free bool // within the file: not counted
	over bool // more was asked for than was left
}

func (a *around) Read(p []byte) (int, error) {
	if a.free {
		return a.r.Read(p)
	}
	if a.left <= 0 {
		a.over = true
		return 0, errFieldsTooLarge
	}
	n, err := a.r.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	return n, err
}
