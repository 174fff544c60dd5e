package s3_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/s3"
)

// A crowd are the callers of one server: ann owns the bucket box, in which
// access control lists count.
type crowd struct {
	ann, bob, cat, root *api
}

const writers = `<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>`

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	ann := newAPI(t, s3.Options{})
	ann.ok("PUT", "/box?ownershipControls", nil, writers)
	return &crowd{
		ann: ann, bob: ann.as("bob", accounts.LevelUser), cat: ann.as("cat", accounts.LevelUser),
		root: ann.as("root", accounts.LevelAdmin),
	}
}

// unsigned sends a request without credentials.
func (a *api) unsigned(method, target string, h headers, body string) reply {
	a.t.Helper()
	return a.send(a.request(method, target, h, strings.NewReader(body)))
}

// statuses sends one request as ann, bob, cat and nobody.
func (c *crowd) statuses(method, target string, h headers, body string) [4]int {
	return [4]int{
		c.ann.do(method, target, h, body).status, c.bob.do(method, target, h, body).status,
		c.cat.do(method, target, h, body).status, c.ann.unsigned(method, target, h, body).status,
	}
}

func (a *api) id() string { return fmt.Sprintf("%012d", a.user.ID) }

const (
	yes = http.StatusOK
	no  = http.StatusForbidden
)

// TestGrants: which operation each permission of a list opens, and to whom.
func TestGrants(t *testing.T) {
	operations := []struct{ method, target, body string }{
		{"GET", "/box", ""},
		{"GET", "/box?uploads", ""},
		{"GET", "/box?versions", ""},
		{"GET", "/box?acl", ""},
		{"PUT", "/box/new", "x"},
		{"PUT", "/box/k", "x"}, // what is there already
		{"DELETE", "/box/gone", ""},
		{"GET", "/box/k", ""},
		{"GET", "/box/k?acl", ""},
		{"GET", "/box/k?attributes", ""},
		{"GET", "/box/k?tagging", ""},
		{"GET", "/box?location", ""},
		{"GET", "/box?policy", ""},
		{"DELETE", "/box?policy", ""},
		{"GET", "/box?versioning", ""},
		{"GET", "/box?ownershipControls", ""},
		{"DELETE", "/box/k?versionId=null", ""},
	}
	lists, writes := "GET /box,GET /box?uploads,GET /box?versions", "PUT /box/new,PUT /box/k,DELETE /box/gone"
	for _, tt := range []struct {
		grant string // header of a list
		on    string
		opens string // operations, separated by commas
	}{
		{"read", "/box", lists},
		{"write", "/box", writes},
		{"read-acp", "/box", "GET /box?acl"},
		{"full-control", "/box", lists + "," + writes + ",GET /box?acl"},
		{"read", "/box/k", "GET /box/k,GET /box/k?attributes"},
		{"write", "/box/k", ""}, // means nothing, as in S3
		{"read-acp", "/box/k", "GET /box/k?acl"},
		{"full-control", "/box/k", "GET /box/k,GET /box/k?attributes,GET /box/k?acl"},
	} {
		c := newCrowd(t)
		h := headers{"x-amz-grant-" + tt.grant: `id="` + c.bob.id() + `"`}
		opens := "," + tt.opens + ","
		for _, op := range operations {
			// Each begins with the same object and the same list.
			c.ann.ok("PUT", "/box?acl", headers{"x-amz-acl": "private"}, "")
			c.ann.ok("PUT", "/box/k", nil, "x")
			c.ann.ok("PUT", tt.on+"?acl", h, "")
			extra := headers{}
			if strings.HasSuffix(op.target, "attributes") {
				extra["x-amz-object-attributes"] = "ETag"
			}
			want := strings.Contains(opens, ","+op.method+" "+op.target+",")
			if got := c.bob.do(op.method, op.target, extra, op.body); (got.status < 300) != want || got.status >= 300 && got.status != no {
				t.Errorf("%s on %s: bob's %s %s = %d %s", tt.grant, tt.on, op.method, op.target, got.status, got.body)
			}
			if got := c.cat.do(op.method, op.target, extra, op.body); got.status != no {
				t.Errorf("%s on %s: cat's %s %s = %d", tt.grant, tt.on, op.method, op.target, got.status)
			}
			if got := c.ann.unsigned(op.method, op.target, extra, op.body); got.status != no {
				t.Errorf("%s on %s: nobody's %s %s = %d", tt.grant, tt.on, op.method, op.target, got.status)
			}
		}
	}
}

