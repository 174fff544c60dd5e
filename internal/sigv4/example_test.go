package sigv4_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/whypfs/whypfs/internal/sigv4"
)

// A handler verifies the headers, reads the payload into something nobody can
// see yet, and makes it visible only if Verify agrees.
func ExampleRequest_Body() {
	r, _ := tryRequest(docPut)
	r.Body = readCloser("Welcome to Amazon S3.")
	q, err := sigv4.Verify(r, docKeys, sigv4.Options{Region: "us-east-1", Now: func() time.Time { return docTime }})
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := q.Body(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	var staged strings.Builder
	buf := make([]byte, 8)
	for err == nil {
		var n int
		n, err = body.Read(buf)
		staged.Write(buf[:n])
		if h := body.Hash(); h != nil {
			h.Write(buf[:n])
		}
	}
	if err := body.Verify(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(q.AccessKey, "stores", staged.String())
	// Output: AKIAIOSFODNN7EXAMPLE stores Welcome to Amazon S3.
}
