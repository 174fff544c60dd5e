package sigv4

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	terminator  = "aws4_request"
	timeFormat  = "20060102T150405Z"
	dateFormat  = "20060102"
	maxExpires  = 7 * 24 * time.Hour
	maxSkew     = 15 * time.Minute
	hexHashSize = 64
)

// presignedParams make a URL a presigned one. Any of them is a credential that
// was presented.
var presignedParams = []string{
	"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date",
	"X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
}

// A claim is what a request says about its signature, parsed and not yet
// believed.
type claim struct {
	credential
	headers   []string // SignedHeaders, as listed
	signature string   // 64 hex digits
	time      time.Time
	expires   time.Duration // presigned only
	presigned bool
}

// A credential is ACCESSKEY/DATE/REGION/SERVICE/aws4_request.
type credential struct {
	accessKey, date, region, service string
}

func (c credential) scope() string {
	return c.date + "/" + c.region + "/" + c.service + "/" + terminator
}

// parseCredential cuts from the right: an access key may contain slashes.
func parseCredential(s string) (credential, bool) {
	f := strings.Split(s, "/")
	n := len(f)
	if n < 5 || f[n-1] != terminator || f[n-3] == "" {
		return credential{}, false
	}
	c := credential{strings.Join(f[:n-4], "/"), f[n-4], f[n-3], f[n-2]}
	_, err := time.Parse(dateFormat, c.date)
	return c, err == nil && c.accessKey != ""
}

// parseSignedHeaders refuses a name that is given twice: the canonical request
// has the header's value for each mention, so that a short list could make it
// as long as all memory, for whoever knows an access key.
func parseSignedHeaders(s string) ([]string, bool) {
	names := strings.Split(s, ";")
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if name == "" || seen[name] || strings.ToLower(name) != name || strings.ContainsAny(name, " \t\r\n:") {
			return nil, false
		}
		seen[name] = true
	}
	return names, seen["host"]
}

func isSignature(s string) bool {
	if len(s) != hexHashSize {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// parseAuthorization reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…,
// Signature=…".
func parseAuthorization(s string) (*claim, error) {
	malformed := func(what string) error {
		return refuse("AuthorizationHeaderMalformed", "The authorization header is malformed; %s.", what)
	}
	kind, rest, ok := strings.Cut(s, " ")
	switch {
	case kind == "AWS":
		return nil, refuse("InvalidRequest", "The authorization mechanism you have provided is not supported. Please use %s.", algorithm)
	case kind != algorithm || !ok:
		return nil, refuse("InvalidArgument", "Unsupported Authorization Type")
	}
	fields := make(map[string]string, 3)
	for f := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.Trim(f, " \t"), "=")
		if _, twice := fields[name]; !ok || twice {
			return nil, malformed("a parameter is repeated or has no value")
		}
		fields[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if fields[name] == "" {
			return nil, malformed("missing " + name)
		}
	}
	if len(fields) != 3 {
		return nil, malformed("unknown parameter")
	}
	c := &claim{signature: fields["Signature"]}
	if c.credential, ok = parseCredential(fields["Credential"]); !ok {
		return nil, malformed(`the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request"`)
	}
	if c.headers, ok = parseSignedHeaders(fields["SignedHeaders"]); !ok {
		return nil, malformed("SignedHeaders must be lower case names and include host")
	}
	if !isSignature(c.signature) {
		return nil, malformed("the Signature is not 64 hexadecimal digits")
	}
	return c, nil
}

// readDate sets the time of a header-signed claim from X-Amz-Date or Date.
func (c *claim) readDate(h http.Header) error {
	s := h.Get("X-Amz-Date")
	if s == "" {
		s = h.Get("Date")
	}
	var err error
	if c.time, err = parseDate(s); err != nil {
		return refuse("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
	}
	c.time = c.time.UTC()
	if day := c.time.Format(dateFormat); day != c.date {
		return refuse("AuthorizationHeaderMalformed", "The authorization header is malformed; Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", c.date, day)
	}
	return nil
}

// parseDate reads a time as signers write it: in the signature's own form, as
// HTTP writes dates, or, as botocore fills a Date header, with a numeric zone.
func parseDate(s string) (time.Time, error) {
	if t, err := time.Parse(timeFormat, s); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.RFC1123Z, s); err == nil {
		return t, nil
	}
	return http.ParseTime(s)
}

// parsePresigned reads the X-Amz-… parameters of a presigned URL.
func parsePresigned(t *target) (*claim, error) {
	wrong := func(format string, args ...any) error {
		return refuse("AuthorizationQueryParametersError", format, args...)
	}
	values := make(map[string]string, 6)
	for _, name := range presignedParams {
		v := t.get(name)
		if len(v) != 1 || v[0] == "" {
			return nil, wrong("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
		values[name] = v[0]
	}
	if values["X-Amz-Algorithm"] != algorithm {
		return nil, wrong("X-Amz-Algorithm only supports %q", algorithm)
	}
	c := &claim{signature: values["X-Amz-Signature"], presigned: true}
	var ok bool
	if c.credential, ok = parseCredential(values["X-Amz-Credential"]); !ok {
		return nil, wrong(`Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`)
	}
	if c.headers, ok = parseSignedHeaders(values["X-Amz-SignedHeaders"]); !ok {
		return nil, wrong("X-Amz-SignedHeaders must be lower case names and include host")
	}
	if !isSignature(c.signature) {
		return nil, wrong("X-Amz-Signature must be 64 hexadecimal digits")
	}
	var err error
	if c.time, err = time.Parse(timeFormat, values["X-Amz-Date"]); err != nil {
		return nil, wrong(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	if day := c.time.Format(dateFormat); day != c.date {
		return nil, wrong("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", c.date, day)
	}
	seconds, err := strconv.ParseInt(values["X-Amz-Expires"], 10, 64)
	switch limit := int64(maxExpires / time.Second); {
	case err != nil:
		return nil, wrong("X-Amz-Expires should be a number")
	case seconds < 0:
		return nil, wrong("X-Amz-Expires must be non-negative")
	case seconds > limit:
		return nil, wrong("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be at most %d seconds", limit)
	}
	c.expires = time.Duration(seconds) * time.Second
	return c, nil
}

// checkScope compares the claim with the region and the service.
func (c *claim) checkScope(opt Options) error {
	code, prefix := "AuthorizationHeaderMalformed", "The authorization header is malformed"
	if c.presigned {
		code, prefix = "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter"
	}
	if opt.Region != "" && c.region != opt.Region {
		e := refuse(code, "%s; the region '%s' is wrong; expecting '%s'", prefix, c.region, opt.Region)
		e.Region = opt.Region
		return e
	}
	if c.service != opt.Service {
		return refuse(code, "%s; incorrect service %q. This endpoint belongs to %q.", prefix, c.service, opt.Service)
	}
	return nil
}

// check compares the claim with the clock, the region and the service.
func (c *claim) check(opt Options) error {
	if err := c.checkScope(opt); err != nil {
		return err
	}
	now := opt.Now()
	switch late := now.Sub(c.time); {
	case !c.presigned && (late > maxSkew || late < -maxSkew):
		return refuse("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	case c.presigned && late < -maxSkew:
		return refuse("AccessDenied", "Request is not valid yet")
	case c.presigned && (late > c.expires || c.expires == 0):
		return refuse("AccessDenied", "Request has expired")
	}
	return nil
}
