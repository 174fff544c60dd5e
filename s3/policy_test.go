package s3_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/internal/accesspolicy"
	"github.com/whypfs/whypfs/s3"
)

// statement is one of a policy; more is further elements.
func statement(effect, principal, action, resource, more string) string {
	return fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":%q,"Resource":"arn:aws:s3:::%s"%s}`, effect, principal, action, resource, more)
}

func policyOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func allow(principal, action, resource string) string {
	return policyOf(statement("Allow", principal, action, resource, ""))
}

// aws is a principal.
func (a *api) aws() string { return `{"AWS":"` + a.id() + `"}` }

// denyLike denies everybody an action where a condition key has a value.
func denyLike(action, key, value string) string {
	return statement("Deny", `"*"`, action, "box/*", fmt.Sprintf(`,"Condition":{"StringLike":{%q:%q}}`, key, value))
}

// newPair is a bucket of ann's as S3 makes them, without lists, and others.
func newPair(t *testing.T) *crowd {
	t.Helper()
	ann := newAPI(t, s3.Options{})
	return &crowd{
		ann: ann, bob: ann.as("bob", accounts.LevelUser), cat: ann.as("cat", accounts.LevelUser),
		root: ann.as("root", accounts.LevelAdmin),
	}
}

func TestPolicyDocument(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fails("GET", "/box?policy", nil, "", 404, "NoSuchBucketPolicy")
	doc := allow(`"*"`, "s3:GetObject", "box/*") + "\n"
	a.ok("PUT", "/box?policy", nil, doc)
	if got := a.ok("GET", "/box?policy", nil, ""); got.body != doc || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("the policy is told as %q, %v", got.body, got.header)
	}
	a.fails("PUT", "/box?policy", nil, allow(`"*"`, "s3:GetObject", "other/*"), 400, "MalformedPolicy")
	a.fails("PUT", "/box?policy", nil, strings.Repeat(" ", 21<<10), 400, "MaxMessageLengthExceeded")
	if got := a.ok("GET", "/box?policyStatus", nil, "").body; !strings.Contains(got, "<IsPublic>true</IsPublic>") {
		t.Errorf("status = %s", got)
	}
	a.ok("DELETE", "/box?policy", nil, "")
	a.ok("DELETE", "/box?policy", nil, "")
	if got := a.ok("GET", "/box?policyStatus", nil, "").body; !strings.Contains(got, "<IsPublic>false</IsPublic>") {
		t.Errorf("status = %s", got)
	}
}

