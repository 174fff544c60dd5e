package sigv4_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
	"github.com/whypfs/whypfs/internal/sigv4"
)

const formPolicy = "eyJleHBpcmF0aW9uIjogIjIwMTMtMDUtMjVUMDA6MDA6MDBaIiwgImNvbmRpdGlvbnMiOiBbXX0="

// signedForm is a form signed with version 4 by minio-go, with changes: a value
// of "-" takes a field away.
func signedForm(change map[string]string) map[string]string {
	f := map[string]string{
		"key": "k", "policy": formPolicy,
		"x-amz-algorithm":  "AWS4-HMAC-SHA256",
		"x-amz-credential": docKey + "/20130524/us-east-1/s3/aws4_request",
		"x-amz-date":       "20130524T000000Z",
		"x-amz-signature":  signer.PostPresignSignatureV4(formPolicy, docTime, docSecret, "us-east-1"),
	}
	return changed(f, change)
}

// oldForm is one signed with version 2.
func oldForm(change map[string]string) map[string]string {
	return changed(map[string]string{
		"key": "k", "policy": formPolicy, "awsaccesskeyid": docKey, "signature": "N2OTdWxo6j9iix8y2Qqs+UFAlO0=",
	}, change)
}

func changed(f, change map[string]string) map[string]string {
	for name, value := range change {
		f[name] = value
	}
	maps.DeleteFunc(f, func(_, value string) bool { return value == "-" })
	return f
}

func TestVerifyPost(t *testing.T) {
	type change = map[string]string
	for what, c := range map[string]struct {
		fields map[string]string
		code   string // of the refusal, "" for none
	}{
		"version 4":              {signedForm(nil), ""},
		"version 2":              {oldForm(nil), ""},
		"both":                   {signedForm(oldForm(nil)), "InvalidArgument"},
		"another policy":         {signedForm(change{"policy": "e30="}), "SignatureDoesNotMatch"},
		"another old policy":     {oldForm(change{"policy": "e30="}), "SignatureDoesNotMatch"},
		"a session":              {signedForm(change{"x-amz-security-token": ""}), "InvalidToken"},
		"no policy":              {signedForm(change{"policy": "-"}), "InvalidArgument"},
		"no old policy":          {oldForm(change{"policy": "-"}), "InvalidArgument"},
		"no signature":           {signedForm(change{"x-amz-signature": "-"}), "InvalidArgument"},
		"no old signature":       {oldForm(change{"signature": "-"}), "InvalidArgument"},
		"no algorithm":           {signedForm(change{"x-amz-algorithm": "-"}), "InvalidArgument"},
		"no date":                {signedForm(change{"x-amz-date": "-"}), "InvalidArgument"},
		"no credential":          {signedForm(change{"x-amz-credential": "-"}), "InvalidArgument"},
		"no access key":          {oldForm(change{"awsaccesskeyid": "-"}), "InvalidArgument"},
		"empty signature":        {oldForm(change{"signature": ""}), "InvalidArgument"},
		"a policy alone":         {change{"policy": formPolicy}, "InvalidArgument"},
		"wrong algorithm":        {signedForm(change{"x-amz-algorithm": "AWS4-HMAC-SHA1"}), "InvalidArgument"},
		"malformed credential":   {signedForm(change{"x-amz-credential": docKey}), "InvalidArgument"},
		"malformed signature":    {signedForm(change{"x-amz-signature": "abc"}), "InvalidArgument"},
		"malformed date":         {signedForm(change{"x-amz-date": "2013-05-24"}), "InvalidArgument"},
		"date of another day":    {signedForm(change{"x-amz-date": "20130525T000000Z"}), "InvalidArgument"},
		"another time":           {signedForm(change{"x-amz-date": "20130524T000001Z"}), ""}, // only the day is signed
		"wrong region":           {signedForm(change{"x-amz-credential": docKey + "/20130524/eu-west-1/s3/aws4_request"}), "AuthorizationHeaderMalformed"},
		"wrong service":          {signedForm(change{"x-amz-credential": docKey + "/20130524/us-east-1/sts/aws4_request"}), "AuthorizationHeaderMalformed"},
		"unknown key":            {signedForm(change{"x-amz-credential": "nobody/20130524/us-east-1/s3/aws4_request"}), "InvalidAccessKeyId"},
		"unknown old key":        {oldForm(change{"awsaccesskeyid": "nobody"}), "InvalidAccessKeyId"},
		"wrong signature":        {signedForm(change{"x-amz-signature": emptySum}), "SignatureDoesNotMatch"},
		"wrong old signature":    {oldForm(change{"signature": "N2OTdWxo6j9iix8y2Qqs+UFAlO1="}), "SignatureDoesNotMatch"},
		"old signature as hex":   {oldForm(change{"signature": "a91bead6709fc72626"}), "SignatureDoesNotMatch"},
		"old signature of nulls": {oldForm(change{"signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}), "SignatureDoesNotMatch"},
	} {
		q, err := sigv4.VerifyPost(t.Context(), c.fields, docKeys, docOptions())
		switch {
		case c.code != "":
			wantCode(t, what, err, c.code)
		case err != nil || q.Anonymous || q.AccessKey != docKey || !q.Form:
			t.Errorf("%s: %+v, %v", what, q, err)
		}
	}
	q, err := sigv4.VerifyPost(t.Context(), map[string]string{"key": "k"}, docKeys, docOptions())
	if err != nil || !q.Anonymous || q.AccessKey != "" {
		t.Errorf("no signature: %+v, %v", q, err)
	}
	broken := errors.New("disk")
	_, err = sigv4.VerifyPost(t.Context(), signedForm(nil), func(context.Context, string) (string, error) { return "", broken }, docOptions())
	if !errors.Is(err, broken) {
		t.Errorf("keys failed: %v", err)
	}
}

// FuzzPost: no form is accepted but those whose policy was signed.
func FuzzPost(f *testing.F) {
	good, old := signedForm(nil), oldForm(nil)
	f.Add(good["policy"], good["x-amz-credential"], good["x-amz-date"], good["x-amz-signature"], "", "")
	f.Add(old["policy"], "", "", "", old["awsaccesskeyid"], old["signature"])
	f.Add("", "a/b/20130524/us-east-1/s3/aws4_request", "20130524T000000Z", emptySum, "", "")
	f.Fuzz(func(t *testing.T, policy, credential, date, signature, key, oldSignature string) {
		fields := map[string]string{}
		for name, value := range map[string]string{
			"policy": policy, "x-amz-credential": credential, "x-amz-date": date, "x-amz-signature": signature,
			"awsaccesskeyid": key, "signature": oldSignature,
		} {
			if value != "" {
				fields[name] = value
			}
		}
		if credential != "" {
			fields["x-amz-algorithm"] = "AWS4-HMAC-SHA256"
		}
		q, err := sigv4.VerifyPost(t.Context(), fields, docKeys, sigv4.Options{Now: func() time.Time { return docTime }})
		if (err == nil) == (q == nil) {
			t.Fatalf("VerifyPost = %v, %v", q, err)
		}
		if err == nil && !q.Anonymous && policy != formPolicy {
			t.Fatalf("%v is accepted as %+v", fields, q)
		}
		if err == nil && q.Anonymous && len(fields) > 0 {
			t.Fatalf("%v is anonymous", fields)
		}
	})
}
