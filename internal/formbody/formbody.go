// Package formbody makes the body of a multipart form safe to parse.
package formbody

import (
	"io"
	"strings"
)

// Whole returns body such that multipart.Reader.NextPart answers a bare io.EOF
// behind the closing boundary and nowhere else. By itself package multipart
// also takes an end among a part's headers for the end of the form, so a form
// that breaks off there would pass for a whole one.
func Whole(body io.Reader) io.Reader {
	// A closing boundary may lack its line end.
	return io.MultiReader(body, strings.NewReader("\r\n"), breakOff{})
}

// breakOff stands behind a body. Who reads so far has found no end.
type breakOff struct{}

func (breakOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