// TestPolicyOpens: each action opens its operations, to those it names.
func TestPolicyOpens(t *testing.T) {
	c := newPair(t)
	c.ann.ok("PUT", "/box/k", nil, "x")
	c.ann.ok("PUT", "/box?versioning", nil, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	for _, tt := range []struct{ action, resource, method, target, body string }{
		{"s3:ListBucket", "box", "GET", "/box", ""},
		{"s3:ListBucket", "box", "HEAD", "/box", ""},
		{"s3:ListBucketVersions", "box", "GET", "/box?versions", ""},
		{"s3:ListBucketMultipartUploads", "box", "GET", "/box?uploads", ""},
		{"s3:GetBucketLocation", "box", "GET", "/box?location", ""},
		{"s3:GetBucketAcl", "box", "GET", "/box?acl", ""},
		{"s3:GetBucketVersioning", "box", "GET", "/box?versioning", ""},
		{"s3:GetBucketPolicy", "box", "GET", "/box?policy", ""},
		{"s3:GetBucketPublicAccessBlock", "box", "DELETE", "/box?publicAccessBlock", ""}, // does not
		{"s3:GetObject", "box/*", "GET", "/box/k", ""},
		{"s3:GetObject", "box/*", "HEAD", "/box/k", ""},
		{"s3:GetObjectVersion", "box/*", "GET", "/box/k?versionId=null", ""},
		{"s3:GetObject", "box/*", "GET", "/box/k?versionId=null", ""}, // does not
		{"s3:GetObjectAcl", "box/*", "GET", "/box/k?acl", ""},
		{"s3:GetObjectTagging", "box/k", "GET", "/box/k?tagging", ""},
		{"s3:GetObjectVersionTagging", "box/k", "GET", "/box/k?tagging&versionId=null", ""},
		{"s3:PutObject", "box/new", "PUT", "/box/new", "x"},
		{"s3:PutObject", "box/n", "PUT", "/box/new", "x"}, // does not
		{"s3:DeleteObject", "box/*", "DELETE", "/box/gone", ""},
		{"s3:DeleteObject", "box/*", "DELETE", "/box/gone?versionId=null", ""}, // does not
		{"s3:DeleteObjectVersion", "box/*", "DELETE", "/box/gone?versionId=null", ""},
		{"s3:PutObject", "box/*", "POST", "/box/new?uploads", ""},
	} {
		does := true
		switch tt.action + " " + tt.method + " " + tt.target {
		case "s3:GetBucketPublicAccessBlock DELETE /box?publicAccessBlock", "s3:GetObject GET /box/k?versionId=null",
			"s3:DeleteObject DELETE /box/gone?versionId=null":
			does = false
		}
		does = does && tt.resource != "box/n"
		c.ann.ok("PUT", "/box?policy", nil, allow(c.bob.aws(), tt.action, tt.resource))
		if r := c.bob.do(tt.method, tt.target, nil, tt.body); (r.status < 300) != does || r.status >= 300 && r.status != no {
			t.Errorf("%s on %s: bob's %s %s = %d %s", tt.action, tt.resource, tt.method, tt.target, r.status, r.body)
		}
		for who, r := range map[string]reply{"cat": c.cat.do(tt.method, tt.target, nil, tt.body), "nobody": c.ann.unsigned(tt.method, tt.target, nil, tt.body)} {
			if r.status != no {
				t.Errorf("%s on %s: %s's %s %s = %d", tt.action, tt.resource, who, tt.method, tt.target, r.status)
			}
		}
	}
	c.ann.ok("PUT", "/box?policy", nil, allow(`"*"`, "s3:GetObject", "box/*"))
	if r := c.ann.unsigned("GET", "/box/k", nil, ""); r.status != 200 || r.body != "x" {
		t.Errorf("a public object = %d %q", r.status, r.body)
	}
}

// TestDeniedOwner: a denial is for owner and admin too, but not for ever.
func TestDeniedOwner(t *testing.T) {
	c := newPair(t)
	c.ann.ok("PUT", "/box/k", nil, "x")
	c.ann.ok("PUT", "/box?policy", nil, policyOf(statement("Deny", `"*"`, "s3:*", "box*", "")))
	for _, by := range []*api{c.ann, c.root} {
		by.fails("GET", "/box/k", nil, "", 403, "AccessDenied")
		by.fails("GET", "/box/none", nil, "", 403, "AccessDenied")
		by.fails("GET", "/box", nil, "", 403, "AccessDenied")
		by.ok("GET", "/box?policy", nil, "")
	}
	c.bob.fails("DELETE", "/box?policy", nil, "", 403, "AccessDenied")
	c.root.ok("DELETE", "/box?policy", nil, "")
	c.ann.ok("GET", "/box/k", nil, "")
}

// TestDeleteObjectsAsksForEach key and version.
func TestDeleteObjectsAsksForEach(t *testing.T) {
	c := newPair(t)
	for _, key := range []string{"tmp/a", "keep/a", "tmp/b"} {
		c.ann.ok("PUT", "/box/"+key, nil, "x")
	}
	const doc = `<Delete><Object><Key>tmp/a</Key></Object><Object><Key>keep/a</Key></Object><Object><Key>tmp/b</Key><VersionId>null</VersionId></Object></Delete>`
	c.bob.fails("POST", "/box?delete", withMD5(doc), doc, 403, "AccessDenied")
	c.ann.ok("PUT", "/box?policy", nil, allow(c.bob.aws(), "s3:DeleteObject", "box/tmp/*"))
	r := c.bob.ok("POST", "/box?delete", withMD5(doc), doc)
	if strings.Count(r.body, "<Deleted>") != 1 || strings.Count(r.body, "AccessDenied") != 2 {
		t.Errorf("DeleteObjects = %s", r.body)
	}
	c.ann.absent("/box/tmp/a")
	c.ann.ok("GET", "/box/keep/a", nil, "")
	c.ann.ok("GET", "/box/tmp/b", nil, "")
}

// TestCopiesAskBothSides: what is read, in the version that is read, and what
// is written.
func TestCopiesAskBothSides(t *testing.T) {
	c := newPair(t)
	c.ann.ok("PUT", "/box/open/k", nil, "x")
	c.ann.ok("PUT", "/box/shut/k", nil, "x")
	c.ann.ok("PUT", "/box/open/tagged", headers{"x-amz-tagging": "a=b"}, "x")
	c.bob.ok("PUT", "/bobs", nil, "")
	c.ann.ok("PUT", "/box?policy", nil, allow(c.bob.aws(), "s3:GetObject", "box/open/*"))
	from := func(source string) headers { return headers{"x-amz-copy-source": source} }
	c.bob.ok("PUT", "/bobs/k", from("/box/open/k"), "")
	id := c.bob.begin("/bobs/m", nil)
	for _, source := range []string{"/box/shut/k", "box/sh%75t/k", "/box/open/../shut/k", "/box/open%2F../shut/k", "/box/open/k?versionId=null", "/box/none"} {
		c.bob.fails("PUT", "/bobs/stolen", from(source), "", 403, "AccessDenied")
		c.bob.fails("PUT", "/bobs/m?partNumber=1&uploadId="+id, from(source), "", 403, "AccessDenied")
	}
	// The tags that would travel along are another right.
	c.bob.fails("PUT", "/bobs/t", from("/box/open/tagged"), "", 403, "AccessDenied")
	c.bob.ok("PUT", "/bobs/t", headers{"x-amz-copy-source": "/box/open/tagged", "x-amz-tagging-directive": "REPLACE"}, "")
	// To read is not to write.
	c.bob.fails("PUT", "/box/open/new", from("/bobs/k"), "", 403, "AccessDenied")
	c.ann.ok("PUT", "/box?policy", nil, allow(`"*"`, "s3:*", "box*"))
	if r := c.ann.unsigned("PUT", "/box/open/new", from("/box/open/k"), ""); r.status != 403 {
		t.Errorf("nobody copies: %d", r.status)
	}
	if r := c.ann.unsigned("POST", "/box/open/new?uploads", nil, ""); r.status != 403 {
		t.Errorf("nobody begins an upload: %d", r.status)
	}
}

// TestPolicyConditions: what a policy is told of a request.
func TestPolicyConditions(t *testing.T) {
	c := newPair(t)
	c.ann.ok("PUT", "/box/k", headers{"x-amz-tagging": "Team=a"}, "x")
	every := statement("Allow", `"*"`, "s3:*", "box*", "")
	for _, tt := range []struct {
		name, condition string // of a denial
		method, target  string
		h               headers
		want            int
	}{
		{"referer", denyLike("s3:GetObject", "aws:Referer", "http://evil/*"), "GET", "/box/k", headers{"Referer": "http://evil/x"}, no},
		{"another referer", denyLike("s3:GetObject", "aws:Referer", "http://evil/*"), "GET", "/box/k", headers{"Referer": "http://good/"}, yes},
		{"address", statement("Deny", `"*"`, "s3:GetObject", "box/*", `,"Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`), "GET", "/box/k", headers{"X-Forwarded-For": "1.2.3.4"}, no},
		{"without TLS", statement("Deny", `"*"`, "s3:*", "box/*", `,"Condition":{"Bool":{"aws:SecureTransport":"false"}}`), "GET", "/box/k", nil, no},
		{"list", denyLike("s3:PutObject", "s3:x-amz-acl", "public*"), "PUT", "/box/n", headers{"X-AMZ-ACL": "public-read"}, no},
		{"source, spelt otherwise", denyLike("s3:PutObject", "s3:x-amz-copy-source", "box/k*"), "PUT", "/box/n", headers{"x-amz-copy-source": "/box/%6b"}, no},
		{"tag", denyLike("s3:GetObject", "s3:ExistingObjectTag/Team", "a"), "GET", "/box/k", nil, no},
		{"tag of another name", denyLike("s3:GetObject", "s3:ExistingObjectTag/team", "a"), "GET", "/box/k", nil, yes},
		{"tag to be", denyLike("s3:PutObject", "s3:RequestObjectTag/a", "*"), "PUT", "/box/n", headers{"x-amz-tagging": "a=b"}, no},
		{"user", denyLike("s3:GetObject", "aws:username", "bob"), "GET", "/box/k", nil, no},
		{"user by ARN", denyLike("s3:GetObject", "aws:PrincipalArn", "*:user/bob"), "GET", "/box/k", nil, no},
		{"a signature in the header", denyLike("s3:GetObject", "s3:authType", "REST-HEADER"), "GET", "/box/k", nil, no},
	} {
		c.ann.ok("PUT", "/box?policy", nil, policyOf(every, tt.condition))
		if r := c.bob.do(tt.method, tt.target, tt.h, ""); r.status != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, r.status, r.body, tt.want)
		}
	}
	prefix := `,"Condition":{"StringLike":{"s3:prefix":"home/*"},"NumericLessThanEquals":{"s3:max-keys":"10"}}`
	c.ann.ok("PUT", "/box?policy", nil, policyOf(statement("Allow", c.bob.aws(), "s3:ListBucket", "box", prefix)))
	for target, want := range map[string]int{"/box?prefix=home/&max-keys=5": yes, "/box?prefix=home/": no, "/box?prefix=other/&max-keys=5": no, "/box": no} {
		if r := c.bob.do("GET", target, nil, ""); r.status != want {
			t.Errorf("GET %s = %d, want %d", target, r.status, want)
		}
	}
}

