package s3

import (
	"crypto/tls"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whypfs/whypfs/buckets"
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
	"s3:x-amz-acl":                                       "X-Amz-Acl",
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
		return meant(c.h.Values(header))
	}
	if tag, ok := strings.CutPrefix(key, "s3:existingobjecttag/"); ok {
		return q.existingTag(tag)
	}
	if tag, ok := strings.CutPrefix(key, "s3:requestobjecttag/"); ok {
		return tagValue(c.requestTags(), tag)
	}
	switch key {
	case "s3:requestobjecttagkeys":
		var keys []string
		for _, t := range c.requestTags() {
			keys = append(keys, t.Key)
		}
		return keys
	case "s3:versionid":
		return present(q.version)
	case "s3:prefix":
		if q.prefix != "" {
			return []string{q.prefix}
		}
		return c.listValues(q, "prefix")
	case "s3:delimiter":
		return c.listValues(q, "delimiter")
	case "s3:max-keys":
		return c.listValues(q, "max-keys")
	case "s3:x-amz-copy-source":
		return c.copySourceValues()
	case "s3:objectcreationoperation":
		return c.creates()
	case "s3:if-match", "s3:if-none-match":
		return c.writeConditionValues(q, key)
	case "s3:object-lock-mode", "s3:object-lock-retain-until-date", "s3:object-lock-remaining-retention-days", "s3:object-lock-legal-hold":
		return c.lockValues(key, now)
	case "s3:x-amz-content-sha256":
		return present(c.auth.Payload)
	case "aws:viaawsservice":
		return []string{"false"}
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

func present(v string) []string { return meant([]string{v}) }

// meant are the values of a header that the operation will look at. One that is
// empty asks for nothing, and must not pass for one that does.
func meant(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
}

// existingTag is the value of one of the tags of the object.
func (q *question) existingTag(key string) []string {
	if q.object == nil {
		return nil
	}
	return tagValue(q.object.Tags, key)
}

func tagValue(tags []buckets.Tag, key string) []string {
	for _, t := range tags {
		if t.Key == key {
			return []string{t.Value}
		}
	}
	return nil
}

// requestTags are the tags that a request gives an object. A copy that keeps
// those of its source takes none from the header.
func (c *call) requestTags() []buckets.Tag {
	if len(c.tags) > 0 || c.op.copies && !c.retags() {
		return c.tags
	}
	tags, err := parseTagHeader(c.h.Get(tagHeader))
	if err != nil {
		return nil // the operation refuses it
	}
	return tags
}

// retags says whether a copy gets tags of its own.
func (c *call) retags() bool { return c.h.Get("X-Amz-Tagging-Directive") == "REPLACE" }

// creates says of an operation that writes whether it makes an object, as those
// do not that only prepare one.
func (c *call) creates() []string {
	if c.op.right.action != "s3:PutObject" {
		return nil
	}
	parts := slices.Contains([]string{opCreateUpload, opUploadPart, opUploadPartCopy}, c.op.name)
	return []string{strconv.FormatBool(!parts)}
}

// writeConditionValues are what an operation is conditional on. DeleteObjects
// has that for each key, and reads no header. To write if there is no object
// with some ETag is no condition that S3 has, and means next to nothing.
func (c *call) writeConditionValues(q question, key string) []string {
	switch none := c.h.Get("If-None-Match"); {
	case c.op.right.each:
		if key == "s3:if-match" {
			return present(q.etag)
		}
		return nil
	case key == "s3:if-match":
		return meant(c.h.Values("If-Match"))
	case none == "*":
		return []string{none}
	}
	return nil
}

// lockValues are how a request locks an object, in its headers or its body.
func (c *call) lockValues(key string, now time.Time) []string {
	l := lockRequest{c.h.Get(lockMode), c.h.Get(lockUntil), c.h.Get(lockHold)}
	if c.locks != nil {
		l = *c.locks
	}
	switch key {
	case "s3:object-lock-mode":
		return present(l.mode)
	case "s3:object-lock-legal-hold":
		return present(l.hold)
	case "s3:object-lock-retain-until-date":
		return present(l.until)
	}
	until, err := time.Parse(time.RFC3339, l.until)
	if err != nil {
		return nil // the operation refuses it
	}
	// A day that has begun counts: a limit of ten days lets ten days through.
	return []string{strconv.FormatFloat(math.Ceil(until.Sub(now).Hours()/24), 'f', 0, 64)}
}

// listValues is a parameter of a listing: on an object the same name means
// something else.
func (c *call) listValues(q question, name string) []string {
	if q.key != "" || q.prefix != "" || !c.q.Has(name) {
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
		if c.auth.Time.IsZero() {
			return nil
		}
		return []string{strconv.FormatInt(now.Sub(c.auth.Time).Milliseconds(), 10)}
	case "aws:principalisawsservice":
		return []string{"false"}
	}
	return nil
}
