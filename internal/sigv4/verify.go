package sigv4

import (
	"cmp"
	"context"
	"net/http"
	"time"
)

// Keys returns the secret of accessKey. An unknown key is an error for which
// errors.Is(err, ErrNoKey); any other error is a failure of the server's own.
type Keys func(ctx context.Context, accessKey string) (secret string, err error)

// Options of Verify; the zero value works.
type Options struct {
	Region  string           // the region requests must be signed for; "" accepts any
	Service string           // default s3
	Now     func() time.Time // default time.Now
	Cache   *KeyCache        // of signing keys; nil: each request derives its own
}

func (o Options) withDefaults() Options {
	o.Service = cmp.Or(o.Service, "s3")
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Verify authenticates r before anything rewrote its path. It does not read
// the body. Refusals are *Error; other errors are failures of keys.
func Verify(r *http.Request, keys Keys, opt Options) (*Request, error) {
	opt = opt.withDefaults()
	t, err := newTarget(r)
	if err != nil {
		return nil, err
	}
	if t.has("AWSAccessKeyId", "Signature") {
		return nil, refuse("InvalidRequest", "The authorization mechanism you have provided is not supported. Please use %s.", algorithm)
	}
	auth, inHeader := r.Header["Authorization"]
	inQuery := t.has(presignedParams...)
	switch {
	case inHeader && inQuery || len(auth) > 1:
		return nil, refuse("InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	case inHeader:
		return verifyHeader(r, t, auth[0], keys, opt)
	case inQuery:
		return verifyPresigned(r, t, keys, opt)
	}
	return anonymous(r, t)
}

func verifyHeader(r *http.Request, t *target, auth string, keys Keys, opt Options) (*Request, error) {
	c, err := parseAuthorization(auth)
	if err != nil {
		return nil, err
	}
	if err := c.readDate(r.Header); err != nil {
		return nil, err
	}
	p, err := headerPayload(r.Header)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, refuse("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	}
	return verify(r, t, c, *p, []string{p.text}, keys, opt)
}

// verifyPresigned: a URL is signed over the payload its query names, or over
// UNSIGNED-PAYLOAD; who uses the URL may still declare a payload in a header,
// which then either was signed or only describes the body.
func verifyPresigned(r *http.Request, t *target, keys Keys, opt Options) (*Request, error) {
	c, err := parsePresigned(t)
	if err != nil {
		return nil, err
	}
	declared, err := headerPayload(r.Header)
	if err != nil {
		return nil, err
	}
	signed := t.get("X-Amz-Content-Sha256")
	switch {
	case len(signed) > 1 || len(signed) == 1 && declared != nil && declared.text != signed[0]:
		return nil, refuse("InvalidArgument", "x-amz-content-sha256 is given twice with different values")
	case len(signed) == 1:
		p, err := parsePayload(signed[0])
		if err != nil {
			return nil, err
		}
		return verify(r, t, c, *p, signed, keys, opt)
	case declared != nil:
		return verify(r, t, c, *declared, []string{declared.text, unsignedPayload}, keys, opt)
	}
	p := payload{text: unsignedPayload, mode: ModeUnsigned}
	if undeclaredFraming(r.Header) {
		p.mode = ModeStreamingUnsignedTrailer
	}
	return verify(r, t, c, p, []string{unsignedPayload}, keys, opt)
}

func anonymous(r *http.Request, t *target) (*Request, error) {
	// A token or any other piece of a signature is a credential, too.
	if r.Header.Get("X-Amz-Security-Token") != "" || t.has("X-Amz-Security-Token") {
		return nil, refuse("InvalidToken", "The provided token is malformed or otherwise invalid.")
	}
	q := &Request{Anonymous: true}
	p, err := headerPayload(r.Header)
	switch {
	case err != nil:
		return nil, err
	case p == nil && undeclaredFraming(r.Header):
		q.Mode = ModeStreamingUnsignedTrailer
	case p == nil:
	case p.mode == ModeStreamingSigned || p.mode == ModeStreamingSignedTrailer:
		return nil, refuse("InvalidRequest", "%s needs a signed request", p.text)
	default:
		q.Payload, q.Mode, q.sum = p.text, p.mode, p.sum
	}
	return q, nil
}

// verify compares the signature of c with those of r's canonical forms.
// payloads are the values that the last line of the canonical request may have.
func verify(r *http.Request, t *target, c *claim, p payload, payloads []string, keys Keys, opt Options) (*Request, error) {
	if err := c.check(opt); err != nil {
		return nil, err
	}
	// Keys here have no sessions; a token means the wrong credentials.
	if r.Header.Get("X-Amz-Security-Token") != "" || t.has("X-Amz-Security-Token") {
		return nil, refuse("InvalidToken", "The provided token is malformed or otherwise invalid.")
	}
	if name := c.unsigned(r.Header); name != "" {
		return nil, refuse("AccessDenied", "There were headers present in the request which were not signed: %s", name)
	}
	secret, err := secretOf(r.Context(), keys, c.accessKey)
	if err != nil {
		return nil, err
	}
	s := newSigner(secret, c, opt.Cache)
	forms := canonicalRequests(r, t, c, payloads)
	for _, form := range forms {
		if same(s.sign(s.stringToSign(algorithm, hexSHA256(form))), c.signature) {
			return &Request{
				AccessKey: c.accessKey, Presigned: c.presigned,
				Payload: p.text, Time: c.time, Mode: p.mode, sum: p.sum, chain: newChain(s, p.mode, c.signature),
			}, nil
		}
	}
	e := mismatch()
	e.CanonicalRequest = forms[0]
	e.StringToSign = s.stringToSign(algorithm, hexSHA256(forms[0]))
	return nil, e
}
