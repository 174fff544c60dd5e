package s3_test

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

// setVersioning sets the versioning of the bucket "box".
func (a *api) setVersioning(status string) {
	a.t.Helper()
	a.ok("PUT", "/box?versioning", nil, "<VersioningConfiguration><Status>"+status+"</Status></VersioningConfiguration>")
}

// put stores an object in "box" and returns its version.
func (a *api) put(key, body string) string {
	a.t.Helper()
	return a.ok("PUT", "/box/"+key, nil, body).header.Get("x-amz-version-id")
}

// versionsPage is a listing of versions, in the order of the document.
type versionsPage struct {
	Entries                            []versionEntry `xml:",any"`
	KeyMarker, VersionIdMarker         string
	NextKeyMarker, NextVersionIdMarker string
	Prefixes                           []string `xml:"CommonPrefixes>Prefix"`
	IsTruncated                        bool
}

type versionEntry struct {
	XMLName           xml.Name
	Key, VersionId    string
	IsLatest          bool
	ETag, LastVersion string
	Owner             struct{ ID, DisplayName string }
}

// list lists versions as key:version! where ! marks the latest, † a delete marker.
func (a *api) listVersions(query string) (string, versionsPage) {
	a.t.Helper()
	p := parse[versionsPage](a.t, a.ok("GET", "/box?versions"+query, nil, ""))
	var out []string
	for _, e := range p.Entries {
		if e.Key == "" {
			continue
		}
		line := e.Key + ":" + e.VersionId
		if e.XMLName.Local == "DeleteMarker" {
			line += "†"
		}
		if e.IsLatest {
			line += "!"
		}
		out = append(out, line)
	}
	return strings.Join(out, " "), p
}

func TestVersioningConfiguration(t *testing.T) {
	a := newAPI(t, s3.Options{})
	status := func() string {
		return parse[struct{ Status string }](t, a.ok("GET", "/box?versioning", nil, "")).Status
	}
	if got := status(); got != "" {
		t.Errorf("versioning of a new bucket is %q", got)
	}
	if id := a.put("k", "x"); id != "" {
		t.Errorf("an object without versioning has the version %q", id)
	}
	for _, want := range []string{"Enabled", "Suspended", "Enabled"} {
		if a.setVersioning(want); status() != want {
			t.Errorf("versioning is %q, want %q", status(), want)
		}
	}
	for doc, code := range map[string]string{
		"<VersioningConfiguration></VersioningConfiguration>":                                                       "MalformedXML",
		"<VersioningConfiguration><Status>Off</Status></VersioningConfiguration>":                                   "MalformedXML",
		"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>": "NotImplemented",
		"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration><VersioningConfiguration/>":     "MalformedXML",
		"<VersioningConfiguration><Status>enabled</Status></VersioningConfiguration>":                               "MalformedXML",
	} {
		if r := a.do("PUT", "/box?versioning", nil, doc); r.code() != code {
			t.Errorf("PUT %s = %d %q, want %q", doc, r.status, r.code(), code)
		}
	}
}

func TestVersions(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", nil, "null")
	a.setVersioning("Enabled")
	one, two := a.put("k", "one"), a.put("k", "two")
	if one == "" || one == two || one == "null" {
		t.Fatalf("versions %q, %q", one, two)
	}
	r := a.ok("GET", "/box/k", nil, "")
	if r.body != "two" || r.header.Get("x-amz-version-id") != two {
		t.Errorf("current = %q %v", r.body, r.header)
	}
	for id, want := range map[string]string{one: "one", two: "two", "null": "null"} {
		r := a.ok("GET", "/box/k?versionId="+id, nil, "")
		if r.body != want || r.header.Get("x-amz-version-id") != id {
			t.Errorf("GET %s = %q %v", id, r.body, r.header)
		}
		a.ok("HEAD", "/box/k?versionId="+id, nil, "")
		attr := a.ok("GET", "/box/k?attributes&versionId="+id, headers{"x-amz-object-attributes": "ObjectSize"}, "")
		if attr.header.Get("x-amz-version-id") != id || parse[objectAttributes](t, attr).ObjectSize != fmt.Sprint(len(want)) {
			t.Errorf("attributes of %s = %v %s", id, attr.header, attr.body)
		}
	}
}

