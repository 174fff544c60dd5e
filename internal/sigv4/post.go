package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// VerifyPost authenticates a form upload, whose signature is over its policy
// as the form holds it. fields are the form's, by name in lower case. A form
// without any field of a signature is anonymous. Whether the form follows the
// policy, and when that expires, is not looked at. Refusals are *Error; other
// errors are failures of keys.
//
// Forms are the one place where Signature Version 2 is accepted as well, as S3
// does: an HMAC-SHA1 that covers nothing but the policy, so that none of what
// is wrong with it for requests matters here.
func VerifyPost(ctx context.Context, fields map[string]string, keys Keys, opt Options) (*Request, error) {
	opt = opt.withDefaults()
	if _, ok := fields["x-amz-security-token"]; ok { // keys here have no sessions
		return nil, refuse("InvalidToken", "The provided token is malformed or otherwise invalid.")
	}
	v2, v4 := hasAny(fields, postV2), hasAny(fields, postV4)
	switch {
	case v2 && v4:
		return nil, refuse("InvalidArgument", "Only one auth mechanism allowed")
	case v4:
		return verifyPostV4(ctx, fields, keys, opt)
	case v2 || hasAny(fields, []string{"policy"}):
		return verifyPostV2(ctx, fields, keys)
	}
	return &Request{Anonymous: true, Form: true}, nil
}

// The fields of a signature.
var (
	postV4 = []string{"x-amz-signature", "x-amz-algorithm", "x-amz-credential", "x-amz-date"}
	postV2 = []string{"signature", "awsaccesskeyid"}
)

func hasAny(fields map[string]string, names []string) bool {
	for _, name := range names {
		if _, ok := fields[name]; ok {
			return true
		}
	}
	return false
}

// needAll refuses a form that lacks one of names.
func needAll(fields map[string]string, names ...string) error {
	for _, name := range names {
		if fields[name] == "" {
			return refuse("InvalidArgument", "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name)
		}
	}
	return nil
}

func verifyPostV4(ctx context.Context, fields map[string]string, keys Keys, opt Options) (*Request, error) {
	if err := needAll(fields, append([]string{"policy"}, postV4...)...); err != nil {
		return nil, err
	}
	c, err := parsePost(fields)
	if err != nil {
		return nil, err
	}
	if err := c.checkScope(opt); err != nil {
		return nil, err
	}
	secret, err := secretOf(ctx, keys, c.accessKey)
	if err != nil {
		return nil, err
	}
	if !same(newSigner(secret, c, opt.Cache).sign(fields["policy"]), c.signature) {
		e := mismatch()
		e.StringToSign = fields["policy"]
		return nil, e
	}
	return &Request{AccessKey: c.accessKey, Form: true, Time: c.time}, nil
}

// parsePost reads the fields of a signature. How old it may be is the policy's
// to say.
func parsePost(fields map[string]string) (*claim, error) {
	wrong := func(format string, args ...any) error { return refuse("InvalidArgument", format, args...) }
	if fields["x-amz-algorithm"] != algorithm {
		return nil, wrong("X-Amz-Algorithm only supports %q", algorithm)
	}
	c := &claim{signature: fields["x-amz-signature"]}
	var ok bool
	if c.credential, ok = parseCredential(fields["x-amz-credential"]); !ok {
		return nil, wrong(`Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`)
	}
	if !isSignature(c.signature) {
		return nil, wrong("X-Amz-Signature must be 64 hexadecimal digits")
	}
	var err error
	if c.time, err = time.Parse(timeFormat, fields["x-amz-date"]); err != nil {
		return nil, wrong(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	if day := c.time.Format(dateFormat); day != c.date {
		return nil, wrong("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", c.date, day)
	}
	return c, nil
}

func verifyPostV2(ctx context.Context, fields map[string]string, keys Keys) (*Request, error) {
	if err := needAll(fields, "policy", "signature", "awsaccesskeyid"); err != nil {
		return nil, err
	}
	key := fields["awsaccesskeyid"]
	secret, err := secretOf(ctx, keys, key)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(fields["policy"]))
	if !same(base64.StdEncoding.EncodeToString(h.Sum(nil)), fields["signature"]) {
		e := mismatch()
		e.StringToSign = fields["policy"]
		return nil, e
	}
	return &Request{AccessKey: key, Form: true, V2: true}, nil
}

// secretOf looks up the secret of an access key.
func secretOf(ctx context.Context, keys Keys, accessKey string) (string, error) {
	secret, err := keys(ctx, accessKey)
	switch {
	case errors.Is(err, ErrNoKey):
		return "", refuse("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	case err != nil:
		return "", fmt.Errorf("look up access key %q: %w", accessKey, err)
	}
	return secret, nil
}