func TestCannedLists(t *testing.T) {
	c := newCrowd(t)
	for _, tt := range []struct {
		canned          string
		list, put, read [4]int // by ann, bob, cat and nobody
	}{
		{"private", [4]int{yes, no, no, no}, [4]int{yes, no, no, no}, [4]int{yes, no, no, no}},
		{"public-read", [4]int{yes, yes, yes, yes}, [4]int{yes, no, no, no}, [4]int{yes, yes, yes, yes}},
		{"public-read-write", [4]int{yes, yes, yes, yes}, [4]int{yes, yes, yes, yes}, [4]int{yes, yes, yes, yes}},
		{"authenticated-read", [4]int{yes, yes, yes, no}, [4]int{yes, no, no, no}, [4]int{yes, yes, yes, no}},
	} {
		c.ann.ok("PUT", "/box?acl", headers{"x-amz-acl": tt.canned}, "")
		c.ann.ok("PUT", "/box/mine", headers{"x-amz-acl": tt.canned}, "x")
		if got := c.statuses("GET", "/box", nil, ""); got != tt.list {
			t.Errorf("%s: lists = %v, want %v", tt.canned, got, tt.list)
		}
		if got := c.statuses("PUT", "/box/new", nil, "x"); got != tt.put {
			t.Errorf("%s: puts = %v, want %v", tt.canned, got, tt.put)
		}
		if got := c.statuses("GET", "/box/mine", nil, ""); got != tt.read {
			t.Errorf("%s: reads = %v, want %v", tt.canned, got, tt.read)
		}
	}
	c.ann.fails("PUT", "/box?acl", headers{"x-amz-acl": "public"}, "", 400, "InvalidArgument")
	c.ann.fails("PUT", "/box?acl", nil, "", 400, "MissingSecurityHeader")
	c.ann.fails("PUT", "/box?acl", headers{"x-amz-acl": "private"}, "<x/>", 400, "UnexpectedContent")
	c.ann.fails("PUT", "/box?acl", headers{"x-amz-acl": "private", "x-amz-grant-read": "id=" + c.bob.id()}, "", 400, "InvalidRequest")
	c.ann.fails("PUT", "/box?acl", headers{"x-amz-grant-read": "id=000000000999"}, "", 400, "InvalidArgument")
	c.ann.fails("PUT", "/box?acl", headers{"x-amz-grant-read": "emailAddress=x@y"}, "", 400, "UnresolvableGrantByEmailAddress")
	c.ann.fails("PUT", "/box?acl", nil, "<AccessControlPolicy/>", 400, "MalformedACLError")
}

// TestACLDocuments: a list is told as it can be sent, its owner cannot change,
// and an empty one is not the default.
func TestACLDocuments(t *testing.T) {
	c := newCrowd(t)
	c.ann.ok("PUT", "/box/k", nil, "x")
	c.ann.ok("PUT", "/box/k?acl", headers{"x-amz-grant-read": "id=" + c.bob.id()}, "")
	doc := c.ann.ok("GET", "/box/k?acl", nil, "").body
	if !strings.Contains(doc, "<ID>"+c.bob.id()+"</ID><DisplayName>bob</DisplayName>") {
		t.Errorf("the list does not show bob: %s", doc)
	}
	c.ann.ok("PUT", "/box/k?acl", nil, doc)
	if again := c.ann.ok("GET", "/box/k?acl", nil, "").body; again != doc {
		t.Errorf("sent back, the list is\n%s, not\n%s", again, doc)
	}
	c.ann.fails("PUT", "/box/k?acl", nil, strings.Replace(doc, "<Owner><ID>"+c.ann.id(), "<Owner><ID>"+c.bob.id(), 1), 403, "AccessDenied")
	start, end := strings.Index(doc, "<Grant>"), strings.LastIndex(doc, "</Grant>")+len("</Grant>")
	c.ann.ok("PUT", "/box/k?acl", nil, doc[:start]+doc[end:])
	if now := c.ann.ok("GET", "/box/k?acl", nil, "").body; strings.Contains(now, "<Grant>") {
		t.Errorf("an empty list is told as %s", now)
	}
	c.bob.fails("GET", "/box/k", nil, "", 403, "AccessDenied")
	c.ann.ok("GET", "/box/k", nil, "") // the owner stays the owner
}