func TestDeleteMarker(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", nil, "null")
	a.setVersioning("Enabled")
	one, two := a.put("k", "one"), a.put("k", "two")
	del := a.ok("DELETE", "/box/k", nil, "")
	marker := del.header.Get("x-amz-version-id")
	if del.header.Get("x-amz-delete-marker") != "true" || marker == "" {
		t.Errorf("DELETE = %v", del.header)
	}
	if got, want := first(a.listVersions("")), fmt.Sprintf("k:%s†! k:%s k:%s k:null", marker, two, one); got != want {
		t.Errorf("versions are %s, want %s", got, want)
	}
	for _, method := range []string{"GET", "HEAD"} {
		gone := a.fails(method, "/box/k", nil, "", 404, "NoSuchKey")
		if gone.header.Get("x-amz-delete-marker") != "true" || gone.header.Get("x-amz-version-id") != marker {
			t.Errorf("%s of a deleted object: %v", method, gone.header)
		}
		by := a.fails(method, "/box/k?versionId="+marker, nil, "", 405, "MethodNotAllowed")
		if by.header.Get("x-amz-delete-marker") != "true" || by.header.Get("Allow") != "DELETE" || by.header.Get("Last-Modified") == "" {
			t.Errorf("%s of a delete marker: %v", method, by.header)
		}
	}
	a.fails("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/k"}, "", 404, "NoSuchKey")
	a.fails("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/k?versionId=" + marker}, "", 400, "InvalidRequest")

	undel := a.ok("DELETE", "/box/k?versionId="+marker, nil, "")
	if undel.header.Get("x-amz-delete-marker") != "true" || undel.header.Get("x-amz-version-id") != marker {
		t.Errorf("DELETE of the marker = %v", undel.header)
	}
	if r := a.ok("GET", "/box/k", nil, ""); r.body != "two" {
		t.Errorf("the object is back as %q", r.body)
	}
}

func TestCopyOfVersion(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.setVersioning("Enabled")
	one, two := a.put("k", "one"), a.put("k", "two")
	cp := a.ok("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/k?versionId=" + one}, "")
	if cp.header.Get("x-amz-copy-source-version-id") != one || cp.header.Get("x-amz-version-id") == "" {
		t.Errorf("copy of a version = %v", cp.header)
	}
	if r := a.ok("GET", "/box/copy", nil, ""); r.body != "one" {
		t.Errorf("the copy is %q", r.body)
	}

	// An older version copied onto its own key becomes the current one.
	a.ok("PUT", "/box/k", headers{"x-amz-copy-source": "/box/k?versionId=" + one}, "")
	if r := a.ok("GET", "/box/k", nil, ""); r.body != "one" {
		t.Errorf("the restored object is %q", r.body)
	}
	rm := a.ok("DELETE", "/box/k?versionId="+two, nil, "")
	if rm.header.Get("x-amz-delete-marker") != "" || rm.header.Get("x-amz-version-id") != two {
		t.Errorf("DELETE of a version = %v", rm.header)
	}
	a.fails("GET", "/box/k?versionId="+two, nil, "", 404, "NoSuchVersion")
	a.fails("GET", "/box/k?versionId=what", nil, "", 400, "InvalidArgument")
	a.fails("DELETE", "/box", nil, "", 409, "BucketNotEmpty")
}

func first(s string, _ versionsPage) string { return s }

func TestSuspendedVersioning(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.setVersioning("Enabled")
	kept := a.put("k", "kept")
	a.setVersioning("Suspended")
	if id := a.put("k", "null 1"); id != "" {
		t.Errorf("putting while suspended tells the version %q", id)
	}
	if got := a.ok("HEAD", "/box/k", nil, "").header.Get("x-amz-version-id"); got != "null" {
		t.Errorf("HEAD of the null version tells %q", got)
	}
	a.put("k", "null 2")
	if got, want := first(a.listVersions("")), "k:null! k:"+kept; got != want {
		t.Errorf("versions are %s, want %s", got, want)
	}
	del := a.ok("DELETE", "/box/k", nil, "")
	if del.header.Get("x-amz-version-id") != "null" || del.header.Get("x-amz-delete-marker") != "true" {
		t.Errorf("DELETE = %v", del.header)
	}
	if got, want := first(a.listVersions("")), "k:null†! k:"+kept; got != want {
		t.Errorf("versions are %s, want %s", got, want)
	}
}

