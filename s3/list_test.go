package s3_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

// page is what both versions of a listing answer.
type page struct {
	Name, Prefix, Delimiter, EncodingType string
	Marker, NextMarker                    string
	StartAfter, ContinuationToken         string
	NextContinuationToken                 string
	MaxKeys, KeyCount                     int
	IsTruncated                           bool
	Keys                                  []string `xml:"Contents>Key"`
	ETags                                 []string `xml:"Contents>ETag"`
	Sizes                                 []int64  `xml:"Contents>Size"`
	Owners                                []string `xml:"Contents>Owner>DisplayName"`
	Prefixes                              []string `xml:"CommonPrefixes>Prefix"`
}

func (a *api) list(query string) page {
	a.t.Helper()
	return parse[page](a.t, a.ok("GET", "/box?"+query, nil, ""))
}

func (a *api) fill(keys ...string) {
	a.t.Helper()
	for _, k := range keys {
		a.ok("PUT", "/box/"+pathOf(k), nil, k)
	}
}

func TestListing(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fill("a", "b/1", "b/2", "c/x/1", "c/y/2", "d")
	for _, c := range []struct {
		query    string
		keys     []string
		prefixes []string
		more     bool
	}{
		{"", []string{"a", "b/1", "b/2", "c/x/1", "c/y/2", "d"}, nil, false},
		{"delimiter=/", []string{"a", "d"}, []string{"b/", "c/"}, false},
		{"delimiter=/&prefix=c/", nil, []string{"c/x/", "c/y/"}, false},
		{"prefix=b", []string{"b/1", "b/2"}, nil, false},
		{"prefix=none", nil, nil, false},
		{"max-keys=0", nil, nil, false},
		{"max-keys=2", []string{"a", "b/1"}, nil, true},
		{"max-keys=2&delimiter=/", []string{"a"}, []string{"b/"}, true},
		{"max-keys=6", []string{"a", "b/1", "b/2", "c/x/1", "c/y/2", "d"}, nil, false},
	} {
		for _, version := range []string{"", "&list-type=2"} {
			p := a.list(c.query + version)
			if !slices.Equal(p.Keys, c.keys) || !slices.Equal(p.Prefixes, c.prefixes) || p.IsTruncated != c.more {
				t.Errorf("list %s%s = %q %q more %v, want %q %q more %v", c.query, version, p.Keys, p.Prefixes, p.IsTruncated, c.keys, c.prefixes, c.more)
			}
			if version != "" && p.KeyCount != len(c.keys)+len(c.prefixes) {
				t.Errorf("list %s%s: KeyCount %d", c.query, version, p.KeyCount)
			}
			if (p.NextContinuationToken != "") != (version != "" && c.more) {
				t.Errorf("list %s%s: token %q", c.query, version, p.NextContinuationToken)
			}
		}
	}
	p := a.list("prefix=a")
	if p.Name != "box" || p.MaxKeys != 1000 || p.Sizes[0] != 1 || len(p.ETags[0]) != 34 || p.Owners[0] != "ann" {
		t.Errorf("list = %+v", p)
	}
	if p = a.list("list-type=2&max-keys=5000&fetch-owner=false"); p.MaxKeys != 1000 || len(p.Owners) != 0 {
		t.Errorf("list = %+v", p)
	}
	if p = a.list("list-type=2&fetch-owner=true"); len(p.Owners) != 6 {
		t.Errorf("list with owners = %+v", p)
	}
	if p = a.list("marker=b/1"); !slices.Equal(p.Keys, []string{"b/2", "c/x/1", "c/y/2", "d"}) || p.Marker != "b/1" {
		t.Errorf("list after a marker = %+v", p)
	}
	if p = a.list("list-type=2&start-after=c/"); !slices.Equal(p.Keys, []string{"c/x/1", "c/y/2", "d"}) || p.StartAfter != "c/" {
		t.Errorf("list after a start = %+v", p)
	}
}

// Every page size and version of the listing gives every entry once.
func TestListingPages(t *testing.T) {
	a := newAPI(t, s3.Options{})
	var keys []string
	for i := range 7 {
		keys = append(keys, fmt.Sprintf("k%d", i), fmt.Sprintf("p%d/a", i), fmt.Sprintf("p%d/b", i))
	}
	a.fill(keys...)
	for _, delimiter := range []string{"", "&delimiter=/"} {
		whole := a.list(delimiter)
		for size := 1; size <= 15; size++ {
			for _, v2 := range []bool{false, true} {
				var got page
				query, token := fmt.Sprintf("max-keys=%d%s", size, delimiter), ""
				if v2 {
					query += "&list-type=2"
				}
				for {
					p := a.list(query + token)
					got.Keys, got.Prefixes = append(got.Keys, p.Keys...), append(got.Prefixes, p.Prefixes...)
					if !p.IsTruncated {
						break
					}
					if n := len(p.Keys) + len(p.Prefixes); n != size {
						t.Fatalf("%s%s: a page of %d", query, token, n)
					}
					token = "&marker=" + url.QueryEscape(p.NextMarker)
					if v2 {
						token = "&continuation-token=" + p.NextContinuationToken
					} else if delimiter == "" {
						token = "&marker=" + url.QueryEscape(p.Keys[len(p.Keys)-1])
					}
				}
				if !slices.Equal(got.Keys, whole.Keys) || !slices.Equal(got.Prefixes, whole.Prefixes) {
					t.Errorf("%s: %q %q, want %q %q", query, got.Keys, got.Prefixes, whole.Keys, whole.Prefixes)
				}
			}
		}
	}
}

func TestListingOddKeys(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fill(oddKeys...)
	want := slices.Clone(oddKeys)
	slices.Sort(want)
	var got []string
	for _, k := range a.list("encoding-type=url").Keys {
		k, err := url.QueryUnescape(k)
		must(t, err)
		got = append(got, k)
	}
	if !slices.Equal(got, want) {
		t.Errorf("encoded listing = %q\nwant %q", got, want)
	}
	// Without encoding all that XML can carry comes as it is.
	a.ok("DELETE", "/box/%01control", nil, "")
	want = slices.DeleteFunc(want, func(k string) bool { return k == "\x01control" })
	if got := a.list("list-type=2").Keys; !slices.Equal(got, want) {
		t.Errorf("raw listing = %q\nwant %q", got, want)
	}
	p := a.list("encoding-type=url&prefix=with%20&delimiter=%20")
	if p.Prefix != "with+" || p.Delimiter != "+" || p.EncodingType != "url" || p.Prefixes != nil {
		t.Errorf("encoded listing = %+v", p)
	}
	a.ok("PUT", "/box/%01control", nil, "")
	if r := a.ok("GET", "/box?prefix=%01", nil, ""); !strings.Contains(r.body, "<Key>&#x1;control</Key>") {
		t.Errorf("a control character is listed as %s", r.body)
	}
}
