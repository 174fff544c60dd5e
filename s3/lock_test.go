package s3_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/s3"
)

// newLocked is newAPI with "box" under object lock.
func newLocked(t *testing.T) *api {
	a := newAPI(t, s3.Options{})
	a.ok("DELETE", "/box", nil, "")
	a.ok("PUT", "/box", headers{"x-amz-bucket-object-lock-enabled": "true"}, "")
	return a
}

const lockRoot = "<ObjectLockConfiguration><ObjectLockEnabled>%s</ObjectLockEnabled>%s</ObjectLockConfiguration>"

func lockRule(inner string) string {
	return fmt.Sprintf(lockRoot, "Enabled", "<Rule><DefaultRetention>"+inner+"</DefaultRetention></Rule>")
}

func (a *api) document(target, doc string, more headers) reply {
	a.t.Helper()
	h := withMD5(doc)
	for name, v := range more {
		h[name] = v
	}
	return a.do("PUT", target, h, doc)
}

func retention(mode string, until time.Time) string {
	return "<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + until.UTC().Format(time.RFC3339) + "</RetainUntilDate></Retention>"
}

var bypass = headers{"x-amz-bypass-governance-retention": "true"}

func TestObjectLockConfiguration(t *testing.T) {
	a := newAPI(t, s3.Options{})
	good := lockRule("<Mode>GOVERNANCE</Mode><Days>1</Days>")
	a.fails("GET", "/box?object-lock", nil, "", 404, "ObjectLockConfigurationNotFoundError")
	a.fails("PUT", "/box?object-lock", withMD5(good), good, 409, "InvalidBucketState")
	a.setVersioning("Enabled")
	a.fails("PUT", "/box?object-lock", nil, good, 400, "InvalidRequest") // no digest
	for doc, code := range map[string]string{
		fmt.Sprintf(lockRoot, "Disabled", ""):                             "MalformedXML",
		lockRule("<Mode>governance</Mode><Days>1</Days>"):                 "MalformedXML",
		lockRule("<Mode>GOVERNANCE</Mode>"):                               "MalformedXML",
		lockRule("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"): "MalformedXML",
		lockRule("<Mode>GOVERNANCE</Mode><Days>one</Days>"):               "MalformedXML",
		lockRule("<Mode>GOVERNANCE</Mode><Days>0</Days>"):                 "InvalidRetentionPeriod",
		lockRule("<Mode>GOVERNANCE</Mode><Years>-1</Years>"):              "InvalidRetentionPeriod",
		lockRule("<Mode>GOVERNANCE</Mode><Years>101</Years>"):             "InvalidRetentionPeriod",
		lockRule("<Days>1</Days>"):                                        "MalformedXML",
	} {
		a.fails("PUT", "/box?object-lock", withMD5(doc), doc, 400, code)
	}
	a.fails("GET", "/box?object-lock", nil, "", 404, "ObjectLockConfigurationNotFoundError")
	a.ok("PUT", "/box?object-lock", withMD5(good), good)
	if r := a.ok("GET", "/box?object-lock", nil, ""); !strings.Contains(r.body, "<Mode>GOVERNANCE</Mode><Days>1</Days>") {
		t.Errorf("GET = %s", r.body)
	}
	none := fmt.Sprintf(lockRoot, "Enabled", "")
	a.ok("PUT", "/box?object-lock", withMD5(none), none)
	if r := a.ok("GET", "/box?object-lock", nil, ""); strings.Contains(r.body, "Rule") {
		t.Errorf("GET without a rule = %s", r.body)
	}
	a.fails("PUT", "/box?versioning", nil, "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", 409, "InvalidBucketState")
}

func TestRetention(t *testing.T) {
	a := newLocked(t)
	soon, later := time.Now().Add(time.Hour), time.Now().Add(48*time.Hour)
	id := a.put("k", "data")
	a.fails("GET", "/box/k?retention", nil, "", 404, "NoSuchObjectLockConfiguration")
	if r := a.document("/box/k?retention", retention("GOVERNANCE", later), nil); r.status != 200 {
		t.Fatalf("PUT retention = %d %s", r.status, r.body)
	}
	r := a.ok("GET", "/box/k?retention", nil, "")
	if !strings.Contains(r.body, "<Mode>GOVERNANCE</Mode><RetainUntilDate>"+later.UTC().Format("2006-01-02T15:04:05")) {
		t.Errorf("retention is %s", r.body)
	}
	h := a.ok("HEAD", "/box/k", nil, "").header
	if h.Get("x-amz-object-lock-mode") != "GOVERNANCE" || !strings.HasPrefix(h.Get("x-amz-object-lock-retain-until-date"), later.UTC().Format("2006-01-02T15:04:05")) {
		t.Errorf("HEAD = %v", h)
	}
	target := "/box/k?versionId=" + id
	a.fails("DELETE", target, nil, "", 403, "AccessDenied")
	got := parse[deleted](t, a.deleteKeys("<Delete><Object><Key>k</Key><VersionId>"+id+"</VersionId></Object></Delete>", nil))
	if len(got.Deleted) != 0 || strings.Join(got.Codes, ",") != "AccessDenied" {
		t.Errorf("DeleteObjects = %+v", got)
	}
	for doc, code := range map[string]string{
		retention("GOVERNANCE", soon):                       "AccessDenied", // shorter
		retention("GOVERNANCE", time.Now().Add(-time.Hour)): "InvalidArgument",
		retention("governance", later):                      "MalformedXML",
		"<Retention><Mode>GOVERNANCE</Mode></Retention>":    "MalformedXML",
		"<Retention></Retention>":                           "AccessDenied", // it would end
	} {
		if r := a.document("/box/k?retention", doc, nil); r.code() != code {
			t.Errorf("PUT %s = %d %q, want %q", doc, r.status, r.code(), code)
		}
	}
	if r := a.document("/box/k?retention", retention("GOVERNANCE", soon), bypass); r.status != 200 {
		t.Errorf("PUT of a shorter retention with bypass = %d %s", r.status, r.body)
	}
	// A delete marker hides the version and removes nothing.
	a.ok("DELETE", "/box/k", nil, "")
	a.fails("DELETE", target, nil, "", 403, "AccessDenied")
	a.ok("DELETE", target, bypass, "")
	a.fails("GET", target, nil, "", 404, "NoSuchVersion")
}

