package s3_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/s3"
)

// denyIf denies everybody an action under a condition.
func denyIf(action, condition string) string {
	return statement("Deny", `"*"`, action, "box/*", `,"Condition":{`+condition+`}`)
}

// TestDenialsHold: what a policy forbids is not let through by another way to
// ask for it. Every one of these is allowed to bob but for the denial.
func TestDenialsHold(t *testing.T) {
	c := newPair(t)
	every := statement("Allow", `"*"`, "s3:*", "box*", "")
	c.ann.ok("PUT", "/box/k", nil, "x")
	c.bob.ok("PUT", "/bobs", nil, "")
	c.bob.ok("PUT", "/bobs/tagged", headers{"x-amz-tagging": "secret=1"}, "x")
	for _, tt := range []struct {
		name, condition, action string
		method, target          string
		h                       headers
		want                    int
	}{
		// A header without a value asks for nothing.
		{"no encryption", `"Null":{"s3:x-amz-server-side-encryption":"true"}`, "s3:PutObject", "PUT", "/box/n", headers{"x-amz-server-side-encryption": ""}, no},
		{"encryption", `"Null":{"s3:x-amz-server-side-encryption":"true"}`, "s3:PutObject", "PUT", "/box/n", headers{"x-amz-server-side-encryption": "AES256"}, yes},
		{"an empty If-None-Match", `"Null":{"s3:if-none-match":"true"}`, "s3:PutObject", "PUT", "/box/k", headers{"If-None-Match": ""}, no},
		{"an If-None-Match that always holds", `"Null":{"s3:if-none-match":"true"}`, "s3:PutObject", "PUT", "/box/k", headers{"If-None-Match": `"other"`}, no},
		{"If-None-Match", `"Null":{"s3:if-none-match":"true"}`, "s3:PutObject", "PUT", "/box/none-match", headers{"If-None-Match": "*"}, yes},

		// How S3's documentation keeps all but its own services out.
		{"no service", `"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"},"Bool":{"aws:ViaAWSService":"false"}`, "s3:GetObject", "GET", "/box/k", nil, no},
		{"no service's principal", `"Bool":{"aws:PrincipalIsAWSService":"false"}`, "s3:GetObject", "GET", "/box/k", nil, no},

		// How it asks for conditional writes and lets uploads in parts begin.
		{"what creates", `"Bool":{"s3:ObjectCreationOperation":"true"}`, "s3:PutObject", "PUT", "/box/n", nil, no},
		{"a copy creates", `"Bool":{"s3:ObjectCreationOperation":"true"}`, "s3:PutObject", "PUT", "/box/n", headers{"x-amz-copy-source": "/bobs/tagged"}, no},
		{"to begin an upload does not", `"Bool":{"s3:ObjectCreationOperation":"true"}`, "s3:PutObject", "POST", "/box/n?uploads", nil, yes},

		// The tags that a copy brings along count, and not those that it does not take.
		{"tags of a copy", `"StringEquals":{"s3:RequestObjectTag/secret":"1"}`, "s3:PutObject", "PUT", "/box/n", headers{"x-amz-copy-source": "/bobs/tagged", "x-amz-tagging": "a=b"}, no},
		{"tagging by a copy", `"StringEquals":{"s3:RequestObjectTag/secret":"1"}`, "s3:PutObjectTagging", "PUT", "/box/n", headers{"x-amz-copy-source": "/bobs/tagged", "x-amz-tagging": "a=b"}, no},
		{"tags a copy must have", `"StringNotEquals":{"s3:RequestObjectTag/a":"b"}`, "s3:PutObject", "PUT", "/box/n", headers{"x-amz-copy-source": "/bobs/tagged", "x-amz-tagging": "a=b"}, no},
		{"tags a copy has", `"StringNotEquals":{"s3:RequestObjectTag/a":"b"}`, "s3:PutObject", "PUT", "/box/n", headers{"x-amz-copy-source": "/bobs/tagged", "x-amz-tagging": "a=b", "x-amz-tagging-directive": "REPLACE"}, yes},
	} {
		c.ann.ok("PUT", "/box?policy", nil, policyOf(every, denyIf(tt.action, tt.condition)))
		if r := c.bob.do(tt.method, tt.target, tt.h, ""); r.status != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, r.status, r.body, tt.want)
		}
	}
}

