package formbody_test

import (
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/formbody"
)

// read returns how reading a whole form ends: nil at its closing boundary.
func read(text string) error {
	parts := multipart.NewReader(formbody.Whole(strings.NewReader(text)), "b")
	for {
		p, err := parts.NextPart()
		if err == io.EOF { //nolint:errorlint // what the package promises
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, p); err != nil {
			return err
		}
	}
}

func TestWhole(t *testing.T) {
	const whole = "--b\r\nContent-Disposition: form-data; name=\"one\"\r\n\r\n1\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"two\"\r\n\r\n2\r\n--b--"
	for _, end := range []string{"", "\r\n", "\r\nepilogue"} {
		if err := read(whole + end); err != nil {
			t.Errorf("a whole form with %q behind it: %v", end, err)
		}
	}
	for cut := range len(whole) {
		if read(whole[:cut]) == nil {
			t.Errorf("a form cut after %q passes for whole", whole[:cut])
		}
	}
}