// TestMissingObjects: only who may list learns that there is no object.
func TestMissingObjects(t *testing.T) {
	c := newCrowd(t)
	if got, want := c.statuses("GET", "/box/none", nil, ""), ([4]int{404, no, no, no}); got != want {
		t.Errorf("private bucket: %v, want %v", got, want)
	}
	c.ann.ok("PUT", "/box?acl", headers{"x-amz-grant-read": "id=" + c.bob.id()}, "")
	if got, want := c.statuses("GET", "/box/none", nil, ""), ([4]int{404, 404, no, no}); got != want {
		t.Errorf("bob lists: %v, want %v", got, want)
	}
	c.cat.fails("PUT", "/box/none?acl", headers{"x-amz-acl": "private"}, "", 403, "AccessDenied")
}

// TestOwnership: whose an object is, and what that means.
func TestOwnership(t *testing.T) {
	c := newCrowd(t)
	owner := func(key string, by *api) string {
		t.Helper()
		doc := by.ok("GET", "/box/"+key+"?acl", nil, "").body
		_, rest, _ := strings.Cut(doc, "<Owner><ID>")
		id, _, _ := strings.Cut(rest, "<")
		return id
	}
	c.ann.ok("PUT", "/box?acl", headers{"x-amz-acl": "public-read-write"}, "")
	c.bob.ok("PUT", "/box/bobs", nil, "x")
	if got := owner("bobs", c.bob); got != c.bob.id() {
		t.Errorf("bob's object is %s's", got)
	}
	// What bob owns in ann's bucket is not hers to read, but hers to delete.
	c.ann.fails("GET", "/box/bobs", nil, "", 403, "AccessDenied")
	c.ann.fails("GET", "/box/bobs?acl", nil, "", 403, "AccessDenied")
	c.ann.fails("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/bobs"}, "", 403, "AccessDenied")
	c.ann.do("PUT", "/box?policy", nil, allow(`"*"`, "s3:GetObject", "box/*"))
	c.cat.fails("GET", "/box/bobs", nil, "", 403, "AccessDenied") // her policy cannot give it away either
	c.ann.ok("DELETE", "/box?policy", nil, "")
	c.bob.ok("PUT", "/box/bobs?acl", headers{"x-amz-acl": "bucket-owner-read"}, "")
	c.ann.ok("GET", "/box/bobs", nil, "")
	c.ann.ok("DELETE", "/box/bobs", nil, "")

	if r := c.ann.unsigned("PUT", "/box/nobodys", nil, "x"); r.status != 200 {
		t.Fatalf("an anonymous PUT = %d %s", r.status, r.body)
	}
	if got := owner("nobodys", c.ann); got != c.ann.id() {
		t.Errorf("nobody's object is %s's", got)
	}

	c.ann.ok("PUT", "/box?ownershipControls", nil, strings.Replace(writers, "ObjectWriter", "BucketOwnerPreferred", 1))
	c.bob.ok("PUT", "/box/given", headers{"x-amz-acl": "bucket-owner-full-control"}, "x")
	c.bob.ok("PUT", "/box/kept", nil, "x")
	if given, kept := owner("given", c.ann), owner("kept", c.bob); given != c.ann.id() || kept != c.bob.id() {
		t.Errorf("given is %s's, kept %s's", given, kept)
	}

	enforced := strings.Replace(writers, "ObjectWriter", "BucketOwnerEnforced", 1)
	c.ann.fails("PUT", "/box?ownershipControls", nil, enforced, 400, "InvalidBucketAclWithObjectOwnership")
	c.ann.ok("PUT", "/box?acl", headers{"x-amz-acl": "private"}, "")
	c.ann.ok("PUT", "/box?ownershipControls", nil, enforced)
	c.ann.ok("GET", "/box/kept", nil, "") // lists are off: all is ann's
	c.bob.fails("GET", "/box/kept", nil, "", 403, "AccessDenied")
	c.ann.fails("PUT", "/box/kept?acl", headers{"x-amz-acl": "private"}, "", 400, "AccessControlListNotSupported")
	c.ann.fails("PUT", "/box?acl", headers{"x-amz-acl": "private"}, "", 400, "AccessControlListNotSupported")
	for _, path := range []string{"/box/kept?acl", "/box?acl"} { // what holds anyway may be said again
		list := c.ann.ok("GET", path, nil, "").body
		c.ann.ok("PUT", path, nil, list)
		c.ann.ok("PUT", path, headers{"x-amz-acl": "bucket-owner-full-control"}, "")
		c.ann.fails("PUT", path, nil, strings.ReplaceAll(list, c.ann.id(), c.bob.id()), 400, "AccessControlListNotSupported")
		c.ann.fails("PUT", path, headers{"x-amz-acl": "public-read"}, list, 400, "AccessControlListNotSupported")
	}
}

