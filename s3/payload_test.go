package s3_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

// TestUploadWithoutLength: a request that says nothing of a body is no upload
// of zero bytes; one that says there are none is.
func TestUploadWithoutLength(t *testing.T) {
	a := newAPI(t, s3.Options{})
	up := parse[struct{ UploadId string }](t, a.ok("POST", "/box/k?uploads", nil, "")).UploadId
	conn := a.dial()
	in := bufio.NewReader(conn)
	for _, c := range []struct {
		header, target string
		status         int
	}{
		{"", "/box/k", 411},
		{"Content-Length: 0\r\n", "/box/k", 200},
		{"", "/box/k?partNumber=1&uploadId=" + up, 411},
		{"Content-Length: 0\r\n", "/box/k?partNumber=1&uploadId=" + up, 200},
		{"", "/box", 200}, // has no body that could be lost
		{"Transfer-Encoding: chunked\r\n", "/box/k", 200},
	} {
		r := a.request("PUT", c.target, nil, nil)
		a.sign(r, "")
		var raw strings.Builder
		must(t, r.Write(&raw))
		head := strings.Replace(raw.String(), "Content-Length: 0\r\n", "", 1)
		head = strings.Replace(head, "\r\n\r\n", "\r\n"+c.header+"\r\n", 1)
		if strings.Contains(c.header, "chunked") {
			head += "0\r\n\r\n"
		}
		_, err := io.WriteString(conn, head)
		must(t, err)
		res, err := http.ReadResponse(in, r)
		must(t, err)
		body, err := io.ReadAll(res.Body)
		must(t, err)
		if res.StatusCode != c.status || c.status == 411 && !strings.Contains(string(body), "<Code>MissingContentLength</Code>") {
			t.Errorf("PUT %s with %q = %s\n%s", c.target, c.header, res.Status, body)
		}
	}
}
