package postpolicy_test

import (
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/postpolicy"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// with is a policy that allows the form of allowed, with a further condition.
func with(condition string) string {
	if condition != "" {
		condition = ", " + condition
	}
	return `{"expiration": "2026-01-02T03:04:06.000Z", "conditions": [{"bucket": "box"}, ["starts-with", "$key", "user/"]` + condition + `]}`
}

func allowed(more ...string) postpolicy.Form {
	f := postpolicy.Form{
		"bucket": "box", "key": "user/a", "policy": "…", "file": "a", "awsaccesskeyid": "AK",
		"signature": "s", "x-amz-signature": "s", "x-ignore-me": "1", "x-amz-checksum-crc32": "AAAAAA==",
	}
	for i := 0; i < len(more); i += 2 {
		f[more[i]] = more[i+1]
	}
	return f
}

func parse(t testing.TB, text string) *postpolicy.Policy {
	t.Helper()
	p, err := postpolicy.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return p
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		condition string
		form      postpolicy.Form
		want      string // the end of the refusal, "" for none
	}{
		{"", allowed(), ""},
		{"", allowed("key", "other/a"), `Policy Condition failed: ["starts-with", "$key", "user/"]`},
		{"", allowed("bucket", "box2"), `Policy Condition failed: ["eq", "$bucket", "box"]`},
		{"", allowed("acl", "private", "x-amz-meta-b", "1"), "Extra input fields: acl, x-amz-meta-b"},
		{"", allowed("x-amz-date", "20260102T030405Z"), "Extra input fields: x-amz-date"},
		{"", allowed("content-type", ""), "Extra input fields: content-type"},
		{`{"acl": "private"}`, allowed("acl", "private"), ""},
		{`{"aCL": "private"}`, allowed("acl", "private"), ""},                                                   // names have no case
		{`{"acl": "private"}`, allowed("acl", "Private"), `Policy Condition failed: ["eq", "$acl", "private"]`}, // values have
		{`{"acl": "private"}`, allowed(), `Policy Condition failed: ["eq", "$acl", "private"]`},
		{`["EQ", "$ACL", "private"]`, allowed("acl", "private"), ""},
		{`["eq", "$acl", ""]`, allowed("acl", "private"), `Policy Condition failed: ["eq", "$acl", ""]`},
		{`["StArTs-WiTh", "$AcL", ""]`, allowed("acl", "anything"), ""},
		{`["starts-with", "$acl", ""]`, allowed(), ""},
		{`["starts-with", "$x-amz-meta-n", "a"]`, allowed("x-amz-meta-n", "a,b"), ""},
		// Each of several conditions on a field must hold.
		{`["starts-with", "$key", "user/b"]`, allowed(), `Policy Condition failed: ["starts-with", "$key", "user/b"]`},
		// A content type is a list.
		{`["starts-with", "$Content-Type", "image/"]`, allowed("content-type", "image/png"), ""},
		{`["starts-with", "$Content-Type", "image/"]`, allowed("content-type", "image/png, image/gif"), ""},
		{`["starts-with", "$Content-Type", "image/"]`, allowed("content-type", "image/png,text/html"), `Policy Condition failed: ["starts-with", "$content-type", "image/"]`},
		// Escapes: what JSON writes as \\$ is a backslash and a dollar.
		{`["eq", "$x-amz-meta-n", "\\$foo"]`, allowed("x-amz-meta-n", `\$foo`), ""},
		{`["eq", "$x-amz-meta-n", "\$foo\v\u00fc"]`, allowed("x-amz-meta-n", "$foo\vü"), ""},
	} {
		err := parse(t, with(c.condition)).Check(c.form, now)
		if c.want == "" && err == nil {
			continue
		}
		e := (*postpolicy.Error)(nil)
		if !errors.As(err, &e) || e.Malformed || c.want == "" || e.Message != "Invalid according to Policy: "+c.want {
			t.Errorf("%s of %v: %v, want %q", c.condition, c.form, err, c.want)
		}
	}
}

