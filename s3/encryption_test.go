package s3_test

import (
	"strings"
	"testing"

	"github.com/whypfs/whypfs/s3"
)

func encryption(rule string) string {
	return "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>" + rule +
		"</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
}

func TestBucketEncryption(t *testing.T) {
	a := newAPI(t, s3.Options{})
	const header = "x-amz-server-side-encryption"
	a.ok("PUT", "/box/before", nil, "x")
	doc := encryption("<SSEAlgorithm>AES256</SSEAlgorithm>")
	a.ok("PUT", "/box?encryption", nil, doc)
	if r := a.ok("GET", "/box?encryption", nil, ""); !strings.Contains(r.body, "<SSEAlgorithm>AES256</SSEAlgorithm>") {
		t.Errorf("GET = %s", r.body)
	}
	if got := a.ok("PUT", "/box/k", nil, "x").header.Get(header); got != "AES256" {
		t.Errorf("PUT tells %q", got)
	}
	up := a.ok("POST", "/box/big?uploads", nil, "")
	if got := up.header.Get(header); got != "AES256" {
		t.Errorf("CreateMultipartUpload tells %q", got)
	}
	copied := a.ok("PUT", "/box/copy", headers{"x-amz-copy-source": "/box/before"}, "")
	if got := copied.header.Get(header); got != "AES256" {
		t.Errorf("CopyObject tells %q", got)
	}
	for path, want := range map[string]string{"/box/before": "", "/box/k": "AES256", "/box/copy": "AES256"} {
		if got := a.ok("HEAD", path, nil, "").header.Get(header); got != want {
			t.Errorf("HEAD %s tells %q, want %q", path, got, want)
		}
	}
	a.ok("DELETE", "/box?encryption", nil, "")
	a.fails("GET", "/box?encryption", nil, "", 404, "ServerSideEncryptionConfigurationNotFoundError")
	if got := a.ok("PUT", "/box/k", nil, "x").header.Get(header); got != "" {
		t.Errorf("PUT without a default tells %q", got)
	}
	for _, c := range []struct {
		doc    string
		status int
		code   string
	}{
		{encryption("<SSEAlgorithm>aws:kms</SSEAlgorithm>"), 501, "NotImplemented"},
		{encryption("<SSEAlgorithm>ROT13</SSEAlgorithm>"), 400, "MalformedXML"},
		{encryption("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>"), 400, "InvalidArgument"},
		{"<ServerSideEncryptionConfiguration></ServerSideEncryptionConfiguration>", 400, "MalformedXML"},
	} {
		a.fails("PUT", "/box?encryption", nil, c.doc, c.status, c.code)
	}
}