// TestConditionsOnSignatures: a policy knows what was signed, and when, however
// the request says so.
func TestConditionsOnSignatures(t *testing.T) {
	c := newPair(t)
	every := statement("Allow", `"*"`, "s3:*", "box*", "")
	c.ann.ok("PUT", "/box?policy", nil, policyOf(every, denyIf("s3:PutObject", `"StringEquals":{"s3:x-amz-content-sha256":"UNSIGNED-PAYLOAD"}`)))
	c.bob.ok("PUT", "/box/k", nil, "signed")
	c.bob.fails("PUT", "/box/k", headers{"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, "x", 403, "AccessDenied")
	for _, query := range []string{"", "?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", "?x-amz-content-sha256=UNSIGNED-PAYLOAD"} {
		if r := c.bob.send(c.bob.presigned("PUT", "/box/k"+query, "x")); r.status != 403 {
			t.Errorf("PUT %s by a presigned URL = %d %s", query, r.status, r.body)
		}
	}

	c.ann.ok("PUT", "/box?policy", nil, policyOf(every, denyIf("s3:GetObject", `"NumericGreaterThan":{"s3:signatureAge":"60000"}`)))
	c.bob.ok("GET", "/box/k", nil, "")
	r := c.bob.request("GET", "/box/k", headers{"Date": time.Now().UTC().Add(-2 * time.Minute).Format(http.TimeFormat)}, nil)
	if got := c.bob.send(c.bob.signByDate(r)); got.status != 403 {
		t.Errorf("a request that was signed two minutes ago, by its Date = %d %s", got.status, got.body)
	}
}

// TestConditionsOnLocks: a policy that limits retention sees it in a body too.
func TestConditionsOnLocks(t *testing.T) {
	ann := newAPI(t, s3.Options{})
	bob := ann.as("bob", accounts.LevelUser)
	ann.ok("PUT", "/locked", headers{"x-amz-bucket-object-lock-enabled": "true"}, "")
	ann.ok("PUT", "/locked/k", nil, "x")
	deny := func(action, condition string) string {
		return strings.ReplaceAll(denyIf(action, condition), ":::box/", ":::locked/")
	}
	ann.ok("PUT", "/locked?policy", nil, policyOf(statement("Allow", bob.aws(), "s3:*", "locked*", ""),
		deny("s3:PutObjectRetention", `"NumericGreaterThan":{"s3:object-lock-remaining-retention-days":"10"}`),
		deny("s3:PutObjectRetention", `"StringEquals":{"s3:object-lock-mode":"COMPLIANCE"}`),
		deny("s3:PutObjectRetention", `"DateGreaterThan":{"s3:object-lock-retain-until-date":"2090-01-01T00:00:00Z"}`),
		deny("s3:PutObjectLegalHold", `"StringEquals":{"s3:object-lock-legal-hold":"ON"}`)))
	in := func(days int) string {
		return time.Now().UTC().AddDate(0, 0, days).Format(time.RFC3339)
	}
	for _, tt := range []struct {
		mode, until string
		want        int
	}{
		{"GOVERNANCE", in(10), yes}, {"GOVERNANCE", in(11), no}, {"COMPLIANCE", in(1), no}, {"GOVERNANCE", "2095-01-01T00:00:00Z", no},
	} {
		doc := fmt.Sprintf("<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>", tt.mode, tt.until)
		for _, by := range []*api{bob, ann} {
			if r := by.do("PUT", "/locked/k?retention", withMD5(doc), doc); r.status != tt.want {
				t.Errorf("%s retains until %s, %s: %d %s, want %d", by.user.Name, tt.until, tt.mode, r.status, r.body, tt.want)
			}
		}
		h := withMD5("y")
		h["x-amz-object-lock-mode"], h["x-amz-object-lock-retain-until-date"] = tt.mode, tt.until
		if r := bob.do("PUT", "/locked/new", h, "y"); r.status != tt.want {
			t.Errorf("a PUT that retains until %s, %s: %d %s, want %d", tt.until, tt.mode, r.status, r.body, tt.want)
		}
	}
	for status, want := range map[string]int{"ON": no, "OFF": yes} {
		doc := "<LegalHold><Status>" + status + "</Status></LegalHold>"
		if r := ann.do("PUT", "/locked/k?legal-hold", withMD5(doc), doc); r.status != want {
			t.Errorf("legal hold %s: %d %s, want %d", status, r.status, r.body, want)
		}
	}
	// Who may not is not told of the bucket's lock.
	cat := ann.as("cat", accounts.LevelUser)
	ann.ok("PUT", "/box?policy", nil, policyOf(denyIf("s3:PutObjectRetention", `"Null":{"s3:object-lock-mode":"true"}`)))
	for _, target := range []string{"/box/k?retention", "/locked/k?retention"} {
		doc := "<Retention></Retention>"
		cat.fails("PUT", target, withMD5(doc), doc, 403, "AccessDenied")
	}
}

// TestConditionalDeletesOfMany: the condition of each entry counts, and not a
// header that DeleteObjects does not read.
func TestConditionalDeletesOfMany(t *testing.T) {
	c := newPair(t)
	c.ann.ok("PUT", "/box?policy", nil, policyOf(statement("Allow", c.bob.aws(), "s3:*", "box*", ""),
		denyIf("s3:DeleteObject", `"Null":{"s3:if-match":"true"}`)))
	etag := c.ann.ok("PUT", "/box/k", nil, "x").header.Get("ETag")
	for entry, want := range map[string]string{"": "AccessDenied", "<ETag>" + etag + "</ETag>": ""} {
		doc := "<Delete><Object><Key>k</Key>" + entry + "</Object></Delete>"
		h := withMD5(doc)
		h["If-Match"] = "*"
		r := c.bob.ok("POST", "/box?delete", h, doc)
		if got := strings.Join(parse[deleted](t, r).Codes, ","); got != want {
			t.Errorf("DeleteObjects of %q = %q, want %q", entry, got, want)
		}
		c.ann.ok("PUT", "/box/k", nil, "x")
	}
}

// signByDate signs a request at the time of its Date header, without the
// X-Amz-Date that SDKs add.
func (a *api) signByDate(r *http.Request) *http.Request {
	a.t.Helper()
	at, err := http.ParseTime(r.Header.Get("Date"))
	must(a.t, err)
	day := at.Format("20060102")
	sum := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	payload := sum("")
	r.Header.Set("X-Amz-Content-Sha256", payload)
	const names = "date;host;x-amz-content-sha256"
	canonical := strings.Join([]string{r.Method, r.URL.Path, r.URL.RawQuery,
		"date:" + r.Header.Get("Date"), "host:" + r.URL.Host, "x-amz-content-sha256:" + payload, "", names, payload}, "\n")
	scope := day + "/us-east-1/s3/aws4_request"
	key := []byte("AWS4" + a.keys.SecretAccessKey)
	for _, s := range []string{day, "us-east-1", "s3", "aws4_request", "AWS4-HMAC-SHA256\n" + at.Format("20060102T150405Z") + "\n" + scope + "\n" + sum(canonical)} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(s))
		key = h.Sum(nil)
	}
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", a.keys.AccessKeyID, scope, names, key))
	return r
}