func TestCompliance(t *testing.T) {
	a := newLocked(t)
	later := time.Now().Add(48 * time.Hour)
	doc := lockRule("<Mode>COMPLIANCE</Mode><Days>1</Days>")
	a.ok("PUT", "/box?object-lock", withMD5(doc), doc)
	id := a.put("k", "data")
	if mode := a.ok("HEAD", "/box/k", nil, "").header.Get("x-amz-object-lock-mode"); mode != "COMPLIANCE" {
		t.Errorf("the default retention is %q", mode)
	}
	a.fails("DELETE", "/box/k?versionId="+id, bypass, "", 403, "AccessDenied")
	if r := a.document("/box/k?retention", retention("GOVERNANCE", later), bypass); r.code() != "AccessDenied" {
		t.Errorf("PUT of another mode = %d %q", r.status, r.code())
	}
	if r := a.document("/box/k?retention", retention("COMPLIANCE", later), nil); r.status != 200 {
		t.Errorf("PUT of a longer retention = %d %s", r.status, r.body)
	}
}

func TestLegalHold(t *testing.T) {
	a := newLocked(t)
	id := a.put("k", "data")
	hold := func(status string) string { return "<LegalHold><Status>" + status + "</Status></LegalHold>" }
	if r := a.document("/box/k?legal-hold", hold("on"), nil); r.code() != "MalformedXML" {
		t.Errorf("PUT on = %d %q", r.status, r.code())
	}
	for _, status := range []string{"ON", "OFF", "ON"} {
		if r := a.document("/box/k?legal-hold&versionId="+id, hold(status), nil); r.status != 200 || r.header.Get("x-amz-version-id") != id {
			t.Errorf("PUT %s = %d %s", status, r.status, r.body)
		}
		if r := a.ok("GET", "/box/k?legal-hold", nil, ""); !strings.Contains(r.body, "<Status>"+status+"</Status>") {
			t.Errorf("the hold is %s, want %s", r.body, status)
		}
	}
	if got := a.ok("HEAD", "/box/k", nil, "").header.Get("x-amz-object-lock-legal-hold"); got != "ON" {
		t.Errorf("HEAD tells the hold %q", got)
	}
	a.fails("DELETE", "/box/k?versionId="+id, bypass, "", 403, "AccessDenied")
	if r := a.document("/box/k?legal-hold", hold("OFF"), nil); r.status != 200 {
		t.Fatal(r.body)
	}
	a.ok("DELETE", "/box/k?versionId="+id, nil, "")
}

func TestLockHeaders(t *testing.T) {
	a := newLocked(t)
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	lock := headers{
		"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": until,
		"x-amz-object-lock-legal-hold": "ON", "Content-MD5": withMD5("data")["Content-MD5"],
	}
	a.ok("PUT", "/box/k", lock, "data")
	locked := func(path string) {
		t.Helper()
		h := a.ok("HEAD", path, nil, "").header
		if h.Get("x-amz-object-lock-mode") != "GOVERNANCE" || h.Get("x-amz-object-lock-legal-hold") != "ON" {
			t.Errorf("HEAD %s = %v", path, h)
		}
	}
	locked("/box/k")
	delete(lock, "Content-MD5")
	a.fails("PUT", "/box/k", lock, "data", 400, "InvalidRequest") // no digest
	lock["x-amz-copy-source"] = "/box/k"
	a.ok("PUT", "/box/copy", lock, "")
	locked("/box/copy")
	// A lock is not copied along.
	a.ok("PUT", "/box/free", headers{"x-amz-copy-source": "/box/k"}, "")
	if h := a.ok("HEAD", "/box/free", nil, "").header; h.Get("x-amz-object-lock-mode") != "" || h.Get("x-amz-object-lock-legal-hold") != "" {
		t.Errorf("the copy's lock: %v", h)
	}
	delete(lock, "x-amz-copy-source")
	id := parse[struct{ UploadId string }](t, a.ok("POST", "/box/big?uploads", lock, "")).UploadId
	tag := a.ok("PUT", "/box/big?partNumber=1&uploadId="+id, nil, "x").header.Get("ETag")
	done := a.ok("POST", "/box/big?uploadId="+id, nil, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+tag+"</ETag></Part></CompleteMultipartUpload>")
	if done.header.Get("x-amz-version-id") == "" {
		t.Errorf("CompleteMultipartUpload: %v", done.header)
	}
	locked("/box/big")

	for _, h := range []headers{
		{"x-amz-object-lock-mode": "GOVERNANCE"},
		{"x-amz-object-lock-retain-until-date": until},
		{"x-amz-object-lock-mode": "governance", "x-amz-object-lock-retain-until-date": until},
		{"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "tomorrow"},
		{"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2020-01-01T00:00:00Z"},
		{"x-amz-object-lock-legal-hold": "MAYBE"},
	} {
		h["Content-MD5"] = withMD5("data")["Content-MD5"]
		a.fails("PUT", "/box/none", h, "data", 400, "InvalidArgument")
		a.absent("/box/none")
	}
}