// TestKeysAreNotPaths: a policy sees the key as it is stored.
func TestKeysAreNotPaths(t *testing.T) {
	c := newPair(t)
	c.ann.ok("PUT", "/box/secret/k", nil, "s")
	c.ann.ok("PUT", "/box?policy", nil, policyOf(statement("Allow", `"*"`, "s3:GetObject", "box/*", ""),
		statement("Deny", `"*"`, "s3:GetObject", "box/secret/*", "")))
	for _, target := range []string{"/box/secret/k", "/box/secret%2Fk", "/box/%73ecret/k", "/box/secret/k?x-id=GetObject"} {
		c.bob.fails("GET", target, nil, "", 403, "AccessDenied")
	}
	for _, target := range []string{"/box/public/../secret/k", "/box//secret/k", "/box/./secret/k"} {
		if r := c.bob.do("GET", target, nil, ""); r.status == 200 {
			t.Errorf("GET %s = %q", target, r.body)
		}
	}
}

// TestUploadLevelKeys cannot be given more than their level.
func TestUploadLevelKeys(t *testing.T) {
	c := newPair(t)
	up := c.ann.as("up", accounts.LevelUpload)
	c.ann.ok("PUT", "/box?policy", nil, allow(up.aws(), "s3:*", "box*"))
	up.ok("PUT", "/box/k", nil, "x")
	for _, op := range [][2]string{{"GET", "/box/k"}, {"GET", "/box"}, {"DELETE", "/box/k"}, {"GET", "/box?policy"}, {"DELETE", "/box?policy"}, {"PUT", "/new"}} {
		up.fails(op[0], op[1], nil, "", 403, "AccessDenied")
	}
}

