package accesspolicy

import (
	"bytes"
	"encoding/base64"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An operator makes tests of the values of a policy; fixed says that a value
// stands for itself alone. Null has no test: it asks for no value.
type operator struct {
	test    func(value string, variables bool) (t test, fixed bool, err error)
	negated bool
}

var operators = map[string]operator{
	"StringEquals":              {stringEquals, false},
	"StringNotEquals":           {stringEquals, true},
	"StringEqualsIgnoreCase":    {stringFolds, false},
	"StringNotEqualsIgnoreCase": {stringFolds, true},
	"StringLike":                {stringLike, false},
	"StringNotLike":             {stringLike, true},
	"NumericEquals":             {number(func(c int) bool { return c == 0 }), false},
	"NumericNotEquals":          {number(func(c int) bool { return c == 0 }), true},
	"NumericLessThan":           {number(func(c int) bool { return c < 0 }), false},
	"NumericLessThanEquals":     {number(func(c int) bool { return c <= 0 }), false},
	"NumericGreaterThan":        {number(func(c int) bool { return c > 0 }), false},
	"NumericGreaterThanEquals":  {number(func(c int) bool { return c >= 0 }), false},
	"DateEquals":                {date(func(c int) bool { return c == 0 }), false},
	"DateNotEquals":             {date(func(c int) bool { return c == 0 }), true},
	"DateLessThan":              {date(func(c int) bool { return c < 0 }), false},
	"DateLessThanEquals":        {date(func(c int) bool { return c <= 0 }), false},
	"DateGreaterThan":           {date(func(c int) bool { return c > 0 }), false},
	"DateGreaterThanEquals":     {date(func(c int) bool { return c >= 0 }), false},
	"Bool":                      {boolean, false},
	"BinaryEquals":              {binary, false},
	"IpAddress":                 {address, false},
	"NotIpAddress":              {address, true},
	"ArnEquals":                 {arnLike, false}, // the same as ArnLike in AWS
	"ArnLike":                   {arnLike, false},
	"ArnNotEquals":              {arnLike, true},
	"ArnNotLike":                {arnLike, true},
	"Null":                      {},
}

var errConditionValue = malformed("Policy has an invalid condition value")

func stringEquals(value string, variables bool) (test, bool, error) {
	return whole(value, variables, func(a, b string) bool { return a == b })
}

func stringFolds(value string, variables bool) (test, bool, error) {
	return whole(value, variables, strings.EqualFold)
}

// whole compares the text of a value, in which stars are stars.
func whole(value string, variables bool, same func(a, b string) bool) (test, bool, error) {
	p, err := parsePattern(value, false, variables)
	if err != nil {
		return nil, false, err
	}
	return func(r *Request, v string) bool {
		p, ok := p.expand(r)
		text := ""
		for _, e := range p {
			text += e.text
		}
		return ok && same(text, v)
	}, p.fixed(), nil
}

func stringLike(value string, variables bool) (test, bool, error) {
	p, err := parsePattern(value, true, variables)
	if err != nil {
		return nil, false, err
	}
	return func(r *Request, v string) bool {
		p, ok := p.expand(r)
		return ok && p.matches(v)
	}, p.fixed(), nil
}

// arnLike compares the six parts of an ARN one by one, so that a star does not
// reach over a colon into the next; the last part is all that is left.
func arnLike(value string, variables bool) (test, bool, error) {
	texts := splitARN(value)
	if len(texts) != 6 {
		return nil, false, errConditionValue
	}
	parts, fixed := make([]pattern, len(texts)), true
	for i, text := range texts {
		p, err := parsePattern(text, true, variables)
		if err != nil {
			return nil, false, err
		}
		parts[i], fixed = p, fixed && p.fixed()
	}
	return func(r *Request, v string) bool {
		given := strings.SplitN(v, ":", len(parts))
		if len(given) != len(parts) {
			return false
		}
		for i, p := range parts {
			p, ok := p.expand(r)
			if !ok || !p.matches(given[i]) {
				return false
			}
		}
		return true
	}, fixed, nil
}

// splitARN cuts at the first five colons that are not in the name of a variable.
func splitARN(s string) []string {
	var out []string
	start, inside := 0, false
	for i := 0; i < len(s) && len(out) < 5; i++ {
		switch {
		case strings.HasPrefix(s[i:], "${"):
			inside = true
		case s[i] == '}':
			inside = false
		case s[i] == ':' && !inside:
			out, start = append(out, s[start:i]), i+1
		}
	}
	return append(out, s[start:])
}

func number(ok func(compared int) bool) func(string, bool) (test, bool, error) {
	return func(value string, _ bool) (test, bool, error) {
		want, valid := parseNumber(value)
		if !valid {
			return nil, false, errConditionValue
		}
		return func(_ *Request, v string) bool {
			got, valid := parseNumber(v)
			switch {
			case !valid:
				return false
			case got < want:
				return ok(-1)
			case got > want:
				return ok(1)
			}
			return ok(0)
		}, true, nil
	}
}

// plainNumber leaves out what strconv reads besides: hexadecimals, Inf, 1_000.
var plainNumber = regexp.MustCompile(`^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?$`)

func parseNumber(s string) (float64, bool) {
	if !plainNumber.MatchString(s) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsInf(n, 0)
}

func date(ok func(compared int) bool) func(string, bool) (test, bool, error) {
	return func(value string, _ bool) (test, bool, error) {
		want, valid := parseDate(value)
		if !valid {
			return nil, false, errConditionValue
		}
		return func(_ *Request, v string) bool {
			got, valid := parseDate(v)
			return valid && ok(got.Compare(want))
		}, true, nil
	}
}

// parseDate reads the forms of ISO 8601 that W3C names, and seconds since 1970.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

func isBool(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

func boolean(value string, _ bool) (test, bool, error) {
	if !isBool(value) {
		return nil, false, errConditionValue
	}
	return func(_ *Request, v string) bool { return strings.EqualFold(v, value) }, true, nil
}

func binary(value string, _ bool) (test, bool, error) {
	want, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, false, errConditionValue
	}
	return func(_ *Request, v string) bool {
		got, err := base64.StdEncoding.DecodeString(v)
		return err == nil && bytes.Equal(got, want)
	}, true, nil
}

func address(value string, _ bool) (test, bool, error) {
	want, err := parseRange(value)
	if err != nil {
		return nil, false, errConditionValue
	}
	return func(_ *Request, v string) bool {
		got, err := netip.ParseAddr(v)
		return err == nil && want.Contains(got.Unmap().WithZone(""))
	}, !broad(want), nil
}

// parseRange reads an address or a range of them.
func parseRange(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err == nil && p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, err
}

// broad says whether S3 takes a range for everybody's: wider than /8, or /32
// for IPv6, unless its addresses are private.
func broad(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < 8
	}
	return p.Bits() < 32
}
