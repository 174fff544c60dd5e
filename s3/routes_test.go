package s3_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/s3"
)

// subresources S3 has or had, and some it never had.
var subresources = []string{
	"accelerate", "acl", "analytics", "annotation", "attributes", "cors", "encryption", "intelligent-tiering",
	"inventory", "legal-hold", "lifecycle", "logging", "metadataTable", "metrics", "notification", "object-lock",
	"ownershipControls", "policy", "policyStatus", "publicAccessBlock", "renameObject", "replication",
	"requestPayment", "restore", "retention", "select", "session", "tagging", "torrent", "versioning", "versions",
	"website", "x-unknown", "Acl", "partNumber=1", "append", "uploadId", "legal-hold&versionId=null",
}

func TestWritesNeverFallThrough(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", nil, "precious")
	for _, sub := range subresources {
		for _, path := range []string{"/box", "/box/", "/box/k"} {
			for _, method := range []string{"PUT", "POST", "DELETE"} {
				if sub == "uploadId" && path == "/box/k" && method != "PUT" {
					continue // a multipart operation of an upload that does not exist
				}
				r := a.do(method, path+"?"+sub, nil, "<x/>")
				// What is implemented refuses the document, or has nothing to delete.
				if r.status < 400 && (method != "DELETE" || r.status != http.StatusNoContent) || r.status == http.StatusInternalServerError {
					t.Errorf("%s %s?%s = %d %s, want a refusal", method, path, sub, r.status, r.body)
				}
				if r := a.ok("GET", "/box/k", nil, ""); r.body != "precious" {
					t.Fatalf("after %s %s?%s the object is %q", method, path, sub, r.body)
				}
			}
		}
	}
}

func TestReadsNeverFallThrough(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", nil, "precious")
	for _, sub := range subresources {
		for _, path := range []string{"/box", "/box/k"} {
			if sub == "partNumber=1" && path == "/box/k" {
				continue // that is a part of the data
			}
			r := a.do("GET", path+"?"+sub, nil, "")
			if r.body == "precious" || strings.Contains(r.body, "ListBucketResult") {
				t.Errorf("GET %s?%s = %d %s, which is data", path, sub, r.status, r.body)
			}
		}
	}
}

