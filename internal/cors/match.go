package cors

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Vary are the request headers that responses of a bucket with rules depend on.
const Vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"

// Actual returns the response headers for a request from origin, nil if no rule
// is for it.
func (c *Configuration) Actual(origin, method string) http.Header {
	r, pattern := c.find(origin, method, nil)
	if r == nil {
		return nil
	}
	return r.headers(origin, pattern)
}

// Preflight returns the response headers that allow a browser to make a
// request with method and the headers wanted (Access-Control-Request-Headers),
// nil if no rule does.
func (c *Configuration) Preflight(origin, method, wanted string) http.Header {
	names := split(wanted)
	r, pattern := c.find(origin, method, names)
	if r == nil {
		return nil
	}
	h := r.headers(origin, pattern)
	if len(names) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(names, ", "))
	}
	if r.MaxAge != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(*r.MaxAge)))
	}
	return h
}

// split returns the names of a list in lower case.
func split(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// find returns the first rule for a request, and the pattern its origin matches.
func (c *Configuration) find(origin, method string, headers []string) (*Rule, string) {
	for i := range c.Rules {
		r := &c.Rules[i]
		o := slices.IndexFunc(r.Origins, func(pattern string) bool { return match(pattern, origin) })
		if o >= 0 && slices.Contains(r.Methods, method) && r.allow(headers) {
			return r, r.Origins[o]
		}
	}
	return nil, ""
}

// allow says whether a page may send all of headers, which are in lower case.
func (r *Rule) allow(headers []string) bool {
	for _, h := range headers {
		if !slices.ContainsFunc(r.Headers, func(pattern string) bool { return match(strings.ToLower(pattern), h) }) {
			return false
		}
	}
	return true
}

// headers are what a browser is told. Where any origin is allowed, credentials
// are not: a browser would take no answer that says both.
func (r *Rule) headers(origin, pattern string) http.Header {
	h := http.Header{}
	if pattern == "*" {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(r.Methods, ", "))
	if len(r.Expose) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(r.Expose, ", "))
	}
	return h
}

// match compares with a pattern of at most one wildcard.
func match(pattern, s string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
}
