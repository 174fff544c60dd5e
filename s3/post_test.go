package s3_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
	"github.com/whypfs/whypfs/s3"
)

// A field of a form; the order of fields matters.
type field struct{ name, value string }

// sendForm posts fields and a file, as a browser does.
func (a *api) sendForm(target string, fields []field, filename, data string) reply {
	a.t.Helper()
	body, kind := formBody(a.t, fields, filename, data)
	r := a.request("POST", target, headers{"Content-Type": kind}, strings.NewReader(body))
	return a.send(r)
}

func formBody(t *testing.T, fields []field, filename, data string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		must(t, w.WriteField(f.name, f.value))
	}
	p, err := w.CreateFormFile("file", filename)
	must(t, err)
	_, err = io.WriteString(p, data)
	must(t, err)
	must(t, w.Close())
	return b.String(), w.FormDataContentType()
}

// policy is a policy of the conditions, in base64.
func policy(conditions string) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"expiration": %q, "conditions": [{"bucket": "box"}, ["starts-with", "$key", ""]%s]}`,
		time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05Z"), conditions))
}

// signed4 adds policy and signature to fields, in version 4.
func (a *api) signed4(conditions string, fields ...field) []field {
	now := time.Now().UTC()
	credential := a.keys.AccessKeyID + "/" + now.Format("20060102") + "/us-east-1/s3/aws4_request"
	date := now.Format("20060102T150405Z")
	p := policy(conditions + fmt.Sprintf(`, {"x-amz-algorithm": "AWS4-HMAC-SHA256"}, {"x-amz-credential": %q}, {"x-amz-date": %q}`, credential, date))
	return append(fields, field{"policy", p}, field{"X-Amz-Algorithm", "AWS4-HMAC-SHA256"}, field{"X-Amz-Credential", credential}, field{"X-Amz-Date", date},
		field{"X-Amz-Signature", signer.PostPresignSignatureV4(p, now, a.keys.SecretAccessKey, "us-east-1")})
}

// signed2 does the same in version 2.
func (a *api) signed2(conditions string, fields ...field) []field {
	p := policy(conditions)
	h := hmac.New(sha1.New, []byte(a.keys.SecretAccessKey))
	h.Write([]byte(p))
	return append(fields, field{"AWSAccessKeyId", a.keys.AccessKeyID}, field{"policy", p},
		field{"signature", base64.StdEncoding.EncodeToString(h.Sum(nil))})
}

func TestPostObject(t *testing.T) {
	a := newAPI(t, s3.Options{})
	const (
		conditions = `, ["starts-with", "$Content-Type", "text/"], ["starts-with", "$x-amz-meta-n", ""], ["starts-with", "$cache-control", ""],` +
			`["starts-with", "$tagging", ""], ["content-length-range", 1, 100], ["starts-with", "$success_action_status", ""]`
	)
	for name, sign := range map[string]func(string, ...field) []field{"v4": a.signed4, "v2": a.signed2} {
		key := "forms/" + name + "/ü +.txt"
		r := a.sendForm("/box", sign(conditions, field{"KEY", "forms/" + name + "/${filename}"}, field{"content-TYPE", "text/plain"}, field{"x-amz-meta-N", "value"},
			field{"Cache-Control", "no-store"}, field{"tagging", `<Tagging><TagSet><Tag><Key>a b</Key><Value>1=2</Value></Tag></TagSet></Tagging>`},
			field{"x-amz-checksum-crc32", "rfPzYw=="}, field{"x-ignore-this", "1"}), `C:\dir/ü +.txt`, "data")
		if r.status != 204 || r.body != "" || r.header.Get("ETag") != `"8d777f385d3dfec8815d20f7496026dc"` || r.header.Get("x-amz-meta-cid") == "" ||
			!strings.HasSuffix(r.header.Get("Location"), "/box/forms/"+name+"/%C3%BC%20+.txt") || r.header.Get("x-amz-checksum-crc32") != "rfPzYw==" {
			t.Errorf("%s: POST = %d %v %s", name, r.status, r.header, r.body)
		}
		got := a.ok("GET", "/box/"+pathOf(key), nil, "")
		if got.body != "data" || got.header.Get("Content-Type") != "text/plain" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("x-amz-meta-n") != "value" {
			t.Errorf("%s: GET = %v %q", name, got.header, got.body)
		}
		if tags := a.tags("/box/" + pathOf(key)); tags != "a b=1=2" {
			t.Errorf("%s: tags %q", name, tags)
		}
	}
}

// TestPostObjectAnswers: what a browser is told when all went well.
func TestPostObjectAnswers(t *testing.T) {
	a := newAPI(t, s3.Options{})
	const etag = "%228d777f385d3dfec8815d20f7496026dc%22"
	for _, c := range []struct {
		field, value string
		status       int
		location     string // its end
	}{
		{"success_action_status", "200", 200, "/box/a%20b"},
		{"success_action_status", "201", 201, "/box/a%20b"},
		{"success_action_status", "204", 204, "/box/a%20b"},
		{"success_action_status", "404", 204, "/box/a%20b"},
		{"success_action_redirect", "https://a.example/done", 303, "https://a.example/done?bucket=box&key=a+b&etag=" + etag},
		{"redirect", "http://a.example/?x=1", 303, "http://a.example/?x=1&bucket=box&key=a+b&etag=" + etag},
		{"success_action_redirect", "javascript:alert(1)", 204, "/box/a%20b"},
		{"success_action_redirect", "/relative", 204, "/box/a%20b"},
		{"success_action_redirect", "http://%zz/", 204, "/box/a%20b"},
	} {
		r := a.sendForm("/box", a.signed4(`, ["starts-with", "$`+c.field+`", ""]`, field{"key", "a b"}, field{c.field, c.value}), "f", "data")
		if r.status != c.status || !strings.HasSuffix(r.header.Get("Location"), c.location) {
			t.Errorf("%s %s = %d %v", c.field, c.value, r.status, r.header)
		}
		if c.status != 201 && r.body != "" {
			t.Errorf("%s %s = %q", c.field, c.value, r.body)
		}
		if c.status != 201 {
			continue
		}
		if got := parse[struct{ Location, Bucket, Key, ETag string }](t, r); got.Bucket != "box" || got.Key != "a b" ||
			got.ETag != `"8d777f385d3dfec8815d20f7496026dc"` || !strings.HasSuffix(got.Location, "/box/a%20b") {
			t.Errorf("PostResponse %s", r.body)
		}
	}
}

func TestPostObjectRefuses(t *testing.T) {
	a := newAPI(t, s3.Options{})
	bob := a.as("bob", 1)
	key := field{"key", "k"}
	tamper := func(fields []field, name, value string) []field {
		for i := range fields {
			if fields[i].name == name {
				fields[i].value = value
			}
		}
		return fields
	}
	for what, c := range map[string]struct {
		fields []field
		status int
		code   string
	}{
		"nothing":              {nil, 400, "InvalidArgument"},
		"anonymous":            {[]field{key}, 403, "AccessDenied"},
		"of another user":      {bob.signed4("", key), 403, "AccessDenied"},
		"no key":               {a.signed4(""), 400, "InvalidArgument"},
		"empty key":            {a.signed4("", field{"key", ""}), 400, "InvalidArgument"},
		"long key":             {a.signed4("", field{"key", strings.Repeat("k", 1025)}), 400, "KeyTooLongError"},
		"bad UTF-8":            {a.signed4("", field{"key", "\xff"}), 400, "InvalidURI"},
		"uncovered":            {a.signed4("", key, field{"acl", "private"}), 403, "AccessDenied"},
		"condition":            {a.signed4(`, {"x-amz-meta-a": "1"}`, key, field{"x-amz-meta-a", "2"}), 403, "AccessDenied"},
		"no policy document":   {a.signed2(`, {}`, key), 400, "InvalidPolicyDocument"},
		"another policy":       {tamper(a.signed4("", key), "policy", policy("")), 403, "SignatureDoesNotMatch"},
		"another policy, v2":   {tamper(a.signed2("", key), "policy", policy(`, {"a":"b"}`)), 403, "SignatureDoesNotMatch"},
		"no such key":          {tamper(a.signed2("", key), "AWSAccessKeyId", "nobody"), 403, "InvalidAccessKeyId"},
		"too large":            {a.signed4(`, ["content-length-range", 0, 3]`, key), 400, "EntityTooLarge"},
		"too small":            {a.signed4(`, ["content-length-range", 5, 9]`, key), 400, "EntityTooSmall"},
		"twice":                {a.signed4("", key, field{"KEY", "other"}), 400, "InvalidArgument"},
		"many fields":          {a.signed4("", key, field{"x-ignore-a", strings.Repeat("a", 20<<10)}), 400, "MaxPostPreDataLengthExceededError"},
		"very many fields":     {a.signed4("", append(make([]field, 0), repeated(3000)...)...), 400, "MaxPostPreDataLengthExceededError"},
		"wrong checksum":       {a.signed4("", key, field{"x-amz-checksum-crc32", "AAAAAA=="}), 400, "BadDigest"},
		"wrong tags":           {a.signed4(`, ["starts-with", "$tagging", ""]`, key, field{"tagging", "a=b"}), 400, "MalformedXML"},
		"line end in a header": {a.signed4(`, ["starts-with", "$cache-control", ""]`, key, field{"cache-control", "a\r\nb"}), 400, "InvalidArgument"},
		"name of no header":    {a.signed4(`, ["starts-with", "$x-amz-meta- a", ""]`, key, field{"x-amz-meta- a", "b"}), 400, "InvalidArgument"},
		"customer key":         {a.signed4(`, ["starts-with", "$x-amz-server-side-encryption-customer-key", ""]`, key, field{"x-amz-server-side-encryption-customer-key", "b"}), 501, "NotImplemented"},
		"framing":              {a.signed4(`, ["starts-with", "$x-amz-decoded-content-length", ""]`, key, field{"x-amz-decoded-content-length", "4"}), 400, "InvalidRequest"},
	} {
		if r := a.sendForm("/box", c.fields, "f", "data"); r.status != c.status || r.code() != c.code {
			t.Errorf("%s: POST = %d %s, want %d %s", what, r.status, r.body, c.status, c.code)
		}
	}
	if r := a.sendForm("/none", a.signed4("", key), "f", "data"); r.code() != "AccessDenied" { // its policy is for box
		t.Errorf("POST to another bucket = %d %s", r.status, r.body)
	}
	if p := a.list(""); len(p.Keys) != 0 {
		t.Errorf("refused forms stored %q", p.Keys)
	}
}

// repeated is n fields that a policy need not name.
func repeated(n int) (fields []field) {
	for i := range n {
		fields = append(fields, field{fmt.Sprintf("x-ignore-%d", i), ""})
	}
	return fields
}

func TestPostOfNoForm(t *testing.T) {
	a := newAPI(t, s3.Options{})
	a.fails("POST", "/box", nil, "data", 412, "PreconditionFailed")
	a.fails("POST", "/box", headers{"Content-Type": "application/x-www-form-urlencoded"}, "key=k", 412, "PreconditionFailed")
	a.fails("POST", "/box", headers{"Content-Type": "multipart/form-data; boundary=b"}, "--b--", 400, "InvalidRequest") // signed in a header
	for _, c := range []struct{ kind, body, code string }{
		{"multipart/form-data", "--b--", "MalformedPOSTRequest"},
		{"multipart/form-data; boundary=b", "", "MalformedPOSTRequest"},
		{"multipart/form-data; boundary=b", "--b--\r\n", "IncorrectNumberOfFilesInPostRequest"},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n", "MalformedPOSTRequest"},
		{"multipart/form-data; boundary=b", "--b\r\nX: " + strings.Repeat("x", 200<<10), "MaxPostPreDataLengthExceededError"},
	} {
		r := a.send(a.request("POST", "/box", headers{"Content-Type": c.kind}, strings.NewReader(c.body)))
		if r.status != 400 || r.code() != c.code {
			t.Errorf("%s %.40q = %d %s, want %s", c.kind, c.body, r.status, r.body, c.code)
		}
	}
}

// TestPostThatBreaksOff: a form stores its file whole or not at all, wherever
// it ends; what stands behind the file means nothing.
func TestPostThatBreaksOff(t *testing.T) {
	a := newAPI(t, s3.Options{})
	body, kind := formBody(t, a.signed4("", field{"key", "k"}), "f", "data of the file")
	post := func(body string) reply {
		return a.send(a.request("POST", "/box", headers{"Content-Type": kind}, strings.NewReader(body)))
	}
	whole := strings.LastIndex(body, "--\r\n") + 2
	for cut := strings.Index(body, "data of the file"); cut < whole; cut += 7 {
		if r := post(body[:cut]); r.status != 400 || r.code() != "MalformedPOSTRequest" {
			t.Errorf("cut at %d of %d: %d %s", cut, whole, r.status, r.body)
		}
	}
	if r := post(body[:whole-1]); r.code() != "MalformedPOSTRequest" {
		t.Errorf("cut before the last byte: %d %s", r.status, r.body)
	}
	a.absent("/box/k")
	boundary := body[:strings.Index(body, "\r\n")]
	behind := boundary + "\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n"
	if r := post(strings.Replace(body, boundary+"--", behind+boundary+"--", 1)); r.status != 204 {
		t.Errorf("with a field behind the file: %d %s", r.status, r.body)
	}
	if r := post(strings.Replace(body, boundary+"--", strings.Repeat(behind, 3000)+boundary+"--", 1)); r.code() != "MaxPostPreDataLengthExceededError" {
		t.Errorf("with fields without end: %d %s", r.status, r.body)
	}
	if r := a.ok("GET", "/box/k", nil, ""); r.body != "data of the file" {
		t.Errorf("GET = %q", r.body)
	}
}

// TestPostAnonymously: a form without a signature can do what the bucket lets
// everybody do, and what it leads to can be read with what a redirect adds.
func TestPostAnonymously(t *testing.T) {
	a := newAPI(t, s3.Options{Ownership: "ObjectWriter"})
	a.ok("PUT", "/open", headers{"x-amz-acl": "public-read-write"}, "")
	anonymous := []field{{"key", "k"}, {"acl", "public-read"}, {"success_action_redirect", a.url + "/open/k"}}
	r := a.sendForm("/open", anonymous, "f", "data")
	if r.status != 303 {
		t.Fatalf("POST = %d %s", r.status, r.body)
	}
	for _, target := range []string{strings.TrimPrefix(r.header.Get("Location"), a.url), "/open?bucket=open&key=k&etag=e"} {
		if r := a.send(a.request("GET", target, nil, nil)); r.status != 200 {
			t.Errorf("GET %s = %d %s", target, r.status, r.body)
		}
	}
	a.ok("PUT", "/closed", headers{"x-amz-acl": "public-read"}, "")
	if r := a.sendForm("/closed", anonymous, "f", "data"); r.status != 403 || r.code() != "AccessDenied" {
		t.Errorf("POST to a bucket closed to writers = %d %s", r.status, r.body)
	}
}

// TestPostBySignature: bucket policies tell forms from other requests, and
// versions of the signature apart.
func TestPostBySignature(t *testing.T) {
	a := newAPI(t, s3.Options{})
	for _, c := range []struct {
		condition  string
		v2, v4, in bool // allowed: in a form, in a header
	}{
		{`{"StringEquals": {"s3:signatureversion": "AWS"}}`, false, true, true},
		{`{"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}`, true, false, false},
		{`{"StringEquals": {"s3:authType": "POST"}}`, false, false, true},
		{`{"StringEquals": {"s3:authType": "REST-HEADER"}}`, true, true, false},
	} {
		doc := `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::box/*", "Condition": ` + c.condition + `}]}`
		a.ok("PUT", "/box?policy", withMD5(doc), doc)
		for what, r := range map[string]struct {
			reply
			ok bool
		}{
			"v2 form": {a.sendForm("/box", a.signed2("", field{"key", "k"}), "f", "data"), c.v2},
			"v4 form": {a.sendForm("/box", a.signed4("", field{"key", "k"}), "f", "data"), c.v4},
			"header":  {a.do("PUT", "/box/k", nil, "data"), c.in},
		} {
			if (r.status/100 == 2) != r.ok || !r.ok && r.code() != "AccessDenied" {
				t.Errorf("deny %s: %s = %d %s", c.condition, what, r.status, r.body)
			}
		}
	}
}

// TestPostLarge: a file is not held in memory, nor limited by what fields are.
func TestPostLarge(t *testing.T) {
	a := newAPI(t, s3.Options{})
	data := strings.Repeat("0123456789abcdef", 5<<20/16)
	if r := a.sendForm("/box", a.signed4("", field{"key", "large"}), "f", data); r.status != http.StatusNoContent {
		t.Fatalf("POST = %d %s", r.status, r.body)
	}
	if r := a.ok("GET", "/box/large", nil, ""); r.body != data {
		t.Errorf("GET = %d bytes", len(r.body))
	}
}
