package postpolicy

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A Policy is a parsed policy.
type Policy struct {
	// MinSize and MaxSize are the bytes the file may have; MaxSize is
	// math.MaxInt64 in a policy that does not limit it.
	MinSize, MaxSize int64

	expires    time.Time
	conditions []condition
}

// A Form is the fields of a form by name in lower case. "bucket" is the bucket
// the form is posted to, whatever the form says of it.
type Form map[string]string

// Parse reads the JSON of a policy. What it refuses is an *Error.
func Parse(data []byte) (*Policy, error) {
	var doc map[string]json.RawMessage // a struct would match names in any case
	if err := json.Unmarshal(unescape(data), &doc); err != nil {
		return nil, malformed("Invalid JSON.")
	}
	for name := range doc {
		if name != "expiration" && name != "conditions" {
			return nil, malformed("Unexpected: '%s'.", name)
		}
	}
	p := &Policy{MaxSize: math.MaxInt64}
	var err error
	if p.expires, err = parseExpiration(doc["expiration"]); err != nil {
		return nil, err
	}
	if doc["conditions"] == nil {
		return nil, malformed("Policy missing conditions.")
	}
	var list []json.RawMessage
	if err := json.Unmarshal(doc["conditions"], &list); err != nil || list == nil {
		return nil, malformed("Invalid 'conditions' value: must be a List.")
	}
	for _, raw := range list {
		if err := p.add(raw); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// unescape rewrites the two escapes that policies have and JSON has not.
func unescape(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' || i+1 == len(data) {
			out = append(out, data[i])
			continue
		}
		switch i++; data[i] {
		case '$':
			out = append(out, '$')
		case 'v':
			out = append(out, `\u000b`...)
		default:
			out = append(out, '\\', data[i])
		}
	}
	return out
}

func parseExpiration(raw json.RawMessage) (time.Time, error) {
	if raw == nil {
		return time.Time{}, malformed("Policy missing expiration.")
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return time.Time{}, malformed("Invalid 'expiration' value: must be a String.")
	}
	t, err := time.Parse("2006-01-02T15:04:05Z", text) // takes fractions of a second too
	if err != nil {
		return time.Time{}, malformed("Invalid 'expiration' value: '%s'", text)
	}
	return t, nil
}

// exempt are fields that no condition need name: those of the signature, which
// cannot sign themselves.
var exempt = []string{"policy", "file", "x-amz-signature", "awsaccesskeyid", "signature"}

// exemptPrefixes are the same for families. A checksum, which the
// documentation does not list, can only make an upload fail.
var exemptPrefixes = []string{"x-ignore-", "x-amz-checksum-"}

// Check compares a form with the policy. What it refuses is an *Error.
func (p *Policy) Check(form Form, now time.Time) error {
	if !now.Before(p.expires) {
		return denied("Policy expired.")
	}
	named := map[string]bool{}
	for _, c := range p.conditions {
		if !c.holds(form[c.field]) {
			return denied("Policy Condition failed: %s", c)
		}
		named[c.field] = true
	}
	var extra []string
	for name := range form {
		if !named[name] && !isExempt(name) {
			extra = append(extra, name)
		}
	}
	if extra != nil {
		slices.Sort(extra)
		return denied("Extra input fields: %s", strings.Join(extra, ", "))
	}
	return nil
}

func isExempt(name string) bool {
	return slices.Contains(exempt, name) || slices.ContainsFunc(exemptPrefixes, func(p string) bool {
		return strings.HasPrefix(name, p)
	})
}

// A condition is one on a field; that on the file's size is kept in the Policy.
type condition struct {
	prefix bool   // starts-with, otherwise eq
	field  string // lower case, without $
	value  string
}

func (c condition) String() string {
	operator := "eq"
	if c.prefix {
		operator = "starts-with"
	}
	return fmt.Sprintf(`["%s", "$%s", "%s"]`, operator, c.field, c.value)
}

// holds says whether the value of a field, "" if there is none, is allowed. A
// Content-Type is a list, of which every member must be.
func (c condition) holds(value string) bool {
	switch {
	case !c.prefix:
		return value == c.value
	case c.field != "content-type":
		return strings.HasPrefix(value, c.value)
	}
	for member := range strings.SplitSeq(value, ",") {
		if !strings.HasPrefix(strings.TrimSpace(member), c.value) {
			return false
		}
	}
	return true
}
