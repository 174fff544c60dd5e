package sigv4_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/sigv4"
)

// golden is what testdata/sign_botocore.py wrote; that file says how to write
// it again. botocore is the third signer that is compared, beside minio-go and
// the Go SDK, which sign as the tests run.
type golden struct {
	Time     time.Time
	Requests []struct {
		Name, Head    string // Head is Latin-1
		Body, Payload []byte // Body as sent, but for Transfer-Encoding
	}
	Forms []struct {
		Name   string
		Fields map[string]string
	}
}

func readGolden(t testing.TB) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/botocore.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Requests) < 100 || len(g.Forms) < 30 {
		t.Fatalf("only %d requests and %d forms", len(g.Requests), len(g.Forms))
	}
	return g
}

func (g golden) options(late time.Duration) sigv4.Options {
	return sigv4.Options{Region: "us-east-1", Now: func() time.Time { return g.Time.Add(late) }}
}

// latin1 is the bytes that Python wrote as the characters of s.
func latin1(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
	}
	return b.String()
}

func TestBotocoreRequests(t *testing.T) {
	g := readGolden(t)
	for _, v := range g.Requests {
		head, body := latin1(v.Head), v.Body
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		q, err := sigv4.Verify(r, docKeys, g.options(time.Minute))
		if err != nil {
			t.Errorf("%s: %v\n%s", v.Name, err, v.Head)
			continue
		}
		b, err := q.Body(r)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if got, err := b.ReadAll(1 << 20); err != nil || !bytes.Equal(got, v.Payload) {
			t.Errorf("%s: read %q, %v, want %q", v.Name, got, err, v.Payload)
		}
		if strings.Contains(head, "-TRAILER\r\n") && len(b.Trailer()) != 1 {
			t.Errorf("%s: trailer %v", v.Name, b.Trailer())
		}
		if q.AccessKey != docKey || q.Presigned != strings.Contains(v.Name, "presigned") {
			t.Errorf("%s: %+v", v.Name, q)
		}
	}
}

// TestBotocoreForms: forms signed with either version are accepted, and no
// other policy with their signature is.
func TestBotocoreForms(t *testing.T) {
	g := readGolden(t)
	for _, v := range g.Forms {
		fields := map[string]string{}
		for name, value := range v.Fields {
			fields[strings.ToLower(name)] = value
		}
		q, err := sigv4.VerifyPost(t.Context(), fields, docKeys, g.options(100*time.Hour))
		if err != nil || q.AccessKey != docKey || q.Anonymous || !q.Form {
			t.Errorf("%s: %+v, %v", v.Name, q, err)
		}
		policy, err := base64.StdEncoding.DecodeString(fields["policy"])
		if err != nil {
			t.Fatal(err)
		}
		fields["policy"] = base64.StdEncoding.EncodeToString(append(policy, ' '))
		_, err = sigv4.VerifyPost(t.Context(), fields, docKeys, g.options(0))
		wantCode(t, v.Name+" with another policy", err, "SignatureDoesNotMatch")
	}
}
