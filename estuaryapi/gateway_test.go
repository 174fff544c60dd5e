package estuaryapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/internal/car"
)

func TestGateway(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	path := "/gw/ipfs/" + f.add(token, "a.txt", "0123456789").CID
	tests := []struct {
		what, method, ranges string
		code                 int
		body, length         string
	}{
		{"all", "GET", "", 200, "0123456789", "10"},
		{"head", "HEAD", "", 200, "", "10"},
		{"range", "GET", "bytes=2-4", 206, "234", "3"},
		{"end", "GET", "bytes=-3", 206, "789", "3"},
		{"head of a range", "HEAD", "bytes=2-4", 206, "", "3"},
		{"beyond", "GET", "bytes=10-", 416, "", ""},
	}
	for _, tt := range tests {
		var header []string
		if tt.ranges != "" {
			header = []string{"Range", tt.ranges}
		}
		a := f.do(tt.method, path, "", nil, header...)
		if a.code != tt.code || tt.code != 416 && a.body != tt.body || tt.length != "" && a.header.Get("Content-Length") != tt.length {
			t.Errorf("%s = %d %q of %s bytes, want %d %q of %s", tt.what, a.code, a.body, a.header.Get("Content-Length"), tt.code, tt.body, tt.length)
		}
		if a.header.Get("X-AppVersion") != "1.2.3" {
			t.Errorf("%s has no X-AppVersion", tt.what)
		}
	}
	if a := f.do(http.MethodGet, path, "", nil, "If-None-Match", f.get(path, "").header.Get("Etag")); a.code != 304 {
		t.Errorf("the same again = %d, want 304", a.code)
	}
	for path, want := range map[string]int{
		"/gw/ipfs/" + rawCID(t, "never stored"): 404,
		"/gw/ipfs/nonsense":                     400,
		"/gw/ipfs/":                             400,
	} {
		if a := f.get(path, ""); a.code != want {
			t.Errorf("GET %s = %d %s, want %d", path, a.code, a.body, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		if a := f.do(method, path, token, strings.NewReader("x")); a.code != 405 {
			t.Errorf("%s = %d, want 405", method, a.code)
		}
	}
}

// Pages of anyone's making are kept from the origin that they share with the
// dashboard: uploaded ones, and ones that stand in their CID.
func TestPagesAreSandboxed(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	page := "<!DOCTYPE html><script>alert(document.cookie)</script>"
	inline, err := multihash.Sum([]byte(page), multihash.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{f.add(token, "a.html", page).CID, cid.NewCidV1(cid.Raw, inline).String()} {
		for _, base := range []string{"/gw/ipfs/", "/ipfs/"} {
			a := f.get(base+c, "")
			policy := a.header.Get("Content-Security-Policy")
			if a.code != 200 || a.body != page || !strings.HasPrefix(policy, "sandbox") || strings.Contains(policy, "allow-same-origin") {
				t.Errorf("GET %s%s = %d %s with policy %q", base, c, a.code, a.body, policy)
			}
		}
	}
}

// What is stored and is not what its CID says is its sender's fault, not the node's.
func TestGatewayMalformed(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	stored, refused := 0, 0
	for _, b := range badNodes {
		root, block := section(b.codec, b.data)
		a := f.do("POST", "/content/add-car", token, bytes.NewReader(append(car.Header(root), block...)))
		if a.code != 200 {
			continue // nothing of it is there
		}
		stored++
		for _, path := range []string{"/gw/ipfs/" + root.String(), "/ipfs/" + root.String() + "/below"} {
			a := f.get(path, "")
			if a.code >= 500 {
				t.Errorf("GET %s of %q = %d %s", path, b.data, a.code, a.body)
			}
			if a.code == 422 {
				refused++
			}
		}
	}
	if stored == 0 || refused == 0 {
		t.Errorf("%d were stored, %d answers were 422", stored, refused)
	}
	if f.log.Len() > 0 {
		t.Errorf("the log has %s", f.log)
	}
}
