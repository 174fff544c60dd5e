package sigv4_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/sigv4"
)

// FuzzAuthorization: no header makes a request anonymous or panics, and none
// that fuzzing can find is accepted but the documented one.
func FuzzAuthorization(f *testing.F) {
	good := request(f, docGet, http.NoBody).Header.Get("Authorization")
	f.Add(good)
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/e/aws4_request,SignedHeaders=host;;,Signature=")
	f.Add("AWS key:sig")
	f.Fuzz(func(t *testing.T, auth string) {
		r := request(t, docGet, http.NoBody)
		r.Header["Authorization"] = []string{auth}
		q, err := sigv4.Verify(r, docKeys, docOptions())
		if (err == nil) == (q == nil) {
			t.Fatalf("Verify = %v, %v", q, err)
		}
		squeeze := strings.NewReplacer(" ", "", "\t", "").Replace
		if err == nil && (q.Anonymous || len(squeeze(auth)) != len(squeeze(good))) {
			t.Fatalf("%q is accepted as %+v", auth, q)
		}
	})
}

// FuzzQuery: the query that is signed is the one handlers see through net/url,
// or the request is refused.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"a=b&c", "x=%zz", "a;b", "&&=&=x", "a+b=%2B", "X-Amz-Signature=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		u, err := url.ParseRequestURI("/bucket/key?" + query)
		if err != nil {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL, r.RequestURI = u, ""
		_, err = sigv4.Verify(r, docKeys, docOptions())
		if _, parseErr := url.ParseQuery(u.RawQuery); parseErr != nil && err == nil {
			t.Fatalf("query %q is accepted, net/url says %v", query, parseErr)
		}
	})
}

// FuzzBody: what is decoded does not depend on the size of reads, errors stay,
// and an unsigned body that is accepted is the framing of what was read.
func FuzzBody(f *testing.F) {
	for i, v := range variants() {
		f.Add(i, v.encode("hello ", "world"), int64(11))
		f.Add(i, v.encode(), int64(-1))
	}
	f.Add(2, "3\r\nabc\r\n0\r\n"+crcTrailer+"\n\r\n\r\n", int64(3))
	f.Add(2, "ffffffffffffff\r\n", int64(1)<<62)
	f.Fuzz(func(t *testing.T, mode int, raw string, size int64) {
		v := variants()[uint(mode)%3]
		whole := v.open(t, raw, size)
		got, err := all(whole)
		single := v.open(t, raw, size)
		var slow []byte
		var one [1]byte
		var slowErr error
		for slowErr == nil {
			var n int
			n, slowErr = single.Read(one[:])
			slow = append(slow, one[:n]...)
		}
		if err == nil && (string(slow) != got || single.Verify() != nil) {
			t.Fatalf("by one %q, %v; at once %q", slow, slowErr, got)
		}
		if err != nil && single.Verify() == nil {
			t.Fatalf("by one accepted, at once %v", err)
		}
		if err != nil {
			return
		}
		if size >= 0 && int64(len(got)) != size {
			t.Fatalf("read %d of declared %d", len(got), size)
		}
		if v.seed != "" && got != "hello world" && got != "" {
			t.Fatalf("forged %q", got)
		}
		if !strings.HasSuffix(raw, "\r\n") || len(got) > len(raw) {
			t.Fatalf("%q was read as %q", raw, got)
		}
	})
}