// TestOwnershipOfNewBuckets: the setting, and what S3's default refuses.
func TestOwnershipOfNewBuckets(t *testing.T) {
	a := newAPI(t, s3.Options{})
	if doc := a.ok("GET", "/box?ownershipControls", nil, "").body; !strings.Contains(doc, "BucketOwnerEnforced") {
		t.Errorf("by default: %s", doc)
	}
	a.fails("PUT", "/open", headers{"x-amz-acl": "public-read"}, "", 400, "InvalidBucketAclWithObjectOwnership")
	a.fails("HEAD", "/open", nil, "", 404, "")
	a.ok("PUT", "/open", headers{"x-amz-acl": "public-read", "x-amz-object-ownership": "ObjectWriter"}, "")
	if r := a.unsigned("GET", "/open", nil, ""); r.status != 200 {
		t.Errorf("a bucket made public = %d", r.status)
	}
	a.fails("PUT", "/open", headers{"x-amz-object-ownership": "ObjectWriter"}, "", 409, "BucketAlreadyExists") // it has another list
	a.ok("DELETE", "/open?ownershipControls", nil, "")
	a.fails("GET", "/open?ownershipControls", nil, "", 404, "OwnershipControlsNotFoundError")
	if r := a.unsigned("GET", "/open", nil, ""); r.status != 200 {
		t.Errorf("without controls = %d, want lists to count", r.status)
	}

	a = newAPI(t, s3.Options{Ownership: "ObjectWriter"})
	a.ok("PUT", "/lists", headers{"x-amz-acl": "public-read"}, "")
	a.fails("GET", "/lists?ownershipControls", nil, "", 404, "OwnershipControlsNotFoundError")
	if r := a.unsigned("GET", "/lists", nil, ""); r.status != 200 {
		t.Errorf("with the setting = %d", r.status)
	}
}

// TestPublicAccess: what is told of a bucket is what a caller without
// credentials meets.
func TestPublicAccess(t *testing.T) {
	c := newCrowd(t)
	public := s3.PublicAccess(c.ann.buckets)
	c.ann.ok("PUT", "/box/k", nil, "x")
	const block = "<PublicAccessBlockConfiguration><%s>true</%[1]s></PublicAccessBlockConfiguration>"
	everybody := allow(`"*"`, "s3:ListBucket", "box")
	for _, step := range []struct {
		name, method, target, body string
		h                          headers
		want                       bool
	}{
		{name: "nothing is set", method: "HEAD", target: "/box"},
		{name: "a public list", method: "PUT", target: "/box?acl", h: headers{"x-amz-acl": "public-read"}, want: true},
		{name: "that is ignored", method: "PUT", target: "/box?publicAccessBlock", body: fmt.Sprintf(block, "IgnorePublicAcls")},
		{name: "a public policy", method: "PUT", target: "/box?policy", body: everybody, want: true},
		{name: "that is restricted", method: "PUT", target: "/box?publicAccessBlock", body: fmt.Sprintf(block, "RestrictPublicBuckets"), want: true}, // the list counts again
		{name: "and the list is private", method: "PUT", target: "/box?acl", h: headers{"x-amz-acl": "private"}},
		{name: "no block any more", method: "DELETE", target: "/box?publicAccessBlock", want: true},
		{name: "a policy for bob", method: "PUT", target: "/box?policy", body: allow(c.bob.aws(), "s3:ListBucket", "box")},
	} {
		c.ann.ok(step.method, step.target, step.h, step.body)
		b, err := c.ann.buckets.Bucket(t.Context(), "box")
		if err != nil {
			t.Fatal(err)
		}
		got, err := public(t.Context(), b)
		met := c.ann.unsigned("GET", "/box", nil, "").status == yes
		if err != nil || got != step.want || met != step.want {
			t.Errorf("%s: PublicAccess = %v, %v; nobody gets in: %v; want %v", step.name, got, err, met, step.want)
		}
	}
}
