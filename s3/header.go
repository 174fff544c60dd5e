package s3

import (
	"cmp"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/sigv4"
)

const (
	metaPrefix    = "X-Amz-Meta-"
	metaCID       = "cid" // reserved: the server tells the CID under this name
	maxMeta       = 2048  // bytes of all names and values of user metadata
	defaultType   = "binary/octet-stream"
	redirect      = "X-Amz-Website-Redirect-Location"
	checksumType  = "X-Amz-Checksum-Type"
	standardClass = "STANDARD"
)

// storage are the headers that are kept with an object and given back.
var storage = []string{
	"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires",
}

// lists are headers whose values some clients send in a line each.
var lists = []string{attributesHeader, "X-Amz-Optional-Object-Attributes"}

// unsupported are request headers that would change what an operation means.
// To ignore one would be to do something else than was asked for.
var unsupported = []string{
	"X-Amz-Write-Offset-Bytes",
	"X-Amz-Rename-Source",
}

// unsupportedPrefixes are the same for families of headers.
var unsupportedPrefixes = []string{
	"X-Amz-Server-Side-Encryption-", // customer keys and KMS
	"X-Amz-Copy-Source-Server-Side-Encryption-",
}

// refuse returns an error if h asks for something that is not implemented.
func refuse(h http.Header) error {
	for name, values := range h {
		if !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if err := refuseForm(name, values); err != nil {
			return err
		}
		if slices.Contains(unsupported, name) || hasPrefix(name, unsupportedPrefixes) {
			return errNotImplemented.with("Header", name)
		}
		if err := refuseValue(name, values[0]); err != nil {
			return err
		}
	}
	return nil
}

// refuseForm returns an error for a name that is no header's, which only the
// query of a presigned URL can hold, and for a header that is given twice: a
// signature covers both values, but not which of them comes first.
func refuseForm(name string, values []string) error {
	if strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}) {
		return errInvalidArgument.because("This is not the name of a header.").with("ArgumentName", name)
	}
	if len(values) > 1 && !strings.HasPrefix(name, metaPrefix) && !slices.Contains(lists, name) {
		return errInvalidRequest.because("A header is given more than once.").with("Header", name)
	}
	return nil
}

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// refuseValue looks at headers of which some values are supported.
func refuseValue(name, value string) error {
	switch {
	case value == "":
	case name == "X-Amz-Storage-Class" && value != standardClass && !buckets.Cold(value):
		return errInvalidStorage.with("StorageClassRequested", value)
	case name == sseHeader && value != sseS3:
		return errNotImplemented.with("Header", name)
	}
	return nil
}

// attributes reads the storage headers and user metadata of a request.
func (c *call) attributes() (buckets.Attributes, error) {
	a := buckets.Attributes{Headers: map[string]string{"Content-Type": defaultType}, Meta: map[string]string{}}
	if class := c.h.Get("X-Amz-Storage-Class"); class != standardClass {
		a.Class = class // refuseValue has looked at it
	}
	for _, name := range storage {
		v := plain(c.h.Get(name))
		if name == "Content-Encoding" {
			v = plain(sigv4.ContentEncoding(c.h))
		}
		if v != "" {
			a.Headers[name] = v
		}
	}
	size := 0
	for name, values := range c.h {
		if !strings.HasPrefix(name, metaPrefix) {
			continue
		}
		key := strings.ToLower(name[len(metaPrefix):])
		if key == "" || reserved(key) {
			continue
		}
		value := plain(strings.Join(values, ","))
		a.Meta[key] = value
		size += len(key) + len(value)
	}
	if size > maxMeta {
		return a, errMetadataTooLarge.with("Size", strconv.Itoa(size)).with("MaxSizeAllowed", strconv.Itoa(maxMeta))
	}
	importing(&a)
	var err error
	if a.Tags, err = parseTagHeader(c.h.Get(tagHeader)); err != nil {
		return a, err
	}
	if v := plain(c.h.Get(redirect)); v != "" {
		if !hasPrefix(v, []string{"/", "http://", "https://"}) {
			return a, errRedirect
		}
		a.Headers[redirect] = v
	}
	c.encrypt(&a)
	return a, c.lock(&a)
}

// mailSafe encodes what HTTP cannot carry safely in the way of RFC 2047, to the
// letter as S3 does.
func mailSafe(v string) string {
	safe := mime.BEncoding.Encode("UTF-8", v)
	if safe == v {
		return v
	}
	return strings.ReplaceAll(safe, "=?UTF-8?b?", "=?UTF-8?B?")
}

// plain makes a header value UTF-8. Some clients send Latin-1, as HTTP once said.
func plain(v string) string {
	if utf8.ValidString(v) {
		return v
	}
	r := make([]rune, len(v))
	for i := range len(v) {
		r[i] = rune(v[i])
	}
	return string(r)
}

// describe sets the headers that tell of an object: on GET and HEAD.
func (c *call) describe(h http.Header, o buckets.Object) {
	for name, v := range o.Headers {
		h.Set(name, v)
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", defaultType)
	}
	for name, v := range o.Meta {
		// Written as they are, for clients that show names as they come.
		h["x-amz-meta-"+name] = []string{mailSafe(v)}
	}
	if o.Class != "" {
		h.Set("X-Amz-Storage-Class", o.Class)
	}
	h["ETag"] = []string{quote(o.ETag)}
	tellCID(h, o)
	c.tellVersion(h, o)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Last-Modified", httpTime(o.Modified))
}

// tellMade sets the headers that tell of an object which the request made. The
// ETag is not among them: most of these operations tell it in a document. A
// version without an id of its own is not told either, unlike on reads.
func tellMade(h http.Header, o buckets.Object) {
	tellCID(h, o)
	if o.Versioned {
		h.Set(versionHeader, o.VersionID())
	}
	tellEncryption(h, o.Attributes)
}

// storageClass is that of an object as listings tell it.
func storageClass(o buckets.Object) string { return cmp.Or(o.Class, standardClass) }

func tellCID(h http.Header, o buckets.Object) {
	h["x-amz-meta-"+metaCID] = []string{o.CID.String()}
}

// whole drops what HTTP times cannot carry, so that an object is not newer
// than its own Last-Modified.
func whole(t time.Time) time.Time { return t.Truncate(time.Second) }