// TestRightsOfHeaders: what a header does besides is a right besides.
func TestRightsOfHeaders(t *testing.T) {
	c := newCrowd(t) // lists count
	put := statement("Allow", c.bob.aws(), "s3:PutObject", "box/*", "")
	for _, tt := range []struct {
		name, more string
		h          headers
		want       int
	}{
		{"no list", "", nil, yes},
		{"private", "", headers{"x-amz-acl": "private"}, yes},
		{"to the bucket's owner", "", headers{"x-amz-acl": "bucket-owner-full-control"}, yes},
		{"a grant to the bucket's owner", "", headers{"x-amz-grant-full-control": "id=" + c.ann.id()}, yes},
		{"public", "", headers{"x-amz-acl": "public-read"}, no},
		{"a grant", "", headers{"x-amz-grant-read": `id="` + c.cat.id() + `"`}, no},
		{"public, as allowed", statement("Allow", c.bob.aws(), "s3:PutObjectAcl", "box/*", ""), headers{"x-amz-acl": "public-read"}, yes},
		{"a tag", "", headers{"x-amz-tagging": "a=b"}, no},
	} {
		doc := policyOf(put)
		if tt.more != "" {
			doc = policyOf(put, tt.more)
		}
		c.ann.ok("PUT", "/box?policy", nil, doc)
		if r := c.bob.do("PUT", "/box/k", tt.h, "x"); r.status != tt.want {
			t.Errorf("%s: PUT = %d %s, want %d", tt.name, r.status, r.body, tt.want)
		}
		if r := c.bob.do("POST", "/box/k?uploads", tt.h, ""); r.status != tt.want {
			t.Errorf("%s: POST ?uploads = %d %s, want %d", tt.name, r.status, r.body, tt.want)
		}
	}
	// A denial is for the owner, too.
	public := headers{"x-amz-acl": "public-read"}
	c.ann.ok("PUT", "/box?policy", nil, policyOf(denyIf("s3:PutObjectAcl", `"StringLike":{"aws:username":"*"}`)))
	c.ann.fails("PUT", "/box/k", public, "x", 403, "AccessDenied")
	c.ann.fails("PUT", "/box/k?acl", public, "", 403, "AccessDenied")
	// Who may write to the bucket by its list may say who reads what is written.
	c.ann.ok("DELETE", "/box?policy", nil, "")
	c.ann.ok("PUT", "/box?acl", headers{"x-amz-acl": "public-read-write"}, "")
	if r := c.ann.unsigned("PUT", "/box/n", public, "x"); r.status != yes {
		t.Errorf("nobody's PUT = %d %s", r.status, r.body)
	}
}

