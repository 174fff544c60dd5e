package accesspolicy_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/whypfs/whypfs/internal/accesspolicy"
)

func FuzzParse(f *testing.F) {
	for _, doc := range []string{
		policy(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::box/*"}`),
		policy(`[{"Sid":"1","Effect":"Deny","NotPrincipal":{"AWS":["000000000001"]},"NotAction":"s3:Put*","NotResource":"arn:aws:s3:::box/${aws:username,'x'}",
			"Condition":{"ForAnyValue:StringNotLikeIfExists":{"s3:ExistingObjectTag/a":["${*}b*?"]},"IpAddress":{"aws:SourceIp":"::1/8"},"Null":{"aws:Referer":true}}}]`),
		policy(`{"Effect":"Deny","Principal":"*","Action":"*","Resource":"arn:aws:s3:::*","Condition":{"ArnLike":{"aws:SourceArn":"a:b:c:d:e:${aws:userid}"},"DateEquals":{"aws:CurrentTime":"2020-01-01"},"NumericEquals":{"s3:max-keys":1e3},"BinaryEquals":{"aws:Referer":"AA=="}}}`),
	} {
		f.Add([]byte(doc), "k")
	}
	f.Fuzz(func(t *testing.T, doc []byte, key string) {
		p, err := accesspolicy.Parse(doc, "box")
		if err != nil {
			return
		}
		if !json.Valid(doc) {
			t.Errorf("%q is accepted", doc)
		}
		p.IsPublic()
		for _, id := range []string{"", bob} {
			r := get(id, "bob", key)
			r.Values = func(name string) []string { return []string{key} }
			first := p.Evaluate(r)
			if again := p.Evaluate(r); again != first {
				t.Errorf("%q: %v, then %v", doc, first, again)
			}
		}
	})
}

// FuzzMatch compares the matcher with a plain one of quadratic size.
func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{{"a*b?c", "axxbyc"}, {"*", ""}, {"**a*", "ba"}, {"?", "ü"}, {"*ab?*?b", "aabab\xffb"}, {"a", "ab"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 500 || !utf8.ValidString(pattern) {
			return
		}
		quoted, err := json.Marshal(pattern)
		if err != nil {
			t.Fatal(err)
		}
		// The old version of the language takes variables for text.
		p, err := accesspolicy.Parse([]byte(`{"Version":"2008-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::box/*",
			"Condition":{"StringLike":{"aws:Referer":`+string(quoted)+`}}}}`), "box")
		if err != nil {
			t.Fatalf("%q: %v", pattern, err)
		}
		r := get(bob, "bob", "k")
		r.Values = func(string) []string { return []string{text} }
		if got, want := p.Evaluate(r) == allowed, matches([]rune(pattern), characters(text)); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, text, got, want)
		}
	})
}

// characters are runes; a byte that is none is one character for itself.
func characters(s string) []string {
	var out []string
	for len(s) > 0 {
		_, n := utf8.DecodeRuneInString(s)
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}

func matches(pattern []rune, text []string) bool {
	can := make([]bool, len(text)+1)
	can[0] = true
	for _, p := range pattern {
		next := make([]bool, len(text)+1)
		for i := range next {
			switch {
			case p == '*':
				next[i] = can[i] || i > 0 && next[i-1]
			case i > 0 && (p == '?' || string(p) == text[i-1]):
				next[i] = can[i-1]
			}
		}
		can = next
	}
	return can[len(text)]
}