func TestExpiration(t *testing.T) {
	p := parse(t, with(""))
	for late, ok := range map[time.Duration]bool{0: true, time.Second - 1: true, time.Second: false, time.Hour: false} {
		if err := p.Check(allowed(), now.Add(late)); (err == nil) != ok {
			t.Errorf("%v later: %v", late, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for condition, want := range map[string][2]int64{
		"":                                    {0, math.MaxInt64},
		`["content-length-range", 1, 10]`:     {1, 10},
		`["Content-Length-Range", "1", "10"]`: {1, 10},
		`["content-length-range", 1, 10], ["content-length-range", 0, 5]`:    {1, 5},
		`["content-length-range", 0, 0]`:                                     {0, 0},
		`["content-length-range", 9223372036854775807, 9223372036854775807]`: {math.MaxInt64, math.MaxInt64},
	} {
		if p := parse(t, with(condition)); p.MinSize != want[0] || p.MaxSize != want[1] {
			t.Errorf("%s: %d to %d, want %v", condition, p.MinSize, p.MaxSize, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "Invalid JSON.",
		"not json":                            "Invalid JSON.",
		"[]":                                  "Invalid JSON.",
		with("") + "x":                        "Invalid JSON.",
		with(`["eq", "\q", 1]`):               "Invalid JSON.",
		`{"conditions": []}`:                  "Policy missing expiration.",
		`{"expiration": 1, "conditions": []}`: "Invalid 'expiration' value: must be a String.",
		`{"expiration": "2026-01-02 03:04:06.1+00:00", "conditions": []}`: "Invalid 'expiration' value: '2026-01-02 03:04:06.1+00:00'",
		`{"expiration": "2026-01-02T03:04:06Z"}`:                          "Policy missing conditions.",
		`{"expiration": "2026-01-02T03:04:06Z", "conditions": null}`:      "Invalid 'conditions' value: must be a List.",
		`{"expiration": "2026-01-02T03:04:06Z", "conditions": {}}`:        "Invalid 'conditions' value: must be a List.",
		`{"expiration": "2026-01-02T03:04:06Z", "CONDITIONS": []}`:        "Unexpected: 'CONDITIONS'.",
		`{"EXPIRATION": "2026-01-02T03:04:06Z", "conditions": []}`:        "Unexpected: 'EXPIRATION'.",
		with(`"acl"`):                            "Invalid condition: must be a List or Object.",
		with(`{}`):                               "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
		with(`{"a": "1", "b": "2"}`):             "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
		with(`{"a": 1}`):                         "Invalid Simple-Condition: value must be a string.",
		with(`{"a": null}`):                      "Invalid Simple-Condition: value must be a string.",
		with(`[]`):                               "Invalid Condition: missing operation identifier.",
		with(`["ends-with", "$key", "a"]`):       "Invalid Condition: unknown operation 'ends-with'.",
		with(`[1, "$key", "a"]`):                 "Invalid Condition: unknown operation ''.",
		with(`["eq", "$key"]`):                   "Invalid eq: wrong number of arguments.",
		with(`["eq", "$key", "a", "b"]`):         "Invalid eq: wrong number of arguments.",
		with(`["eq", "key", "a"]`):               "Invalid eq: the first argument must name a field with a leading '$'.",
		with(`["eq", "$", "a"]`):                 "Invalid eq: the first argument must name a field with a leading '$'.",
		with(`["starts-with", "$key", 1]`):       "Invalid starts-with: the second argument must be a string.",
		with(`["content-length-range", 0]`):      "Invalid content-length-range: wrong number of arguments.",
		with(`["content-length-range", -1, 0]`):  "Invalid content-length-range: arguments must be lengths in ascending order.",
		with(`["content-length-range", 2, 1]`):   "Invalid content-length-range: arguments must be lengths in ascending order.",
		with(`["content-length-range", 0, 1.5]`): "Invalid content-length-range: arguments must be lengths in ascending order.",
	} {
		_, err := postpolicy.Parse([]byte(text))
		e := (*postpolicy.Error)(nil)
		if !errors.As(err, &e) || !e.Malformed || e.Message != "Invalid Policy: "+want {
			t.Errorf("Parse(%s): %v, want %q", text, err, want)
		}
	}
}

// FuzzPolicy: a policy that lets a form through lets no field through that it
// does not name, and does so until it expires.
func FuzzPolicy(f *testing.F) {
	for _, s := range []string{
		"", `{"acl": "private"}`, `["eq", "$acl", "\$\v"]`, `["content-length-range", 0, "5"]`,
		`["starts-with", "$Content-Type", ""], {}`, `["starts-with", "$unheard-of", ""]`,
	} {
		f.Add(with(s), "acl", "private")
	}
	f.Fuzz(func(t *testing.T, text, name, value string) {
		p, err := postpolicy.Parse([]byte(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "Invalid Policy: ") {
				t.Fatalf("Parse: %v", err)
			}
			return
		}
		if p.MinSize < 0 || p.MaxSize < 0 {
			t.Fatalf("sizes %d to %d", p.MinSize, p.MaxSize)
		}
		form := allowed(strings.ToLower(name), value)
		if p.Check(form, now) != nil {
			return
		}
		if p.Check(form, now.AddDate(10000, 0, 0)) == nil {
			t.Fatal("never expires")
		}
		const unheard = "unheard-of"
		if !strings.Contains(strings.ToLower(text), unheard) && !strings.Contains(text, `\`) {
			more := maps.Clone(form)
			more[unheard] = value
			if p.Check(more, now) == nil {
				t.Fatalf("%s lets %q through", text, unheard)
			}
		}
	})
}