// TestUploadLevelHeaders: keys that only put objects cannot publish, tag or lock
// them, even if they are the owner's.
func TestUploadLevelHeaders(t *testing.T) {
	ann := newAPI(t, s3.Options{})
	up := ann.as("up", accounts.LevelUpload)
	_, err := ann.buckets.CreateBucket(t.Context(), up.user.ID, "ups", buckets.BucketOptions{
		ObjectLock: true, Documents: map[string][]byte{"ownership": []byte("ObjectWriter")},
	})
	must(t, err)
	up.ok("PUT", "/ups/k", headers{"x-amz-acl": "private"}, "x")
	for name, value := range map[string]string{
		"x-amz-acl": "public-read", "x-amz-tagging": "a=b", "x-amz-object-lock-legal-hold": "ON",
		"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z",
	} {
		h := withMD5("x")
		h[name] = value
		up.fails("PUT", "/ups/k", h, "x", 403, "AccessDenied")
		up.fails("POST", "/ups/k?uploads", headers{name: value}, "", 403, "AccessDenied")
	}
}

// TestConditionsTellNothing of an object to who may not read it.
func TestConditionsTellNothing(t *testing.T) {
	c := newPair(t)
	etag := c.ann.ok("PUT", "/box/k", nil, "x").header.Get("ETag")
	c.ann.ok("PUT", "/box?policy", nil, policyOf(statement("Allow", c.bob.aws(), "s3:PutObject", "box/*", ""),
		statement("Allow", c.bob.aws(), "s3:DeleteObject", "box/*", ""), statement("Allow", c.bob.aws(), "s3:GetObjectAttributes", "box/*", "")))
	for _, method := range []string{"PUT", "DELETE"} {
		for _, tag := range []string{etag, `"other"`} {
			for _, target := range []string{"/box/k", "/box/none"} {
				c.bob.fails(method, target, headers{"If-Match": tag}, "", 403, "AccessDenied")
			}
		}
	}
	c.bob.fails("DELETE", "/box/k", headers{"x-amz-if-match-size": "1"}, "", 403, "AccessDenied")
	c.bob.fails("GET", "/box/k?attributes", headers{"x-amz-object-attributes": "ETag"}, "", 403, "AccessDenied")
	doc := "<Delete>" + strings.Repeat("<Object><Key>k</Key><ETag>"+etag+"</ETag></Object><Object><Key>none</Key><ETag>"+etag+"</ETag></Object>", 20) + "</Delete>"
	r := c.bob.ok("POST", "/box?delete", withMD5(doc), doc)
	if n := strings.Count(r.body, "<Code>AccessDenied</Code>"); n != 40 {
		t.Errorf("DeleteObjects refuses %d of 40: %s", n, r.body)
	}
	c.ann.ok("DELETE", "/box/k", headers{"If-Match": etag}, "")
}