func TestProbes(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", nil, "x")
	for _, p := range []struct {
		target string
		status int
		want   string
	}{
		{"/box?location", 200, "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></LocationConstraint>"},
		{"/box?versioning", 200, "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></VersioningConfiguration>"},
		{"/box?acl", 200, "<Permission>FULL_CONTROL</Permission>"},
		{"/box/k?acl", 200, "<Permission>FULL_CONTROL</Permission>"},
		{"/box/k?tagging", 200, "<TagSet></TagSet>"},
		{"/box?policy", 404, "<Code>NoSuchBucketPolicy</Code>"},
		{"/box?tagging", 404, "<Code>NoSuchTagSet</Code>"},
		{"/box?cors", 404, "<Code>NoSuchCORSConfiguration</Code>"},
		{"/box?lifecycle", 404, "<Code>NoSuchLifecycleConfiguration</Code>"},
		{"/box?object-lock", 404, "<Code>ObjectLockConfigurationNotFoundError</Code>"},
		{"/box?encryption", 404, "<Code>ServerSideEncryptionConfigurationNotFoundError</Code>"},
		{"/box/k?legal-hold", 400, "<Code>InvalidRequest</Code>"},
		{"/box/none?tagging", 404, "<Code>NoSuchKey</Code>"},
		{"/none?acl", 404, "<Code>NoSuchBucket</Code>"},
		{"/box?logging", 200, "<BucketLoggingStatus"},
	} {
		r := a.do("GET", p.target, nil, "")
		if r.status != p.status || !strings.Contains(r.body, p.want) {
			t.Errorf("GET %s = %d %s, want %d with %s", p.target, r.status, r.body, p.status, p.want)
		}
		if got := r.header.Get("Content-Type"); got != "application/xml" {
			t.Errorf("GET %s: Content-Type %q", p.target, got)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", nil, "x")
	long := strings.Repeat("k", 1025)
	for _, c := range []struct {
		method, target string
		status         int
		code           string
	}{
		{"GET", "/none", 404, "NoSuchBucket"},
		{"GET", "/none/k", 404, "NoSuchBucket"},
		{"GET", "/box/none", 404, "NoSuchKey"},
		{"HEAD", "/box/none", 404, ""},
		{"PUT", "/Box", 400, "InvalidBucketName"},
		{"PUT", "/bo", 400, "InvalidBucketName"},
		{"PUT", "/box/" + long, 400, "KeyTooLongError"},
		{"GET", "/box/" + long, 400, "KeyTooLongError"},
		{"PUT", "/box/%ff", 400, "InvalidURI"},
		{"PUT", "//k", 400, "InvalidURI"},
		{"PATCH", "/box/k", 405, "MethodNotAllowed"},
		{"POST", "/", 405, "MethodNotAllowed"},
		{"POST", "/box", 412, "PreconditionFailed"},
		{"POST", "/box/k", 501, "NotImplemented"},
		{"DELETE", "/box", 409, "BucketNotEmpty"},
		{"GET", "/box/k?versionId=7", 400, "InvalidArgument"},
		{"DELETE", "/box/k?versionId=7", 400, "InvalidArgument"},
		{"GET", "/box?list-type=3", 400, "InvalidArgument"},
		{"GET", "/box?max-keys=-1", 400, "InvalidArgument"},
		{"GET", "/box?max-keys=many", 400, "InvalidArgument"},
		{"GET", "/box?encoding-type=rot13", 400, "InvalidArgument"},
		{"GET", "/box?list-type=2&continuation-token=bm90", 400, "InvalidArgument"},
		{"GET", "/box/k?partNumber=0", 400, "InvalidArgument"},
		{"GET", "/box/k?partNumber=2", 416, "InvalidPartNumber"},
	} {
		a.fails(c.method, c.target, nil, "", c.status, c.code)
	}
	if r := a.ok("GET", "/box/k", nil, ""); r.body != "x" {
		t.Errorf("the object is now %q", r.body)
	}
}

func TestRefusedHeaders(t *testing.T) {
	a := newAPI(t, s3.Options{})
	for _, c := range []struct {
		name, value string
		status      int
		code        string
	}{
		{"x-amz-acl", "public-read", 400, "AccessControlListNotSupported"},
		{"x-amz-grant-read", "id=1", 400, "InvalidArgument"},
		{"x-amz-grant-read", "uri=http://acs.amazonaws.com/groups/global/AllUsers", 400, "AccessControlListNotSupported"},
		{"x-amz-acl", "Private", 400, "InvalidArgument"},
		{"x-amz-tagging", "a=b&a=c", 400, "InvalidArgument"},
		{"x-amz-tagging", "a=?", 400, "InvalidTag"},
		{"x-amz-storage-class", "STANDARD_IA", 400, "InvalidStorageClass"},
		{"x-amz-server-side-encryption", "aws:kms", 501, "NotImplemented"},
		{"x-amz-server-side-encryption-customer-algorithm", "AES256", 501, "NotImplemented"},
		{"x-amz-object-lock-mode", "COMPLIANCE", 400, "InvalidRequest"}, // the bucket has no lock
		{"x-amz-website-redirect-location", "x", 400, "InvalidRedirectLocation"},
		{"x-amz-write-offset-bytes", "5", 501, "NotImplemented"}, // an append: to ignore it would overwrite
		{"x-amz-expected-bucket-owner", "999999999999", 403, "AccessDenied"},
		{"If-None-Match", `"abc", "def"`, 501, "NotImplemented"},
		{"If-Match", `"abc", "def"`, 501, "NotImplemented"},
		{"x-amz-checksum-crc99", "AAAA", 400, "InvalidRequest"},
		{"x-amz-trailer", "x-amz-meta-late", 400, "InvalidRequest"},
	} {
		a.fails("PUT", "/box/k", headers{c.name: c.value}, "data", c.status, c.code)
		a.absent("/box/k")
	}
	harmless := headers{
		"x-amz-acl": "bucket-owner-full-control", "x-amz-storage-class": "STANDARD",
		"x-amz-request-payer": "requester", "x-amz-server-side-encryption": "AES256",
	}
	for name, value := range harmless {
		r := a.ok("PUT", "/box/k", headers{name: value}, "data")
		if name == "x-amz-server-side-encryption" && r.header.Get(name) != value {
			t.Errorf("%s = %q, want it echoed", name, r.header.Get(name))
		}
	}
}

func TestNothingIsAnonymous(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box/k", nil, "x")
	for _, c := range []struct{ method, target string }{
		{"GET", "/box"}, {"HEAD", "/box"}, {"GET", "/box/k"}, {"HEAD", "/box/k"}, {"PUT", "/box/k"}, {"PUT", "/new"},
		{"DELETE", "/box"}, {"DELETE", "/box/k"}, {"POST", "/box?delete"}, {"GET", "/box?acl"}, {"GET", "/box/none"},
		{"GET", "/box?policy"}, {"DELETE", "/box?policy"}, {"POST", "/box/k?uploads"}, {"GET", "/box?uploads"},
	} {
		r := a.send(a.request(c.method, c.target, nil, http.NoBody))
		if r.status != http.StatusForbidden {
			t.Errorf("%s %s = %d, want 403", c.method, c.target, r.status)
		}
	}
	if r := a.send(a.request("GET", "/", nil, http.NoBody)); r.status != 200 || strings.Contains(r.body, "box") {
		t.Errorf("the buckets of nobody: %d %s", r.status, r.body)
	}
}

func TestErrorDocument(t *testing.T) {
	a := newAPI(t, s3.Options{})
	r := a.do("GET", "/box/a%20%01%3Cb", nil, "")
	id := r.header.Get("x-amz-request-id")
	if id == "" || r.header.Get("x-amz-id-2") == "" {
		t.Errorf("an error without its ids: %v", r.header)
	}
	for _, want := range []string{"<Code>NoSuchKey</Code>", "<Message>", "<RequestId>" + id, "<HostId>", "<Resource>/box/a \uFFFD&lt;b</Resource>"} {
		if !strings.Contains(r.body, want) {
			t.Errorf("error document %s lacks %s", r.body, want)
		}
	}
	if r := a.ok("GET", "/box", nil, ""); r.header.Get("x-amz-request-id") == id {
		t.Errorf("two requests have the id %s", id)
	}
}

func TestWhoMay(t *testing.T) {
	ann := newAPI(t, s3.Options{})
	ann.ok("PUT", "/box/k", nil, "x")
	bob := ann.as("bob", accounts.LevelUser)
	for _, c := range []struct{ method, target string }{
		{"GET", "/box"}, {"HEAD", "/box"}, {"GET", "/box/k"}, {"PUT", "/box/k"}, {"DELETE", "/box/k"},
		{"DELETE", "/box"}, {"GET", "/box?acl"}, {"POST", "/box/k?uploads"}, {"POST", "/box?delete"},
	} {
		bob.fails(c.method, c.target, nil, "", 403, "AccessDenied")
	}
	bob.fails("PUT", "/box", nil, "", 409, "BucketAlreadyExists")
	bob.ok("PUT", "/bobs", nil, "")
	bob.fails("PUT", "/bobs/k", headers{"x-amz-copy-source": "/box/k"}, "", 403, "AccessDenied")
	if r := bob.ok("GET", "/", nil, ""); strings.Contains(r.body, ">box<") {
		t.Errorf("bob sees ann's bucket: %s", r.body)
	}

	root := ann.as("root", accounts.LevelAdmin)
	if r := root.ok("GET", "/box/k", nil, ""); r.body != "x" {
		t.Errorf("an admin reads %q", r.body)
	}
}

func TestUploadLevelOnlyPuts(t *testing.T) {
	a := newAPI(t, s3.Options{})
	root := a.as("root", accounts.LevelAdmin)
	cam := a.as("cam", accounts.LevelUpload)
	_, err := a.buckets.CreateBucket(t.Context(), cam.user.ID, "cams", buckets.BucketOptions{})
	must(t, err)
	cam.ok("PUT", "/cams/k", nil, "frame")
	cam.ok("HEAD", "/cams", nil, "")
	cam.ok("GET", "/cams?location", nil, "") // minio-go asks before it puts
	for _, c := range []struct{ method, target string }{
		{"GET", "/cams/k"}, {"HEAD", "/cams/k"}, {"GET", "/cams"}, {"DELETE", "/cams/k"}, {"GET", "/"}, {"PUT", "/more"},
		{"POST", "/cams?delete"},
	} {
		cam.fails(c.method, c.target, nil, "", 403, "AccessDenied")
	}
	cam.fails("PUT", "/cams/k2", headers{"x-amz-copy-source": "/cams/k"}, "", 403, "AccessDenied")
	if r := root.ok("GET", "/cams/k", nil, ""); r.body != "frame" {
		t.Errorf("stored %q", r.body)
	}
}

func TestSignatureErrors(t *testing.T) {
	a := newAPI(t, s3.Options{Region: "eu-north-9"})
	a.ok("PUT", "/box/k", nil, "x")

	elsewhere := *a
	elsewhere.region = "us-east-1"
	r := elsewhere.fails("GET", "/box/k", nil, "", 400, "AuthorizationHeaderMalformed")
	if !strings.Contains(r.body, "<Region>eu-north-9</Region>") {
		t.Errorf("the error does not name the region: %s", r.body)
	}
	// SDKs ask with a HEAD, signed for any region or not signed, where a bucket is.
	unsigned, err := http.NewRequestWithContext(t.Context(), "HEAD", a.url+"/box", nil)
	must(t, err)
	for _, r := range []reply{elsewhere.fails("HEAD", "/box", nil, "", 400, ""), a.send(unsigned)} {
		if r.header.Get("X-Amz-Bucket-Region") != "eu-north-9" {
			t.Errorf("HEAD = %d %v, want the region", r.status, r.header)
		}
	}
	wrong := *a
	wrong.keys.SecretAccessKey += "x"
	wrong.fails("GET", "/box/k", nil, "", 403, "SignatureDoesNotMatch")
	wrong.fails("PUT", "/box/k2", nil, "x", 403, "SignatureDoesNotMatch")
	unknown := *a
	unknown.keys.AccessKeyID = "AKIANOBODY"
	unknown.fails("GET", "/box/k", nil, "", 403, "InvalidAccessKeyId")

	late := a.request("GET", "/box/k", nil, http.NoBody)
	late.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	must(t, v4.NewSigner().SignHTTP(t.Context(), a.keys, late, "UNSIGNED-PAYLOAD", "s3", a.region, time.Now().Add(-16*time.Minute)))
	if r := a.send(late); r.status != 403 || r.code() != "RequestTimeTooSkewed" {
		t.Errorf("a request 16 minutes old = %d %q", r.status, r.code())
	}
	if r := a.ok("GET", "/box?location", nil, ""); !strings.Contains(r.body, ">eu-north-9<") {
		t.Errorf("location = %s", r.body)
	}
	if r := a.ok("HEAD", "/box", nil, ""); r.header.Get("x-amz-bucket-region") != "eu-north-9" {
		t.Errorf("HeadBucket: %v", r.header)
	}
	a.fails("PUT", "/box", nil, "", 409, "BucketAlreadyOwnedByYou")
}

func TestCreateBucket(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.ok("PUT", "/box", nil, "") // as in S3's us-east-1
	const conf = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</CreateBucketConfiguration>`
	doc := func(inner string) string { return strings.Replace(conf, "%s", inner, 1) }
	a.ok("PUT", "/with.a.short.label", nil, doc("<LocationConstraint>us-east-1</LocationConstraint>"))
	a.ok("PUT", "/two", nil, doc(""))
	a.fails("PUT", "/three", nil, doc("<LocationConstraint>mars</LocationConstraint>"), 400, "InvalidLocationConstraint")
	a.fails("PUT", "/three", nil, doc("<LocationConstraint>ap-south-2</LocationConstraint>"), 400, "IllegalLocationConstraintException")
	a.fails("PUT", "/three", nil, doc("<LocationConstraint>EU</LocationConstraint>"), 400, "IllegalLocationConstraintException")
	a.fails("PUT", "/three", nil, doc("<Bucket><Type>Directory</Type></Bucket>"), 501, "NotImplemented")
	a.fails("PUT", "/three", nil, "<CreateBucket", 400, "MalformedXML")
	a.fails("PUT", "/three", nil, "<Other/>", 400, "MalformedXML")
	a.fails("PUT", "/three", nil, strings.Repeat(" ", 65<<10), 400, "MaxMessageLengthExceeded")
	a.fails("PUT", "/three", headers{"x-amz-object-ownership": "Mine"}, "", 400, "InvalidArgument")
	a.fails("HEAD", "/three", nil, "", 404, "")

	type list struct {
		Names []string `xml:"Buckets>Bucket>Name"`
		Owner string   `xml:"Owner>DisplayName"`
		Token string   `xml:"ContinuationToken"`
		Where []string `xml:"Buckets>Bucket>BucketRegion"`
	}
	l := parse[list](t, a.ok("GET", "/", nil, ""))
	if got := strings.Join(l.Names, " "); got != "box two with.a.short.label" || l.Owner != "ann" || l.Token != "" {
		t.Errorf("ListBuckets = %+v", l)
	}
	l = parse[list](t, a.ok("GET", "/?max-buckets=2", nil, ""))
	rest := parse[list](t, a.ok("GET", "/?max-buckets=2&continuation-token="+l.Token, nil, ""))
	if got := strings.Join(append(l.Names, rest.Names...), " "); got != "box two with.a.short.label" || len(l.Names) != 2 || rest.Token != "" {
		t.Errorf("pages of ListBuckets = %+v, %+v", l, rest)
	}
	if l = parse[list](t, a.ok("GET", "/?prefix=tw", nil, "")); strings.Join(l.Names, " ") != "two" || strings.Join(l.Where, " ") != "us-east-1" {
		t.Errorf("ListBuckets with a prefix = %+v", l)
	}
	if l = parse[list](t, a.ok("GET", "/?bucket-region=us-east-1&max-buckets=10000", nil, "")); len(l.Names) != 3 {
		t.Errorf("ListBuckets of this region = %+v", l)
	}
	if l = parse[list](t, a.ok("GET", "/?bucket-region=eu-west-1", nil, "")); len(l.Names) != 0 {
		t.Errorf("ListBuckets of another region = %+v", l)
	}
	for _, n := range []string{"0", "10001", "-1", "x"} {
		a.fails("GET", "/?max-buckets="+n, nil, "", 400, "InvalidArgument")
	}

	// gofakes3 empties a bucket on this header; ours is not to be reached by it.
	a.ok("PUT", "/two/k", nil, "x")
	a.fails("DELETE", "/two", headers{"x-minio-force-delete": "true"}, "", 409, "BucketNotEmpty")
	a.ok("DELETE", "/two/k", nil, "")
	if r := a.ok("DELETE", "/two", nil, ""); r.status != 204 {
		t.Errorf("DeleteBucket = %d", r.status)
	}
	a.fails("DELETE", "/two", nil, "", 404, "NoSuchBucket")
}

func TestVirtualHost(t *testing.T) {
	a := newAPI(t, s3.Options{Domain: "s3.example.com"})
	at := func(host, method, target, body string) reply {
		r := a.request(method, target, nil, strings.NewReader(body))
		r.Host = host
		return a.send(a.sign(r, body))
	}
	if r := at("box.s3.example.com:9000", "PUT", "/a//b", "x"); r.status != 200 {
		t.Fatalf("virtual-host PUT = %d %s", r.status, r.body)
	}
	if r := at("s3.example.com", "GET", "/box/a//b", ""); r.body != "x" {
		t.Errorf("path style GET = %d %s", r.status, r.body)
	}
	if r := at("box.S3.example.com", "GET", "/", ""); !strings.Contains(r.body, "<Key>a//b</Key>") {
		t.Errorf("virtual-host list = %d %s", r.status, r.body)
	}
	if r := at("other.s3.example.com", "GET", "/a//b", ""); r.code() != "NoSuchBucket" {
		t.Errorf("GET of another host = %d %s", r.status, r.body)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	a := newAPI(t, s3.Options{Metrics: reg})
	a.ok("PUT", "/box/k", nil, "12345")
	a.fails("PUT", "/box/k?x-unknown", nil, "", 501, "NotImplemented")
	got, err := reg.Gather()
	must(t, err)
	seen := map[string]float64{}
	for _, f := range got {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetValue())
			}
			seen[f.GetName()+" "+strings.Join(labels, " ")] = m.GetCounter().GetValue()
		}
	}
	counts := map[string]float64{
		"whypfs_s3_requests_total 2xx PutObject": 1,
		"whypfs_s3_requests_total 5xx none":      1,
		"whypfs_s3_bytes_total in":               5,
	}
	for name, want := range counts {
		if seen[name] != want {
			t.Errorf("%s = %v, want %v; have %v", name, seen[name], want, seen)
		}
	}
}
