package s3

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/postpolicy"
)

const smallForm = "--b\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\na/${filename}\r\n" +
	"--b\r\nContent-Disposition: form-data; name=\"x-amz-meta-n\"\r\n\r\n1\r\n" +
	"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\dir/f\"\r\nContent-Type: text/plain\r\n\r\ndata\r\n--b--\r\n"

// FuzzForm: a form that is taken for whole ends with its boundary, has fields
// within their limit, and is read alike however its bytes arrive.
func FuzzForm(f *testing.F) {
	f.Add([]byte(smallForm))
	f.Add([]byte(strings.Replace(smallForm, "--b--", "--b\r\nContent-Disposition: form-data; name=\"late\"\r\n\r\n1\r\n--b--", 1)))
	f.Add([]byte(strings.Replace(smallForm, "x-amz-meta-n", "tagging", 1)))
	f.Add([]byte("--b\nContent-Disposition: form-data; name=file\n\n\n--b--"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, form, err := wholeForm(bytes.NewReader(data))
		slow, _, slowErr := wholeForm(oneByte{bytes.NewReader(data)})
		if (err == nil) != (slowErr == nil) || err == nil && file != slow {
			t.Fatalf("%q, %v at once; %q, %v by one", file, err, slow, slowErr)
		}
		if err != nil {
			if e := (*apiError)(nil); !errors.As(err, &e) {
				t.Fatalf("an error that is not S3's: %v", err)
			}
			return
		}
		if !bytes.Contains(data, []byte("--b--")) || int64(len(file)) != form.size || !bytes.Contains(data, []byte(file)) {
			t.Fatalf("%q was read as the file %q", data, file)
		}
		checkFields(t, form)
	})
}

func checkFields(t *testing.T, f *form) {
	size := 0
	for name, value := range f.fields {
		if name != strings.ToLower(name) || name == "file" {
			t.Fatalf("field %q", name)
		}
		size += len(name) + len(value)
	}
	if size > maxFields || strings.ContainsAny(f.filename(), `/\`) {
		t.Fatalf("%d bytes of fields, file name %q", size, f.filename())
	}
	h, err := f.headers(nil)
	if err != nil {
		return
	}
	for name, values := range h {
		if len(values) != 1 || strings.ContainsAny(name+values[0], "\r\n\x00") {
			t.Fatalf("header %q: %q", name, values)
		}
	}
	if err := f.followsPolicy("box", false); err != nil {
		if e := (*postpolicy.Error)(nil); !errors.As(err, &e) {
			t.Fatalf("a policy is refused with %v", err)
		}
	}
}

// wholeForm reads a form to its end.
func wholeForm(r io.Reader) (file string, f *form, err error) {
	if f, err = readForm("b", r); err != nil {
		return "", nil, err
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return "", nil, err
	}
	return string(data), f, f.end()
}

// oneByte reads a byte at a time.
type oneByte struct{ io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:min(len(p), 1)]) }
