package sigv4

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A target is the path and query of a request as the client wrote them.
type target struct {
	path   string // still escaped
	params []param
}

type param struct{ name, value string } // unescaped

// newTarget prefers RequestURI, which no handler in between can have
// rewritten. A query that net/url would read in part only is refused: what is
// signed and what handlers see must be the same.
func newTarget(r *http.Request) (*target, error) {
	path, query := r.URL.EscapedPath(), r.URL.RawQuery
	if uri := r.RequestURI; uri != "" {
		if _, rest, ok := strings.Cut(uri, "://"); ok && !strings.HasPrefix(uri, "/") {
			slash := strings.IndexAny(rest, "/?")
			if slash < 0 {
				slash = len(rest)
			}
			uri = rest[slash:]
		}
		path, query, _ = strings.Cut(uri, "?")
	}
	if path == "" {
		path = "/"
	}
	t := &target{path: path}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if nameErr != nil || valueErr != nil || strings.Contains(pair, ";") {
			return nil, refuse("InvalidURI", "Couldn't parse the specified URI.")
		}
		t.params = append(t.params, param{name, value})
	}
	return t, nil
}

// get returns the values of a parameter of the signing protocol, whose names
// are compared without case so that no spelling slips past.
func (t *target) get(name string) (values []string) {
	for _, p := range t.params {
		if strings.EqualFold(p.name, name) {
			values = append(values, p.value)
		}
	}
	return values
}

func (t *target) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return t.get(name) != nil })
}

// canonicalQuery is the query as it is signed. X-Amz-Signature cannot sign
// itself.
func (t *target) canonicalQuery() string {
	encoded := make([]param, 0, len(t.params))
	for _, p := range t.params {
		if p.name != "X-Amz-Signature" {
			encoded = append(encoded, param{escape(p.name, false), escape(p.value, false)})
		}
	}
	slices.SortStableFunc(encoded, func(a, b param) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.value, b.value))
	})
	var b strings.Builder
	for i, p := range encoded {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name)
		b.WriteByte('=')
		b.WriteString(p.value)
	}
	return b.String()
}

// canonicalPaths are the forms of the path a client may have signed: escaped
// as S3 prescribes, or exactly as sent.
func (t *target) canonicalPaths() []string {
	plain, err := url.PathUnescape(t.path)
	if err != nil {
		return []string{t.path}
	}
	if again := escape(plain, true); again != t.path {
		return []string{again, t.path}
	}
	return []string{t.path}
}

// escape is UriEncode of the AWS documentation: everything but unreserved
// characters, and slashes in paths, as upper case hex.
func escape(s string, path bool) string {
	const hex = "0123456789ABCDEF"
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		clean = unreserved(s[i]) || path && s[i] == '/'
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := range len(s) {
		if c := s[i]; unreserved(c) || path && c == '/' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
