package cors

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of S3.
const (
	maxRules = 100
	maxID    = 255 // characters
)

// ErrMalformed says that a document is no configuration at all.
var ErrMalformed = errors.New("not a CORS configuration")

// An Error says in S3's words what a configuration asks for and cannot have.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

func refuse(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// A Configuration is the rules of one bucket, as the document S3 has for it.
type Configuration struct {
	XMLName xml.Name `xml:"CORSConfiguration"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"` // not looked at
	Rules   []Rule   `xml:"CORSRule"`
}

// A Rule is one rule.
type Rule struct {
	ID      string   `xml:"ID,omitempty"`
	Headers []string `xml:"AllowedHeader"` // patterns
	Methods []string `xml:"AllowedMethod"`
	Origins []string `xml:"AllowedOrigin"` // patterns
	Expose  []string `xml:"ExposeHeader"`
	MaxAge  *int32   `xml:"MaxAgeSeconds"` // nil: the browser's own
}

var methods = []string{"GET", "PUT", "POST", "DELETE", "HEAD"}

// Knows says whether a rule can name a method.
func Knows(method string) bool { return slices.Contains(methods, method) }

// Validate checks a decoded configuration. Its error is ErrMalformed or an *Error.
func (c *Configuration) Validate() error {
	if len(c.Rules) == 0 || len(c.Rules) > maxRules {
		return fmt.Errorf("%d rules: %w", len(c.Rules), ErrMalformed)
	}
	for i := range c.Rules {
		if err := c.Rules[i].validate(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) validate() error {
	switch {
	case len(r.Origins) == 0 || len(r.Methods) == 0:
		return fmt.Errorf("a rule without origin or method: %w", ErrMalformed)
	case utf8.RuneCountInString(r.ID) > maxID:
		return fmt.Errorf("an ID of more than %d characters: %w", maxID, ErrMalformed)
	case r.MaxAge != nil && *r.MaxAge < 0:
		return fmt.Errorf("a negative age: %w", ErrMalformed)
	}
	for _, m := range r.Methods {
		if !Knows(m) {
			return refuse("Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
		}
	}
	for _, o := range r.Origins {
		if strings.Count(o, "*") > 1 {
			return refuse("AllowedOrigin %q can not have more than one wildcard.", o)
		}
		if o == "" || strings.ContainsFunc(o, control) {
			return fmt.Errorf("origin %q: %w", o, ErrMalformed)
		}
	}
	for _, h := range r.Headers {
		if strings.Count(h, "*") > 1 {
			return refuse("AllowedHeader %q can not have more than one wildcard.", h)
		}
		if !headerName(strings.Replace(h, "*", "x", 1)) {
			return fmt.Errorf("header %q: %w", h, ErrMalformed)
		}
	}
	for _, h := range r.Expose {
		if strings.Contains(h, "*") {
			return refuse("ExposeHeader %q contains wildcard. We currently do not support wildcard for ExposeHeader.", h)
		}
		if !headerName(h) {
			return fmt.Errorf("header %q: %w", h, ErrMalformed)
		}
	}
	return nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// headerName says whether s can be the name of a header: a token of RFC 9110.
func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}