func TestListVersionsPages(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.setVersioning("Enabled")
	var want []string
	for _, key := range []string{"a", "b/1", "b/2", "c d"} {
		older := a.put(url.PathEscape(key), "1")
		newer := a.put(url.PathEscape(key), "2")
		want = append(want, key+":"+newer+"!", key+":"+older)
	}
	all, p := a.listVersions("")
	if all != strings.Join(want, " ") || p.IsTruncated {
		t.Errorf("versions are %s, want %s", all, want)
	}
	var owner string
	for _, e := range p.Entries {
		if e.Key != "" {
			owner = e.Owner.DisplayName
		}
	}
	if owner != "ann" {
		t.Errorf("the owner is %q", owner)
	}
	var got []string
	query := ""
	for range 8 {
		line, p := a.listVersions("&max-keys=3" + query)
		got = append(got, line)
		if !p.IsTruncated {
			break
		}
		query = "&key-marker=" + url.QueryEscape(p.NextKeyMarker) + "&version-id-marker=" + p.NextVersionIdMarker
	}
	if strings.Join(got, " ") != all || len(got) != 3 {
		t.Errorf("in pages they are %q, want %s", got, all)
	}
	line, p := a.listVersions("&delimiter=/&encoding-type=url")
	if strings.Contains(line, "b/") || strings.Join(p.Prefixes, ",") != "b/" || !strings.Contains(line, "c+d:") {
		t.Errorf("with a delimiter: %s, prefixes %q", line, p.Prefixes)
	}
	if line, _ := a.listVersions("&prefix=b/&key-marker=b/1"); strings.Contains(line, "b/1:") || strings.Count(line, "b/2:") != 2 {
		t.Errorf("after a key: %s", line)
	}
	if line, p := a.listVersions("&max-keys=0"); line != "" || p.IsTruncated {
		t.Errorf("a page of none: %s", line)
	}
	a.fails("GET", "/box?versions&version-id-marker="+"x", nil, "", 400, "InvalidArgument")
	a.fails("GET", "/box?versions&key-marker=a&version-id-marker=x", nil, "", 400, "InvalidArgument")
}

func TestDeleteObjectsOfVersions(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.setVersioning("Enabled")
	one := a.put("k", "one")
	a.put("k", "two")
	type result struct {
		Deleted []struct {
			Key, VersionId        string
			DeleteMarker          bool
			DeleteMarkerVersionId string
		}
		Error []struct{ Key, VersionId, Code string }
	}
	r := parse[result](t, a.deleteKeys("<Delete><Object><Key>k</Key></Object><Object><Key>k</Key><VersionId>"+one+
		"</VersionId></Object><Object><Key>k</Key><VersionId>odd</VersionId></Object></Delete>", nil))
	if len(r.Deleted) != 2 || len(r.Error) != 1 || r.Error[0].Code != "InvalidArgument" || r.Error[0].VersionId != "odd" {
		t.Fatalf("DeleteObjects = %+v", r)
	}
	marker := r.Deleted[0].DeleteMarkerVersionId
	if !r.Deleted[0].DeleteMarker || marker == "" || r.Deleted[0].VersionId != "" || r.Deleted[1].VersionId != one || r.Deleted[1].DeleteMarker {
		t.Errorf("DeleteObjects = %+v", r.Deleted)
	}
	r = parse[result](t, a.deleteKeys("<Delete><Object><Key>k</Key><VersionId>"+marker+"</VersionId></Object></Delete>", nil))
	if d := r.Deleted; len(d) != 1 || !d[0].DeleteMarker || d[0].DeleteMarkerVersionId != marker || d[0].VersionId != marker {
		t.Errorf("DeleteObjects of a marker = %+v", d)
	}
	if r := a.ok("GET", "/box/k", nil, ""); r.body != "two" {
		t.Errorf("the object is %q", r.body)
	}
}

func TestVersionsKeepTheirTags(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.setVersioning("Enabled")
	one, two := a.put("k", "one"), a.put("k", "two")
	doc := taggingDocument("a", "1")
	r := a.ok("PUT", "/box/k?tagging&versionId="+one, withMD5(doc), doc)
	if r.header.Get("x-amz-version-id") != one {
		t.Errorf("PUT tagging: %v", r.header)
	}
	for id, want := range map[string]string{one: "a=1", two: ""} {
		set := parse[tagSet](t, a.ok("GET", "/box/k?tagging&versionId="+id, nil, ""))
		if strings.Join(set.Keys, ",") != strings.TrimSuffix(want, "=1") {
			t.Errorf("tags of %s are %+v, want %s", id, set, want)
		}
	}
	a.ok("DELETE", "/box/k?tagging&versionId="+one, nil, "")
	marker := a.ok("DELETE", "/box/k", nil, "").header.Get("x-amz-version-id")
	a.fails("PUT", "/box/k?tagging", withMD5(doc), doc, 404, "NoSuchKey")
	a.fails("PUT", "/box/k?tagging&versionId="+marker, withMD5(doc), doc, 405, "MethodNotAllowed")
	a.fails("GET", "/box/k?tagging&versionId="+marker, nil, "", 405, "MethodNotAllowed")
}
