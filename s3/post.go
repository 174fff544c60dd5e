package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/whypfs/whypfs/internal/postpolicy"
	"github.com/whypfs/whypfs/internal/sigv4"
)

// opPostObject is the upload by a browser's form. Who calls, the key and all
// that would be headers stand in the form.
const opPostObject = "PostObject"

// openForm reads the form of a call up to its file, verifies its signature and
// policy, and makes the call what it would be as a PUT of the object: from here
// on a field is a header, and the file is the body.
func (s *server) openForm(c *call) error {
	between, err := boundary(c.r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if !c.auth.Anonymous {
		return errInvalidRequest.because("A form upload carries its signature in its fields.")
	}
	f, err := readForm(between, c.r.Body)
	if err != nil {
		return err
	}
	c.form = f
	if f.fields["key"] == "" {
		return errInvalidArgument.because("Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.").
			with("ArgumentName", "key").with("ArgumentValue", "")
	}
	// Policies are written for the key that results.
	f.fields["key"] = strings.ReplaceAll(f.fields["key"], "${filename}", f.filename())
	if c.auth, err = sigv4.VerifyPost(c.r.Context(), f.fields, s.keys(c), s.signing()); err != nil {
		return err
	}
	if err := f.followsPolicy(c.name, c.auth.Anonymous); err != nil {
		return err
	}
	if c.key = f.fields["key"]; len(c.key) > 1024 {
		return errKeyTooLong
	}
	if c.h, err = f.headers(c.r.Header); err != nil {
		return err
	}
	r := c.r.WithContext(c.r.Context()) // a copy
	r.Header, r.Body, r.ContentLength = c.h, f, -1
	c.r = r
	return refuse(c.h)
}

// followsPolicy checks a form with its policy. A form without a signature needs
// none: whoever may write to the bucket without one may write anything.
func (f *form) followsPolicy(bucket string, anonymous bool) error {
	if anonymous {
		return nil
	}
	text, err := base64.StdEncoding.DecodeString(f.fields["policy"])
	if err != nil {
		text = nil // no policy, as Parse will say
	}
	policy, err := postpolicy.Parse(text)
	if err != nil {
		return err
	}
	fields := postpolicy.Form{}
	for name, value := range f.fields {
		fields[name] = value
	}
	fields["bucket"] = bucket
	f.least, f.most = policy.MinSize, min(f.most, policy.MaxSize)
	return policy.Check(fields, time.Now())
}

// formHeaders are the fields that are a header under another name, or without
// the start that marks S3's own.
var formHeaders = map[string]string{
	"acl": "X-Amz-Acl", "content-md5": "Content-Md5", "content-type": "Content-Type",
	"cache-control": "Cache-Control", "content-disposition": "Content-Disposition",
	"content-encoding": "Content-Encoding", "content-language": "Content-Language", "expires": "Expires",
}

// headers returns the fields as the headers of a PUT. Of the request's own
// headers only those that policies look at are kept; others describe the form.
func (f *form) headers(request http.Header) (http.Header, error) {
	h := http.Header{}
	for _, name := range []string{"Referer", "User-Agent"} {
		if v := request.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	for name, value := range f.fields {
		header := formHeaders[name]
		switch {
		case name == "tagging":
			tags, err := parseTagging([]byte(value), maxObjectTags)
			if err != nil {
				return nil, err
			}
			header, value = tagHeader, formatTagHeader(tags)
		case header == "" && strings.HasPrefix(name, "x-amz-") && !signing[name]:
			if err := refuseForm(name, nil); err != nil {
				return nil, err
			}
			header = http.CanonicalHeaderKey(name)
		case header == "":
			continue
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, errInvalidArgument.because("A field cannot hold control characters.").with("ArgumentName", name)
		}
		h.Set(header, value)
	}
	return h, nil
}

func (s *server) postObject(w *response, c *call) error {
	f := c.form
	o, err := s.store(c, f.most, func() error {
		if err := f.end(); err != nil {
			return err
		}
		if f.size < f.least {
			return errTooSmall.with("ProposedSize", itoa(f.size)).with("MinSizeAllowed", itoa(f.least))
		}
		return nil
	})
	if err != nil {
		return err
	}
	h := w.Header()
	o.tell(h)
	h.Set("Location", c.location())
	if to := f.redirect(c, quote(o.ETag)); to != "" {
		h.Set("Location", to)
		h.Set("Content-Length", "0")
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	switch f.fields["success_action_status"] {
	case "200":
		h.Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
	case "201":
		return writeXML(w, http.StatusCreated, postResponse{
			Location: c.location(), Bucket: text(c.name), Key: text(c.key), ETag: quote(o.ETag),
		})
	default:
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

type postResponse struct {
	XMLName  xml.Name `xml:"PostResponse"`
	Location string
	Bucket   text
	Key      text
	ETag     string
}

// redirect is where the form wants its browser sent, "" for nowhere. As in S3
// an address that makes no sense is none.
func (f *form) redirect(c *call, etag string) string {
	to := f.fields["success_action_redirect"]
	if to == "" {
		to = f.fields["redirect"] // its name before
	}
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) {
		return ""
	}
	query := "bucket=" + url.QueryEscape(c.name) + "&key=" + url.QueryEscape(c.key) + "&etag=" + url.QueryEscape(etag)
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	return u.String()
}
