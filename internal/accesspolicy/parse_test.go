package accesspolicy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/accesspolicy"
)

func TestMalformed(t *testing.T) {
	const good = `"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"`
	with := func(condition string) string { return policy(`{` + good + `,"Condition":` + condition + `}`) }
	for _, tt := range []struct{ name, doc, message string }{
		{"nothing", "", "first byte"},
		{"not JSON", "{", "invalid Json"},
		{"more than one", policy("{"+good+"}") + "{}", "invalid Json"},
		{"a list", "[]", "first byte"},
		{"not UTF-8", policy("{" + good + `,"Sid":"` + "\xff" + `"}`), "invalid Json"},
		{"null", policy("null"), "invalid Json"},
		{"too long", policy("{"+good+"}") + strings.Repeat(" ", accesspolicy.MaxSize), "20 KB"},
		{"nested", policy(strings.Repeat("[", 1000) + strings.Repeat("]", 1000)), "invalid Json"},
		{"no statement", `{"Version":"2012-10-17"}`, "Missing required field Statement"},
		{"no statements", policy("[]"), "Statement is empty"},
		{"version", `{"Version":"2020-01-01","Statement":{` + good + `}}`, "valid version"},
		{"unknown field", `{"Statement":{` + good + `},"Extra":1}`, "Unknown field Extra"},
		{"unknown element", policy("{" + good + `,"condition":{}}`), "Unknown field condition"},
		// Of two readers one would take the first and one the last.
		{"an element twice", policy("{" + good + `,"Effect":"Deny"}`), "twice"},
		{"the same sid", policy("[{" + good + `,"Sid":"a"},{` + good + `,"Sid":"a"}]`), "unique"},
		{"effect", policy(`{"Effect":"allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`), "Invalid effect"},
		{"no effect", policy(`{"Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`), "Missing required field Effect"},
		{"no principal", policy(`{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`), "Missing required field Principal"},
		{"no action", policy(`{"Effect":"Deny","Principal":"*","Resource":"arn:aws:s3:::box/*"}`), "Missing required field Action"},
		{"no resource", policy(`{"Effect":"Deny","Principal":"*","Action":"s3:GetObject"}`), "Missing required field Resource"},
		{"both", policy("{" + good + `,"NotAction":"s3:PutObject"}`), "both"},
		{"allow with NotPrincipal", policy(`{"Effect":"Allow","NotPrincipal":{"AWS":"000000000002"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`), "Allow with NotPrincipal"},
		{"principal", policy(strings.Replace("{"+good+"}", `"*"`, `"bob"`, 1)), "Invalid principal"},
		{"principal with a wildcard", policy(strings.Replace("{"+good+"}", `"*"`, `{"AWS":"arn:aws:iam::0000*:root"}`, 1)), "Invalid principal"},
		{"empty principal", policy(strings.Replace("{"+good+"}", `"*"`, `{}`, 1)), "Invalid principal"},
		{"role", policy(strings.Replace("{"+good+"}", `"*"`, `{"AWS":"arn:aws:iam::000000000002:role/r"}`, 1)), "Invalid principal"},
		{"federated", policy(strings.Replace("{"+good+"}", `"*"`, `{"Federated":"x"}`, 1)), "Invalid principal"},
		{"another's action", policy(strings.Replace("{"+good+"}", "s3:GetObject", "ec2:RunInstances", 1)), "invalid action"},
		{"unknown action", policy(strings.Replace("{"+good+"}", "s3:GetObject", "s3:GetObjects", 1)), "invalid action"},
		{"unknown pattern", policy(strings.Replace("{"+good+"}", "s3:GetObject", "s3:Frob*", 1)), "invalid action"},
		{"another bucket", policy(strings.Replace("{"+good+"}", "box", "other", 1)), "invalid resource"},
		{"a longer name", policy(strings.Replace("{"+good+"}", "box/*", "boxes*", 1)), "invalid resource"},
		{"another service", policy(strings.Replace("{"+good+"}", "aws:s3", "aws:sns", 1)), "invalid resource"},
		{"no objects", policy(strings.Replace("{"+good+"}", "box/*", "box", 1)), "does not apply"},
		{"no bucket", policy(strings.Replace("{"+good+"}", "s3:GetObject", "s3:ListBucket", 1)), "does not apply"},
		{"operator", with(`{"StringMatches":{"aws:Referer":"x"}}`), "Invalid Condition type"},
		{"operator in another case", with(`{"stringequals":{"aws:Referer":"x"}}`), "Invalid Condition type"},
		{"null if exists", with(`{"NullIfExists":{"aws:Referer":"true"}}`), "Invalid Condition type"},
		{"two sets", with(`{"ForAnyValue:ForAllValues:StringEquals":{"aws:Referer":"x"}}`), "Invalid Condition type"},
		{"key", with(`{"StringEquals":{"aws:Mood":"x"}}`), "invalid condition key"},
		{"tag without key", with(`{"StringEquals":{"s3:ExistingObjectTag":"x"}}`), "invalid condition key"},
		{"no values", with(`{"StringEquals":{"aws:Referer":[]}}`), "invalid condition value"},
		{"not a number", with(`{"NumericEquals":{"s3:max-keys":"0x10"}}`), "invalid condition value"},
		{"not a date", with(`{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}`), "invalid condition value"},
		{"not an address", with(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}`), "invalid condition value"},
		{"not a bool", with(`{"Bool":{"aws:SecureTransport":"yes"}}`), "invalid condition value"},
		{"not an ARN", with(`{"ArnLike":{"aws:PrincipalArn":"*"}}`), "invalid condition value"},
		{"unknown variable", with(`{"StringEquals":{"aws:Referer":"${aws:Mood}"}}`), "invalid variable"},
		{"open variable", with(`{"StringEquals":{"aws:Referer":"${aws:username"}}`), "invalid variable"},
		{"long value", with(`{"StringEquals":{"aws:Referer":"` + strings.Repeat("x", 2049) + `"}}`), "too long"},
	} {
		_, err := accesspolicy.Parse([]byte(tt.doc), "box")
		var e *accesspolicy.Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, tt.message) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.message)
		}
	}
}

func TestWellFormed(t *testing.T) {
	for name, doc := range map[string]string{
		"resources of which one fits": policy(`{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":["arn:aws:s3:::box","arn:aws:s3:::box/*"]}`),
		"every bucket":                policy(`{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":["arn:aws:s3:::*","arn:aws:s3:::*/*"]}`),
		"a wildcard in the name":      policy(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b*"}`),
		"a variable for the name":     policy(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:username}/*"}`),
		"id and sids":                 policy(`[{"Sid":"a b","Effect":"Deny","Principal":"*","Action":["s3:*"],"Resource":["arn:aws:s3:::box/*"]}],"Id":"x"`),
		"a date in seconds":           policy(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::box/*","Condition":{"DateLessThan":{"aws:EpochTime":1700000000}}}`),
	} {
		if _, err := accesspolicy.Parse([]byte(doc), "box"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
