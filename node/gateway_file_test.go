package node

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// fetchURL does a request of the gateway at url, headers in pairs.
func fetchURL(t *testing.T, method, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return res, body
}

// Every range, and every way to say that a range does not hold, gives the
// bytes that the status and Content-Range say.
func TestGatewayFileRanges(t *testing.T) {
	const size = 3<<20 + 12345
	n := newTestNode(t, Config{})
	want, err := io.ReadAll(keystream(size, "ranges"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := n.Import(t.Context(), bytes.NewReader(want), ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	etag := `"` + f.Root.String() + `"`
	for _, tt := range []struct {
		name       string
		header     []string
		status     int
		start, end int64 // of the body, if the status is 200 or 206
	}{
		{"whole", nil, 200, 0, size},
		{"first byte", []string{"Range", "bytes=0-0"}, 206, 0, 1},
		{"last byte", []string{"Range", fmt.Sprintf("bytes=%d-", size-1)}, 206, size - 1, size},
		{"over a leaf's end", []string{"Range", "bytes=1048570-1048590"}, 206, 1048570, 1048591},
		{"from the third leaf on", []string{"Range", "bytes=2097152-"}, 206, 2097152, size},
		{"past the end", []string{"Range", "bytes=3145728-99999999"}, 206, 3145728, size},
		{"suffix", []string{"Range", "bytes=-10"}, 206, size - 10, size},
		{"suffix longer than the file", []string{"Range", "bytes=-99999999"}, 206, 0, size},
		{"beyond the file", []string{"Range", "bytes=99999999-"}, 416, 0, 0},
		{"two: the first", []string{"Range", "bytes=5-9,0-1"}, 206, 5, 10},
		{"two that are more than the file", []string{"Range", "bytes=5-,0-"}, 206, 5, size},
		{"two, the first beyond the file", []string{"Range", "bytes=99999999-,0-1"}, 416, 0, 0},
		{"not bytes", []string{"Range", "items=0-1"}, 200, 0, size},
		{"if it is this file", []string{"Range", "bytes=7-9", "If-Range", etag}, 206, 7, 10},
		{"if it is another", []string{"Range", "bytes=7-9", "If-Range", `"other"`}, 200, 0, size},
		{"if it is weakly this", []string{"Range", "bytes=7-9", "If-Range", "W/" + etag}, 200, 0, size},
		{"if it is of a date", []string{"Range", "bytes=7-9", "If-Range", "Sat, 29 Oct 1994 19:43:31 GMT"}, 200, 0, size},
		{"cached", []string{"If-None-Match", etag}, 304, 0, 0},
		{"not cached", []string{"If-None-Match", `"other"`}, 200, 0, size},
		{"a file that is gone", []string{"If-Match", `"other"`}, 412, 0, 0},
	} {
		for _, query := range []string{"", "?filename=data.bin"} {
			res, body := fetchURL(t, "GET", srv.URL+"/ipfs/"+f.Root.String()+query, tt.header...)
			if res.StatusCode != tt.status {
				t.Errorf("%s%s: %d, want %d", tt.name, query, res.StatusCode, tt.status)
				continue
			}
			if tt.status != 200 && tt.status != 206 {
				continue
			}
			if !bytes.Equal(body, want[tt.start:tt.end]) {
				t.Errorf("%s%s: %d bytes, not those from %d to %d", tt.name, query, len(body), tt.start, tt.end)
			}
			contentRange := ""
			if tt.status == 206 {
				contentRange = fmt.Sprintf("bytes %d-%d/%d", tt.start, tt.end-1, size)
			}
			if got := res.Header.Get("Content-Range"); got != contentRange {
				t.Errorf("%s%s: Content-Range %q, want %q", tt.name, query, got, contentRange)
			}
			if got := res.Header.Get("Etag"); got != etag {
				t.Errorf("%s%s: ETag %s, want %s", tt.name, query, got, etag)
			}
		}
	}
}

// HEAD tells what GET would, also the type, which only the content shows.
func TestGatewayFileHead(t *testing.T) {
	n := newTestNode(t, Config{})
	for _, content := range []string{"", "plain text", "<!DOCTYPE html><title>x</title>", "%PDF-1.7 …", strings.Repeat("long ", 1<<20)} {
		f, err := n.Import(t.Context(), strings.NewReader(content), ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(n.Gateway())
		defer srv.Close()
		got, body := fetchURL(t, "GET", srv.URL+"/ipfs/"+f.Root.String())
		head, none := fetchURL(t, "HEAD", srv.URL+"/ipfs/"+f.Root.String())
		if got.StatusCode != 200 || string(body) != content || head.StatusCode != 200 || len(none) != 0 {
			t.Errorf("%.10q: GET %d with %d bytes, HEAD %d with %d", content, got.StatusCode, len(body), head.StatusCode, len(none))
		}
		for _, name := range []string{"Content-Type", "Content-Length", "Etag", "Cache-Control", "Accept-Ranges", "X-Ipfs-Path", "X-Ipfs-Roots"} {
			if head.Header.Get(name) != got.Header.Get(name) || head.Header.Get(name) == "" {
				t.Errorf("%.10q: %s is %q in HEAD and %q in GET", content, name, head.Header.Get(name), got.Header.Get(name))
			}
		}
	}
}
