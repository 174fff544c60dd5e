package s3_test

import (
	"bufio"
	"net/http"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

// TestEmptyBodyExpected: botocore expects 100 Continue before an empty body
// too, and hangs at its next upload on a connection where it did not come.
func TestEmptyBodyExpected(t *testing.T) {
	a := newAPI(t, s3.Options{})
	conn := a.dial()
	in := bufio.NewReader(conn)
	for range 2 { // the connection stays usable
		r := a.request("PUT", "/box/empty", headers{"Expect": "100-continue"}, nil)
		r.Body, r.ContentLength = http.NoBody, 0
		must(t, a.sign(r, "").Write(conn))
		for _, want := range []int{http.StatusContinue, http.StatusOK} {
			res, err := http.ReadResponse(in, r)
			must(t, err)
			if res.StatusCode != want || res.Close {
				t.Fatalf("answered %s, close %v, want %d", res.Status, res.Close, want)
			}
		}
	}
}
