package sigv4_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/sigv4"
)

func TestAnonymous(t *testing.T) {
	for _, c := range []struct {
		name, headers string
		mode          sigv4.Mode
	}{
		{"nothing declared", "", sigv4.ModeNone},
		{"unsigned", "x-amz-content-sha256: UNSIGNED-PAYLOAD", sigv4.ModeUnsigned},
		{"hash", "x-amz-content-sha256: " + emptySum, sigv4.ModeSigned},
		// boto3 with UNSIGNED credentials frames bodies without saying so.
		{"framing", "Content-Encoding: gzip, aws-chunked\nx-amz-trailer: x-amz-checksum-crc32", sigv4.ModeStreamingUnsignedTrailer},
		// rclone copies a stored Content-Encoding back.
		{"stored encoding", "Content-Encoding: aws-chunked", sigv4.ModeNone},
	} {
		q, err := sigv4.Verify(request(t, "PUT /b/k HTTP/1.1\nHost: h\n"+c.headers, http.NoBody), docKeys, docOptions())
		if err != nil || !q.Anonymous || q.AccessKey != "" || q.Mode != c.mode {
			t.Errorf("%s: Verify = %+v, %v, want anonymous in mode %d", c.name, q, err, c.mode)
		}
	}
}

// A presented credential that is no good, and what it is refused with.
const (
	refAuth  = "Authorization: AWS4-HMAC-SHA256 "
	refSig   = "0000000000000000000000000000000000000000000000000000000000000000"
	refQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + docKey + "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=" + refSig
	refFull  = refAuth + docCred + ", SignedHeaders=host, Signature=" + refSig + "\nx-amz-date: 20130524T000000Z\nx-amz-content-sha256: " + emptySum
)

