package sigv4_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/sigv4"
)

// FuzzRequest: a head that passes as signed says the same, of all that is
// signed, as one of the documented requests.
func FuzzRequest(f *testing.F) {
	var docs []*http.Request
	for _, head := range []string{docGet, docPut, docLifecycle, docList, docPresigned, docChunked, docTrailer} {
		f.Add(head)
		docs = append(docs, request(f, head, http.NoBody))
	}
	f.Add(strings.Replace(docGet, "/test.txt", "/%74est.txt", 1))
	f.Add(strings.Replace(docList, "max-keys=2&prefix=J", "prefix=%4A&&max-keys=2", 1))
	f.Add(strings.Replace(docGet, "GET /", "GET http://examplebucket.s3.amazonaws.com/", 1))
	f.Fuzz(func(t *testing.T, head string) {
		r, ok := tryRequest(head)
		if !ok {
			return
		}
		q, err := sigv4.Verify(r, docKeys, docOptions())
		if (err == nil) == (q == nil) {
			t.Fatalf("Verify = %v, %v", q, err)
		}
		if err != nil || q.Anonymous {
			return
		}
		if !slices.ContainsFunc(docs, func(doc *http.Request) bool { return sameSigned(r, doc) }) {
			t.Fatalf("accepted as %+v:\n%s", q, head)
		}
	})
}

// FuzzPresigned: no query passes but one that means what the documented one does.
func FuzzPresigned(f *testing.F) {
	doc := request(f, docPresigned, http.NoBody)
	f.Add(doc.URL.RawQuery)
	f.Add(strings.Replace(doc.URL.RawQuery, "X-Amz-Expires=86400&", "", 1) + "&X-Amz-Expires=%38%36400")
	f.Add(doc.URL.RawQuery + "&x-amz-signature=")
	f.Add(doc.URL.RawQuery + "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD")
	f.Add(doc.URL.RawQuery + "&versionId=1")
	f.Fuzz(func(t *testing.T, query string) {
		r := request(t, docPresigned, http.NoBody)
		r.URL.RawQuery, r.RequestURI = query, ""
		q, err := sigv4.Verify(r, docKeys, docOptions())
		if err == nil && !q.Anonymous && !sameSigned(r, doc) {
			t.Fatalf("%q is accepted as %+v", query, q)
		}
	})
}

// sameSigned compares what a signature covers, without white space.
func sameSigned(a, b *http.Request) bool {
	return a.Method == b.Method && a.Host == b.Host && a.URL.Path == b.URL.Path &&
		sameValues(a.URL.Query(), b.URL.Query(), "") &&
		sameValues(url.Values(a.Header), url.Values(b.Header), "x-amz-")
}

// sameValues compares those names that start with prefix in any case.
func sameValues(a, b url.Values, prefix string) bool {
	collect := func(v url.Values) map[string]string {
		out := map[string]string{}
		for name, values := range v {
			if strings.HasPrefix(strings.ToLower(name), prefix) {
				values = slices.Clone(values)
				if prefix == "" {
					slices.Sort(values) // the order of a repeated parameter is not signed
				}
				out[name] = strings.Join(strings.Fields(strings.Join(values, ",")), "")
			}
		}
		return out
	}
	return maps.Equal(collect(a), collect(b))
}
