package clientaddr_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/whypfs/whypfs/internal/clientaddr"
)

func TestOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234":             "192.0.2.1",
		"[::ffff:192.0.2.1]:1234":    "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80":  "2001:db8:1:2::",
		"[fe80::1%eth0]:80":          "fe80::",
		"@":                          "invalid IP",
		"":                           "invalid IP",
		"192.0.2.1":                  "invalid IP",
		"[2001:db8:1:2:ffff::1]:443": "2001:db8:1:2::",
	} {
		if got := clientaddr.Of(&http.Request{RemoteAddr: remote}).String(); got != want {
			t.Errorf("Of(%q) = %s, want %s", remote, got, want)
		}
	}
}

func TestBehind(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "192.0.2.1:5", nil, "192.0.2.1:5"},
		{"a header of anybody's", "192.0.2.1:5", []string{"198.51.100.7"}, "192.0.2.1:5"},
		{"a proxy", "10.0.0.1:5", []string{"198.51.100.7"}, "198.51.100.7:0"},
		{"a proxy that says nothing", "10.0.0.1:5", nil, "10.0.0.1:0"},
		{"a client's own header before the proxy's", "10.0.0.1:5", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7:0"},
		{"the same in two headers", "10.0.0.1:5", []string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7:0"},
		{"two proxies", "10.0.0.1:5", []string{"198.51.100.7,10.2.3.4"}, "198.51.100.7:0"},
		{"a client that claims to be a proxy", "10.0.0.1:5", []string{"198.51.100.7, 10.9.9.9, 203.0.113.9"}, "203.0.113.9:0"},
		{"IPv6, with a port", "[fd00::1]:5", []string{"[2001:db8::1]:77"}, "[2001:db8::1]:0"},
		{"nonsense", "10.0.0.1:5", []string{"unknown"}, "10.0.0.1:0"},
		{"nonsense before a client", "10.0.0.1:5", []string{"unknown, 198.51.100.7"}, "198.51.100.7:0"},
		{"mapped", "[::ffff:10.0.0.1]:5", []string{"::ffff:198.51.100.7"}, "198.51.100.7:0"},
	} {
		var got string
		h := clientaddr.Behind(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = tt.remote
		r.Header["X-Forwarded-For"] = tt.forwarded
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if r.RemoteAddr != tt.remote {
			t.Errorf("%s: the request itself was changed", tt.name)
		}
	}
}