// TestInitiators may see and end the upload they began, and no other.
func TestInitiators(t *testing.T) {
	c := newPair(t)
	c.ann.ok("PUT", "/box?policy", nil, policyOf(statement("Allow", c.bob.aws(), "s3:PutObject", "box/*", ""),
		statement("Allow", c.cat.aws(), "s3:PutObject", "box/*", "")))
	id := c.bob.begin("/box/m", nil)
	doc := c.bob.ok("GET", "/box/m?uploadId="+id, nil, "").body
	if !strings.Contains(doc, "<Initiator><ID>"+c.bob.id()) || !strings.Contains(doc, "<Owner><ID>"+c.ann.id()) {
		t.Errorf("ListParts = %s", doc)
	}
	c.cat.fails("GET", "/box/m?uploadId="+id, nil, "", 403, "AccessDenied")
	c.cat.fails("DELETE", "/box/m?uploadId="+id, nil, "", 403, "AccessDenied")
	c.bob.ok("DELETE", "/box/m?uploadId="+id, nil, "")
}

// TestPublicAccessBlock in its four parts.
func TestPublicAccessBlock(t *testing.T) {
	block := func(part string) string {
		return "<PublicAccessBlockConfiguration><" + part + ">true</" + part + "></PublicAccessBlockConfiguration>"
	}
	c := newCrowd(t)
	c.ann.fails("GET", "/box?publicAccessBlock", nil, "", 404, "NoSuchPublicAccessBlockConfiguration")
	c.ann.fails("PUT", "/box?publicAccessBlock", nil, block("BlockEverything"), 400, "MalformedXML")
	c.ann.fails("PUT", "/box?publicAccessBlock", nil, strings.Replace(block("IgnorePublicAcls"), "true", "maybe", 1), 400, "MalformedXML")
	public := headers{"x-amz-acl": "public-read"}
	c.ann.ok("PUT", "/box?acl", public, "")
	c.ann.ok("PUT", "/box/k", public, "x")

	c.ann.ok("PUT", "/box?publicAccessBlock", nil, block("IgnorePublicAcls"))
	if doc := c.ann.ok("GET", "/box?publicAccessBlock", nil, "").body; !strings.Contains(doc, "<IgnorePublicAcls>true<") || !strings.Contains(doc, "<BlockPublicAcls>false<") {
		t.Errorf("the block is told as %s", doc)
	}
	for _, target := range []string{"/box", "/box/k"} {
		if got, want := c.statuses("GET", target, nil, ""), ([4]int{yes, no, no, no}); got != want {
			t.Errorf("ignored: %s = %v, want %v", target, got, want)
		}
	}

	c.ann.ok("PUT", "/box?publicAccessBlock", nil, block("BlockPublicAcls"))
	for _, target := range []string{"/box?acl", "/box/k", "/box/k?acl", "/box/new"} {
		c.ann.fails("PUT", target, public, "", 403, "AccessDenied")
	}
	c.ann.fails("POST", "/box/new?uploads", public, "", 403, "AccessDenied")
	c.ann.ok("GET", "/box/k", nil, "")

	everybody := allow(`"*"`, "s3:GetObject", "box/*")
	c.ann.ok("PUT", "/box?publicAccessBlock", nil, block("BlockPublicPolicy"))
	c.ann.fails("PUT", "/box?policy", nil, everybody, 403, "AccessDenied")
	c.ann.ok("PUT", "/box?policy", nil, allow(c.bob.aws(), "s3:GetObject", "box/*"))

	c.ann.ok("DELETE", "/box?publicAccessBlock", nil, "")
	c.ann.ok("PUT", "/box/k", nil, "x")
	c.ann.ok("PUT", "/box?policy", nil, everybody)
	c.bob.ok("GET", "/box/k", nil, "")
	c.ann.ok("PUT", "/box?publicAccessBlock", nil, block("RestrictPublicBuckets"))
	if got, want := c.statuses("GET", "/box/k", nil, ""), ([4]int{yes, no, no, no}); got != want {
		t.Errorf("restricted: %v, want %v", got, want)
	}
}

