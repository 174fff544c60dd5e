package accesspolicy_test

import (
	"testing"
	"time"
)

func TestConditions(t *testing.T) {
	const ref, key = "aws:referer", "s3:max-keys"
	type values map[string][]string
	for _, tt := range []struct {
		name, condition string
		values          values
		want            bool
	}{
		{"equals", `{"StringEquals":{"aws:Referer":"a"}}`, values{ref: {"a"}}, true},
		{"equals, key in any case", `{"StringEquals":{"AWS:REFERER":"a"}}`, values{ref: {"a"}}, true},
		{"equals, any value", `{"StringEquals":{"aws:Referer":["b","a"]}}`, values{ref: {"a"}}, true},
		{"equals is exact", `{"StringEquals":{"aws:Referer":"a*"}}`, values{ref: {"ab"}}, false},
		{"equals, absent", `{"StringEquals":{"aws:Referer":"a"}}`, nil, false},
		{"equals, if exists", `{"StringEqualsIfExists":{"aws:Referer":"a"}}`, nil, true},
		{"equals, if it exists", `{"StringEqualsIfExists":{"aws:Referer":"a"}}`, values{ref: {"b"}}, false},
		{"not equals", `{"StringNotEquals":{"aws:Referer":["a","b"]}}`, values{ref: {"b"}}, false},
		{"not equals, other", `{"StringNotEquals":{"aws:Referer":["a","b"]}}`, values{ref: {"c"}}, true},
		{"not equals, absent", `{"StringNotEquals":{"aws:Referer":"a"}}`, nil, true},
		{"folded", `{"StringEqualsIgnoreCase":{"aws:Referer":"AbC"}}`, values{ref: {"aBc"}}, true},
		{"not folded", `{"StringNotEqualsIgnoreCase":{"aws:Referer":"AbC"}}`, values{ref: {"aBc"}}, false},
		{"like", `{"StringLike":{"aws:Referer":"http://*.example.com/?"}}`, values{ref: {"http://a.b.example.com/x"}}, true},
		{"like, not all of it", `{"StringLike":{"aws:Referer":"http://example.com/*"}}`, values{ref: {"xhttp://example.com/"}}, false},
		{"not like", `{"StringNotLike":{"aws:Referer":"http://example.com/*"}}`, values{ref: {"http://example.com/"}}, false},
		{"two keys", `{"StringEquals":{"aws:Referer":"a","aws:UserAgent":"b"}}`, values{ref: {"a"}}, false},
		{"two operators", `{"StringLike":{"aws:Referer":"a*"},"StringNotLike":{"aws:Referer":"*b"}}`, values{ref: {"ab"}}, false},
		{"number", `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`, values{key: {"10"}}, true},
		{"number as JSON", `{"NumericLessThan":{"s3:max-keys":10}}`, values{key: {"9.5"}}, true},
		{"number above", `{"NumericGreaterThan":{"s3:max-keys":10}}`, values{key: {"10"}}, false},
		{"number, other spelling", `{"NumericEquals":{"s3:max-keys":"10"}}`, values{key: {"1e1"}}, true},
		{"number, not one", `{"NumericLessThan":{"s3:max-keys":10}}`, values{key: {"x"}}, false},
		{"not that number, not one", `{"NumericNotEquals":{"s3:max-keys":10}}`, values{key: {"x"}}, true},
		{"date", `{"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}`, values{"aws:currenttime": {"2029-12-31T23:59:59Z"}}, true},
		{"date, zone", `{"DateEquals":{"aws:CurrentTime":"2030-01-01T01:00:00+01:00"}}`, values{"aws:currenttime": {"2030-01-01T00:00:00Z"}}, true},
		{"date, seconds", `{"DateGreaterThanEquals":{"aws:EpochTime":"1700000000"}}`, values{"aws:epochtime": {"1699999999"}}, false},
		{"bool", `{"Bool":{"aws:SecureTransport":false}}`, values{"aws:securetransport": {"false"}}, true},
		{"bool, other", `{"Bool":{"aws:SecureTransport":"true"}}`, values{"aws:securetransport": {"false"}}, false},
		{"binary", `{"BinaryEquals":{"aws:Referer":"AQI="}}`, values{ref: {"AQI="}}, true},
		{"address", `{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","10.0.0.1"]}}`, values{"aws:sourceip": {"192.0.2.77"}}, true},
		{"address outside", `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, values{"aws:sourceip": {"192.0.3.1"}}, false},
		{"address in the other family's clothes", `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, values{"aws:sourceip": {"::ffff:192.0.2.1"}}, true},
		{"range in the other family's clothes", `{"NotIpAddress":{"aws:SourceIp":"::ffff:192.0.2.0/120"}}`, values{"aws:sourceip": {"192.0.2.1"}}, false},
		{"address v6", `{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}`, values{"aws:sourceip": {"2001:db8::1"}}, true},
		{"not an address of", `{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, values{"aws:sourceip": {"192.0.2.1"}}, false},
		{"arn", `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/b*"}}`, values{"aws:principalarn": {"arn:aws:iam::000000000002:user/bob"}}, true},
		{"arn, a star ends at a colon", `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/x"}}`, values{"aws:principalarn": {"arn:aws:iam::1:2:user/x"}}, false},
		{"arn with a variable", `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::${aws:userid}:user/*"}}`, values{"aws:userid": {bob}, "aws:principalarn": {"arn:aws:iam::000000000002:user/bob"}}, true},
		{"not that arn, not one", `{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::1:root"}}`, values{"aws:principalarn": {"x"}}, true},
		{"null", `{"Null":{"aws:Referer":"true"}}`, nil, true},
		{"not null", `{"Null":{"aws:Referer":false}}`, nil, false},
		{"not null, present", `{"Null":{"aws:Referer":"false"}}`, values{ref: {""}}, true},
		{"all", `{"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a","b"]}}`, values{"s3:requestobjecttagkeys": {"a", "b"}}, true},
		{"all, one more", `{"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a","b"]}}`, values{"s3:requestobjecttagkeys": {"a", "c"}}, false},
		{"all of none", `{"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":"a"}}`, nil, true},
		{"any", `{"ForAnyValue:StringLike":{"s3:RequestObjectTagKeys":"a*"}}`, values{"s3:requestobjecttagkeys": {"x", "ab"}}, true},
		{"any of none", `{"ForAnyValue:StringNotEquals":{"s3:RequestObjectTagKeys":"a"}}`, nil, false},
		{"any other", `{"ForAnyValue:StringNotEquals":{"s3:RequestObjectTagKeys":"a"}}`, values{"s3:requestobjecttagkeys": {"a", "b"}}, true},
		{"all others", `{"ForAllValues:StringNotEquals":{"s3:RequestObjectTagKeys":"a"}}`, values{"s3:requestobjecttagkeys": {"a", "b"}}, false},
		{"several without a set", `{"StringNotEquals":{"s3:RequestObjectTagKeys":"a"}}`, values{"s3:requestobjecttagkeys": {"a", "b"}}, false},
		{"tag", `{"StringEquals":{"s3:ExistingObjectTag/Team":"x"}}`, values{"s3:existingobjecttag/Team": {"x"}}, true},
		{"tag keys have case", `{"StringEquals":{"s3:ExistingObjectTag/team":"x"}}`, values{"s3:existingobjecttag/Team": {"x"}}, false},
		{"variable in a value", `{"StringLike":{"s3:prefix":"${aws:username}/*"}}`, values{"s3:prefix": {"bob/x"}, "aws:username": {"bob"}}, true},
		{"variable without a value", `{"StringNotLike":{"s3:prefix":"${aws:username}/*"}}`, values{"s3:prefix": {"bob/x"}}, true},
	} {
		p := mustParse(t, policy(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::box/*","Condition":`+tt.condition+`}`))
		r := get(bob, "bob", "k")
		r.Values = func(key string) []string { return tt.values[key] }
		if got := p.Evaluate(r) == allowed; got != tt.want {
			t.Errorf("%s: holds = %v", tt.name, got)
		}
	}
}

func TestIsPublic(t *testing.T) {
	const anybody = `"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"`
	with := func(condition string) string { return "{" + anybody + `,"Condition":` + condition + "}" }
	for _, tt := range []struct {
		name, statement string
		want            bool
	}{
		{"anybody", "{" + anybody + "}", true},
		{"a user", `{"Effect":"Allow","Principal":{"AWS":"000000000002"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`, false},
		{"a user and anybody", `{"Effect":"Allow","Principal":{"AWS":["000000000002","*"]},"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`, true},
		{"denied", `{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`, false},
		{"denied and allowed", `[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"},{` + anybody + `}]`, true},
		{"not to one", `{"Effect":"Deny","NotPrincipal":{"AWS":"000000000002"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`, false},
		{"a network", with(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), false},
		{"a wide network", with(`{"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}`), true},
		{"a network and a wide one", with(`{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","0.0.0.0/0"]}}`), true},
		{"all but a network", with(`{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), true},
		{"a network if known", with(`{"IpAddressIfExists":{"aws:SourceIp":"10.0.0.0/8"}}`), true},
		{"a referer", with(`{"StringEquals":{"aws:Referer":"x"}}`), true},
		{"a fixed id", with(`{"StringEquals":{"aws:userid":"000000000002"}}`), false},
		{"ids like", with(`{"StringLike":{"aws:userid":"0*"}}`), true},
		{"an id of a variable", with(`{"StringEquals":{"aws:userid":"${aws:username}"}}`), true},
		{"all of no id", with(`{"ForAllValues:StringEquals":{"aws:userid":"000000000002"}}`), true},
	} {
		if got := mustParse(t, policy(tt.statement)).IsPublic(); got != tt.want {
			t.Errorf("%s: public = %v", tt.name, got)
		}
	}
}

// TestCostlyPatterns: the worst that fits into a policy is judged at once.
func TestCostlyPatterns(t *testing.T) {
	a := make([]byte, 8<<10)
	for i := range a {
		a[i] = 'a'
	}
	for _, unit := range []string{"*a", "?*a", "*aaaaaaaa?", "a?", "*?"} {
		pat := ""
		for len(pat) < 2000 {
			pat += unit
		}
		p := mustParse(t, policy(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::box/*","Condition":{"StringLike":{"aws:Referer":"`+pat+`b"}}}`))
		r := get(bob, "bob", "k")
		r.Values = func(string) []string { return []string{string(a)} }
		start := time.Now()
		if got := p.Evaluate(r); got != nothing {
			t.Errorf("%q…: %v", unit, got)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%q…: took %v", unit, took)
		}
	}
}
