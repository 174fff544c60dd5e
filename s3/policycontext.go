package s3

import (
	"crypto/tls"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/whypfs/whypfs/internal/accesspolicy"
)

// policyRequest tells a bucket policy of a request.
func (s *server) policyRequest(c *call, q question) accesspolicy.Request {
	now := time.Now()
	return accesspolicy.Request{
		ID: c.caller(), Name: c.user.Name, Action: q.action, Bucket: q.bucket.Name, Key: q.key,
		Values: func(key string) []string { return s.conditionValues(c, q, key, now) },
	}
}

// conditionHeaders are condition keys whose value is a header's.
var conditionHeaders = map[string]string{
	"aws:referer":                                        "Referer",
	"aws:useragent":                                      "User-Agent",
	"s3:if-match":                                        "If-Match",
	"s3:if-none-match":                                   "If-None-Match",
	"s3:object-lock-legal-hold":                          "X-Amz-Object-Lock-Legal-Hold",
	"s3:object-lock-mode":                                "X-Amz-Object-Lock-Mode",
	"s3:object-lock-retain-until-date":                   "X-Amz-Object-Lock-Retain-Until-Date",
	"s3:x-amz-acl":                                       "X-Amz-Acl",
	"s3:x-amz-content-sha256":                            "X-Amz-Content-Sha256",
	"s3:x-amz-grant-full-control":                        "X-Amz-Grant-Full-Control",
	"s3:x-amz-grant-read":                                "X-Amz-Grant-Read",
	"s3:x-amz-grant-read-acp":                            "X-Amz-Grant-Read-Acp",
	"s3:x-amz-grant-write":                               "X-Amz-Grant-Write",
	"s3:x-amz-grant-write-acp":                           "X-Amz-Grant-Write-Acp",
	"s3:x-amz-metadata-directive":                        "X-Amz-Metadata-Directive",
	"s3:x-amz-object-ownership":                          "X-Amz-Object-Ownership",
	"s3:x-amz-server-side-encryption":                    sseHeader,
	"s3:x-amz-storage-class":                             "X-Amz-Storage-Class",
	"s3:x-amz-website-redirect-location":                 "X-Amz-Website-Redirect-Location",
	"s3:x-amz-server-side-encryption-aws-kms-key-id":     "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
	"s3:x-amz-server-side-encryption-customer-algorithm": "X-Amz-Server-Side-Encryption-Customer-Algorithm",
}

// conditionValues are the values of a condition key; none means that the
// request has no such key.
func (s *server) conditionValues(c *call, q question, key string, now time.Time) []string {
	if header, ok := conditionHeaders[key]; ok {
		return c.h.Values(header)
	}
	if tag, ok := strings.CutPrefix(key, "s3:existingobjecttag/"); ok {
		return q.existingTag(tag)
	}
	if tag, ok := strings.CutPrefix(key, "s3:requestobjecttag/"); ok {
		return c.requestTags()[tag]
	}
	switch key {
	case "s3:requestobjecttagkeys":
		var keys []string
		for k := range c.requestTags() {
			keys = append(keys, k)
		}
		return keys
	case "s3:versionid":
		return present(q.version)
	case "s3:prefix":
		if c.prefix != "" {
			return []string{c.prefix}
		}
		return c.listValues(q, "prefix")
	case "s3:delimiter":
		return c.listValues(q, "delimiter")
	case "s3:max-keys":
		return c.listValues(q, "max-keys")
	case "s3:x-amz-copy-source":
		return c.copySourceValues()
	case "aws:currenttime":
		return []string{now.UTC().Format(time.RFC3339)}
	case "aws:epochtime":
		return []string{strconv.FormatInt(now.Unix(), 10)}
	case "aws:resourceaccount", "s3:resourceaccount":
		return []string{ownerID(q.bucket.Owner)}
	case "aws:requestedregion":
		return []string{s.region}
	}
	if values, ok := c.connectionValues(key); ok {
		return values
	}
	return c.identityValues(key, now)
}

func present(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

// existingTag is the value of one of the tags of the object.
func (q *question) existingTag(key string) []string {
	if q.object != nil {
		for _, t := range q.object.Tags {
			if t.Key == key {
				return []string{t.Value}
			}
		}
	}
	return nil
}

// requestTags are the tags that a request gives an object.
func (c *call) requestTags() url.Values {
	if len(c.tags) > 0 {
		v := url.Values{}
		for _, t := range c.tags {
			v.Add(t.Key, t.Value)
		}
		return v
	}
	tags, err := url.ParseQuery(c.h.Get("X-Amz-Tagging"))
	if err != nil {
		return nil // the operation refuses it
	}
	return tags
}

// listValues is a parameter of a listing: on an object the same name means
// something else.
func (c *call) listValues(q question, name string) []string {
	if q.key != "" || c.prefix != "" || !c.q.Has(name) {
		return nil
	}
	return c.q[name]
}

// copySourceValues is the source of a copy as bucket/key, however it is spelt
// in the header: a policy compares what is copied.
func (c *call) copySourceValues() []string {
	v := c.h.Get("X-Amz-Copy-Source")
	if v == "" {
		return nil
	}
	path, _, _ := strings.Cut(v, "?versionId=")
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	return []string{strings.TrimPrefix(path, "/")}
}

// connectionValues tell how the request came.
func (c *call) connectionValues(key string) ([]string, bool) {
	switch key {
	case "aws:sourceip":
		// No header is believed: anybody can write one.
		a, err := netip.ParseAddrPort(c.r.RemoteAddr)
		if err != nil {
			return nil, true
		}
		return []string{a.Addr().Unmap().WithZone("").String()}, true
	case "aws:securetransport":
		return []string{strconv.FormatBool(c.r.TLS != nil)}, true
	case "s3:tlsversion":
		if c.r.TLS == nil {
			return nil, true
		}
		return present(map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"}[c.r.TLS.Version]), true
	}
	return nil, false
}

// identityValues tell who calls, and how that was proved.
func (c *call) identityValues(key string, now time.Time) []string {
	if key == "aws:principaltype" && c.anonymous() {
		return []string{"Anonymous"}
	}
	if c.anonymous() {
		return nil
	}
	switch key {
	case "aws:principaltype":
		return []string{"User"}
	case "aws:userid", "aws:principalaccount":
		return []string{c.caller()}
	case "aws:username":
		return []string{c.user.Name}
	case "aws:principalarn":
		return []string{"arn:aws:iam::" + c.caller() + ":user/" + c.user.Name}
	case "s3:signatureversion":
		if c.auth.V2 {
			return []string{"AWS"}
		}
		return []string{"AWS4-HMAC-SHA256"}
	case "s3:authtype":
		switch {
		case c.auth.Form:
			return []string{"POST"}
		case c.auth.Presigned:
			return []string{"REST-QUERY-STRING"}
		}
		return []string{"REST-HEADER"}
	case "s3:signatureage": // milliseconds
		signed, err := time.Parse("20060102T150405Z", c.signedAt())
		if err != nil {
			return nil
		}
		return []string{strconv.FormatInt(now.Sub(signed).Milliseconds(), 10)}
	}
	return nil
}

// signedAt is the time that a signature covers.
func (c *call) signedAt() string {
	for name, values := range c.q {
		if strings.EqualFold(name, "X-Amz-Date") && len(values) > 0 {
			return values[0]
		}
	}
	return c.r.Header.Get("X-Amz-Date")
}