// TestTagsInABody: a policy sees the tags that PutObjectTagging gives.
func TestTagsInABody(t *testing.T) {
	c := newPair(t)
	c.ann.ok("PUT", "/box/k", nil, "x")
	c.ann.ok("PUT", "/box?policy", nil, policyOf(
		statement("Allow", c.bob.aws(), "s3:PutObjectTagging", "box/*", `,"Condition":{"StringEquals":{"s3:RequestObjectTag/a":"b"}}`),
		denyLike("s3:PutObjectTagging", "s3:RequestObjectTag/secret", "*")))
	put := func(by *api, key, value string) int {
		doc := taggingDocument(key, value)
		return by.do("PUT", "/box/k?tagging", withMD5(doc), doc).status
	}
	for _, tt := range []struct {
		by         *api
		key, value string
		want       int
	}{{c.bob, "a", "b", yes}, {c.bob, "a", "c", no}, {c.cat, "a", "b", no}, {c.ann, "x", "y", yes}, {c.ann, "secret", "y", no}} {
		if got := put(tt.by, tt.key, tt.value); got != tt.want {
			t.Errorf("%s puts %s=%s: %d, want %d", tt.by.user.Name, tt.key, tt.value, got, tt.want)
		}
	}
}

// TestUnreadablePolicy: nobody gets past it, but its owner can replace it.
func TestUnreadablePolicy(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", nil, "x")
	must(t, a.buckets.SetDocument(t.Context(), a.named("box"), "policy", []byte("{damaged")))
	a.fails("GET", "/box/k", nil, "", 500, "InternalError")
	if r := a.unsigned("DELETE", "/box?policy", nil, ""); r.status != 500 {
		t.Errorf("nobody removes it: %d", r.status)
	}
	a.ok("DELETE", "/box?policy", nil, "")
	a.ok("GET", "/box/k", nil, "")
}

// TestActionsAreKnown: a policy can name what each operation asks for.
func TestActionsAreKnown(t *testing.T) {
	for _, action := range s3.Actions() {
		doc := `{"Statement":{"Effect":"Deny","Principal":"*","Action":"` + action + `","Resource":["arn:aws:s3:::box","arn:aws:s3:::box/*"]}}`
		if _, err := accesspolicy.Parse([]byte(doc), "box"); err != nil && action != "s3:ListAllMyBuckets" { // that is about no bucket
			t.Errorf("%s: %v", action, err)
		}
	}
}