var refusals = []struct{ name, query, headers, code string }{
	{"basic", "", "Authorization: Basic Zm9vOmJhcg==", "InvalidArgument"},
	{"bearer", "", "Authorization: Bearer token", "InvalidArgument"},
	{"empty", "", "Authorization:", "InvalidArgument"},
	{"two headers", "", refFull + "\n" + refFull, "InvalidArgument"},
	{"header and query", refQuery, refFull, "InvalidArgument"},
	{"v2 header", "", "Authorization: AWS AKID:sig=", "InvalidRequest"},
	{"v2 query", "AWSAccessKeyId=AKID&Signature=sig&Expires=1", "", "InvalidRequest"},
	{"v4a", "", "Authorization: AWS4-ECDSA-P256-SHA256 Credential=x", "InvalidArgument"},
	{"algorithm only", "", "Authorization: AWS4-HMAC-SHA256", "InvalidArgument"},
	{"no fields", "", refAuth + "x", "AuthorizationHeaderMalformed"},
	{"no signature", "", refAuth + docCred + ", SignedHeaders=host", "AuthorizationHeaderMalformed"},
	{"no signed headers", "", refAuth + docCred + ", Signature=" + refSig, "AuthorizationHeaderMalformed"},
	{"no credential", "", refAuth + "SignedHeaders=host, Signature=" + refSig, "AuthorizationHeaderMalformed"},
	{"repeated field", "", refFull[:len(refAuth)] + docCred + "," + docCred + ", SignedHeaders=host, Signature=" + refSig, "AuthorizationHeaderMalformed"},
	{"unknown field", "", refAuth + docCred + ", SignedHeaders=host, Signature=" + refSig + ", More=1", "AuthorizationHeaderMalformed"},
	{"short credential", "", refAuth + "Credential=a/b/s3/aws4_request, SignedHeaders=host, Signature=" + refSig, "AuthorizationHeaderMalformed"},
	{"bad terminator", "", strings.Replace(refFull, "aws4_request", "aws5_request", 1), "AuthorizationHeaderMalformed"},
	// Each mention of a header would copy its value into the canonical request.
	{"signed header twice", "", strings.Replace(refFull, "=host", "=host;x-amz-date;x-amz-date", 1), "AuthorizationHeaderMalformed"},
	{"signed header twice in query", strings.Replace(refQuery, "=host", "=host%3Bhost", 1), "", "AuthorizationQueryParametersError"},
	{"host not signed", "", strings.Replace(refFull, "=host", "=x-amz-date", 1), "AuthorizationHeaderMalformed"},
	{"upper case header name", "", strings.Replace(refFull, "=host", "=host;X-Amz-Date", 1), "AuthorizationHeaderMalformed"},
	{"short signature", "", strings.Replace(refFull, refSig, refSig[1:], 1), "AuthorizationHeaderMalformed"},
	{"wrong region", "", strings.Replace(refFull, "us-east-1", "eu-west-1", 1), "AuthorizationHeaderMalformed"},
	{"wrong service", "", strings.Replace(refFull, "/s3/", "/ec2/", 1), "AuthorizationHeaderMalformed"},
	{"other day", "", strings.Replace(refFull, "20130524/", "20130523/", 1), "AuthorizationHeaderMalformed"},
	{"no date", "", strings.Replace(refFull, "x-amz-date", "x-other", 1), "AccessDenied"},
	{"bad date", "", strings.Replace(refFull, "20130524T000000Z", "yesterday", 1), "AccessDenied"},
	// These dates are good: only the signature is not.
	{"date of http", "", strings.Replace(refFull, "x-amz-date: 20130524T000000Z", "Date: Fri, 24 May 2013 00:00:00 GMT", 1), "SignatureDoesNotMatch"},
	{"date of botocore", "", strings.Replace(refFull, "x-amz-date: 20130524T000000Z", "Date: Fri, 24 May 2013 00:00:00 -0000", 1), "SignatureDoesNotMatch"},
	{"date elsewhere", "", strings.Replace(refFull, "x-amz-date: 20130524T000000Z", "Date: Fri, 24 May 2013 02:00:00 +0200", 1), "SignatureDoesNotMatch"},
	{"late", "", strings.Replace(refFull, "20130524T000000Z", "20130524T001501Z", 1), "RequestTimeTooSkewed"},
	{"no payload", "", strings.Replace(refFull, "x-amz-content-sha256", "x-other", 1), "InvalidRequest"},
	{"unknown payload", "", strings.Replace(refFull, emptySum, "STREAMING-SOMETHING-NEW", 1), "InvalidArgument"},
	{"ecdsa payload", "", strings.Replace(refFull, emptySum, "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", 1), "InvalidArgument"},
	{"short payload", "", strings.Replace(refFull, emptySum, emptySum[2:], 1), "InvalidArgument"},
	{"empty payload", "", strings.Replace(refFull, emptySum, "", 1), "InvalidArgument"},
	{"unsigned amz header", "", refFull + "\nx-amz-acl: public-read", "AccessDenied"},
	{"token", "", refFull + "\nx-amz-security-token: t", "InvalidToken"},
	{"token alone", "", "x-amz-security-token: t", "InvalidToken"},
	{"unknown key", "", strings.Replace(refFull, docKey, "AKIDUNKNOWN", 1), "InvalidAccessKeyId"},
	{"wrong signature", "", refFull, "SignatureDoesNotMatch"},
	{"odd query", "prefix=%zz", refFull, "InvalidURI"},
	{"semicolon", "prefix=a;versionId=b", "", "InvalidURI"},
	{"anonymous signed chunks", "", "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "InvalidRequest"},
	{"anonymous unknown payload", "", "x-amz-content-sha256: STREAMING-X", "InvalidArgument"},

	{"query signature", refQuery, "", "SignatureDoesNotMatch"},
	{"query signature alone", "X-Amz-Signature=" + refSig, "", "AuthorizationQueryParametersError"},
	{"query lower case", strings.ToLower("X-Amz-Credential=a"), "", "AuthorizationQueryParametersError"},
	{"query date alone", "X-Amz-Date=20130524T000000Z", "", "AuthorizationQueryParametersError"},
	{"query repeated", refQuery + "&X-Amz-Expires=1", "", "AuthorizationQueryParametersError"},
	{"query algorithm", strings.Replace(refQuery, "HMAC-SHA256&", "HMAC-SHA512&", 1), "", "AuthorizationQueryParametersError"},
	{"query region", strings.Replace(refQuery, "us-east-1", "eu-west-1", 1), "", "AuthorizationQueryParametersError"},
	{"query credential", strings.Replace(refQuery, "%2Faws4_request", "", 1), "", "AuthorizationQueryParametersError"},
	{"query day", strings.Replace(refQuery, "%2F20130524", "%2F20130523", 1), "", "AuthorizationQueryParametersError"},
	{"query date", strings.Replace(refQuery, "T000000Z", "", 1), "", "AuthorizationQueryParametersError"},
	{"query short signature", refQuery[:len(refQuery)-1], "", "AuthorizationQueryParametersError"},
	{"query headers", strings.Replace(refQuery, "Headers=host", "Headers=range", 1), "", "AuthorizationQueryParametersError"},
	{"expires zero", strings.Replace(refQuery, "86400", "0", 1), "", "AccessDenied"},
	{"expires negative", strings.Replace(refQuery, "86400", "-1", 1), "", "AuthorizationQueryParametersError"},
	{"expires word", strings.Replace(refQuery, "86400", "day", 1), "", "AuthorizationQueryParametersError"},
	{"expires above a week", strings.Replace(refQuery, "86400", "604801", 1), "", "AuthorizationQueryParametersError"},
	{"not valid yet", strings.Replace(refQuery, "T000000Z", "T001501Z", 1), "", "AccessDenied"},
	{"query unsigned header", refQuery, "x-amz-copy-source: /other/key", "AccessDenied"},
	{"query unknown payload", refQuery, "x-amz-content-sha256: STREAMING-X", "InvalidArgument"},
	{"query two payloads", refQuery + "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", "x-amz-content-sha256: " + emptySum, "InvalidArgument"},
}

// TestNeverDowngraded: whatever looks like a credential and is not a good one
// is refused.
func TestNeverDowngraded(t *testing.T) {
	for _, c := range refusals {
		r := request(t, "GET /b/k?"+c.query+" HTTP/1.1\nHost: h\n"+c.headers, http.NoBody)
		q, err := sigv4.Verify(r, docKeys, docOptions())
		wantCode(t, c.name, err, c.code)
		if q != nil {
			t.Errorf("%s: Verify = %+v beside its error", c.name, q)
		}
	}
}

func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		name string
		now  time.Time
		code string
	}{
		{"last second", docTime.Add(86400 * time.Second), ""},
		{"expired", docTime.Add(86401 * time.Second), "AccessDenied"},
		{"clock behind", docTime.Add(-15 * time.Minute), ""},
		{"clock far behind", docTime.Add(-15*time.Minute - time.Second), "AccessDenied"},
	} {
		opt := docOptions()
		opt.Now = func() time.Time { return c.now }
		_, err := sigv4.Verify(request(t, docPresigned, http.NoBody), docKeys, opt)
		switch {
		case c.code != "":
			wantCode(t, c.name, err, c.code)
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestRegionIsNamed(t *testing.T) {
	opt := docOptions()
	opt.Region = "eu-central-1"
	for _, head := range []string{docGet, docPresigned} {
		_, err := sigv4.Verify(request(t, head, http.NoBody), docKeys, opt)
		e := (*sigv4.Error)(nil)
		if !errors.As(err, &e) || e.Region != "eu-central-1" || e.Status != http.StatusBadRequest || !strings.Contains(e.Message, "expecting 'eu-central-1'") {
			t.Errorf("wrong region: %#v", err)
		}
	}
	opt.Region = ""
	if _, err := sigv4.Verify(request(t, docGet, http.NoBody), docKeys, opt); err != nil {
		t.Errorf("any region: %v", err)
	}
}

// TestLookupFailure: a broken store is not the client's fault and must not
// look like one.
func TestLookupFailure(t *testing.T) {
	broken := errors.New("store is gone")
	keys := func(context.Context, string) (string, error) { return "", broken }
	_, err := sigv4.Verify(request(t, docGet, http.NoBody), keys, docOptions())
	if e := (*sigv4.Error)(nil); !errors.Is(err, broken) || errors.As(err, &e) {
		t.Errorf("error %v, want the store's own", err)
	}
}

func TestMismatchShowsWhatWasSigned(t *testing.T) {
	_, err := sigv4.Verify(request(t, strings.Replace(docGet, "bytes=0-9", "bytes=0-8", 1), http.NoBody), docKeys, docOptions())
	e := (*sigv4.Error)(nil)
	if !errors.As(err, &e) || e.Status != http.StatusForbidden ||
		!strings.Contains(e.CanonicalRequest, "range:bytes=0-8\n") || !strings.HasPrefix(e.StringToSign, "AWS4-HMAC-SHA256\n20130524T000000Z\n") {
		t.Errorf("error %#v", err)
	}
	if strings.Contains(err.Error()+e.CanonicalRequest+e.StringToSign, docSecret) {
		t.Error("the error holds the secret")
	}
}

// TestEveryAlteredByte flips every byte of what a signed request covers, one
// at a time. Where the request still parses it must be refused.
func TestEveryAlteredByte(t *testing.T) {
	put, _, _ := strings.Cut(docPut, "\nContent-Length") // it is not signed there
	trailer, _, _ := strings.Cut(docTrailer, "\nConnection")
	for _, head := range []string{docGet, put, docList, docPresigned, docChunked, trailer} {
		for i := range head {
			for _, flip := range []byte{1, 2, 0x20} {
				b := []byte(head)
				b[i] ^= flip
				text := string(b)
				if equivalent(head, text) {
					continue
				}
				r, ok := tryRequest(text)
				if !ok {
					continue
				}
				if q, err := sigv4.Verify(r, docKeys, docOptions()); err == nil && !q.Anonymous {
					t.Errorf("byte %d %q → %q is accepted:\n%s", i, head[i], b[i], text)
				}
			}
		}
	}
}
