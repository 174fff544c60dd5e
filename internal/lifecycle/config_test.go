package lifecycle_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/internal/lifecycle"
)

// parse reads and judges the rules of a document.
func parse(rules string) (lifecycle.Config, error) {
	var c lifecycle.Config
	if err := xml.Unmarshal([]byte("<LifecycleConfiguration>"+rules+"</LifecycleConfiguration>"), &c); err != nil {
		return c, err
	}
	return c, c.Validate()
}

func mustParse(t *testing.T, rules string) *lifecycle.Config {
	t.Helper()
	c, err := parse(rules)
	if err != nil {
		t.Fatalf("parse %s: %v", rules, err)
	}
	return &c
}

// rule is an enabled rule for every key.
func rule(body string) string {
	return "<Rule><Status>Enabled</Status><Prefix></Prefix>" + body + "</Rule>"
}

func TestValidate(t *testing.T) {
	const days = "<Expiration><Days>1</Days></Expiration>"
	filtered := func(filter, action string) string {
		return "<Rule><Status>Enabled</Status><Filter>" + filter + "</Filter>" + action + "</Rule>"
	}
	tests := []struct {
		name, rules, code string
	}{
		{"no rule", "", "MalformedXML"},
		{"too many rules", strings.Repeat(rule(days), 1001), "MalformedXML"},
		{"as many as can be", strings.Repeat(rule(days), 1000), ""},
		{"status in lower case", "<Rule><Status>enabled</Status><Prefix/>" + days + "</Rule>", "MalformedXML"},
		{"neither prefix nor filter", "<Rule><Status>Enabled</Status>" + days + "</Rule>", "MalformedXML"},
		{"prefix and filter", rule("<Filter/>" + days), "MalformedXML"},
		{"empty filter", filtered("", days), ""},
		{"long id", rule("<ID>" + strings.Repeat("é", 256) + "</ID>" + days), "InvalidArgument"},
		{"longest id", rule("<ID>" + strings.Repeat("é", 255) + "</ID>" + days), ""},
		{"same id", rule("<ID>a</ID>"+days) + rule("<ID>a</ID>"+days), "InvalidArgument"},
		{"no action", rule(""), "InvalidRequest"},
		{"no days", rule("<Expiration><Days>0</Days></Expiration>"), "InvalidArgument"},
		{"days beyond counting", rule("<Expiration><Days>9223372036854775807</Days></Expiration>"), "InvalidArgument"},
		{"days and date", rule("<Expiration><Days>1</Days><Date>2030-01-01</Date></Expiration>"), "MalformedXML"},
		{"days and marker", rule("<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), "MalformedXML"},
		{"expiration of nothing", rule("<Expiration/>"), "MalformedXML"},
		{"date", rule("<Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration>"), ""},
		{"date alone", rule("<Expiration><Date>2030-01-01</Date></Expiration>"), ""},
		{"date in another zone", rule("<Expiration><Date>2030-01-01T02:00:00+02:00</Date></Expiration>"), ""},
		{"date at noon", rule("<Expiration><Date>2030-01-01T12:00:00Z</Date></Expiration>"), "InvalidArgument"},
		{"no date", rule("<Expiration><Date>20300101</Date></Expiration>"), "InvalidArgument"},
		{"marker with a tag", filtered("<Tag><Key>a</Key><Value/></Tag>", "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), "InvalidRequest"},
		{"abort", rule("<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), ""},
		{"abort at once", rule("<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), "InvalidArgument"},
		{"abort without days", rule("<AbortIncompleteMultipartUpload/>"), "MalformedXML"},
		{"abort by size", filtered("<ObjectSizeLessThan>9</ObjectSizeLessThan>", "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), "InvalidRequest"},
		{"transition at once", rule("<Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition>"), ""},
		{"transition without time", rule("<Transition><StorageClass>GLACIER</StorageClass></Transition>"), "MalformedXML"},
		{"class that means nothing", rule("<Transition><Days>0</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"), "InvalidStorageClass"},
		{"class twice", rule(strings.Repeat("<Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition>", 2)), "InvalidRequest"},
		{"transition after the end", rule("<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>" + days), "InvalidArgument"},
		{"transition by date, end by days", rule("<Transition><Date>2030-01-01</Date><StorageClass>GLACIER</StorageClass></Transition>" + days), "InvalidRequest"},
		{"noncurrent", rule("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>100</NewerNoncurrentVersions></NoncurrentVersionExpiration>"), ""},
		{"too many newer", rule("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions></NoncurrentVersionExpiration>"), "InvalidArgument"},
		{"noncurrent without days", rule("<NoncurrentVersionExpiration><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>"), "MalformedXML"},
		{"sizes", filtered("<And><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And>", days), ""},
		{"no size between", filtered("<And><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And>", days), "InvalidRequest"},
		{"negative size", filtered("<ObjectSizeGreaterThan>-2</ObjectSizeGreaterThan>", days), "MalformedXML"},
		{"tag twice", filtered("<And>"+strings.Repeat("<Tag><Key>a</Key><Value/></Tag>", 2)+"</And>", days), "InvalidRequest"},
		{"tag without key", filtered("<Tag><Key></Key><Value/></Tag>", days), "InvalidTag"},
		// Ceph's way to give several conditions.
		{"prefix, tag and And", filtered("<Prefix>a/</Prefix><Tag><Key>a</Key><Value/></Tag><And><Prefix>a</Prefix><Tag><Key>b</Key><Value/></Tag></And>", days), ""},
		{"prefixes that exclude each other", filtered("<Prefix>a</Prefix><And><Prefix>b</Prefix></And>", days), "MalformedXML"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.rules)
			var e *lifecycle.Error
			code := ""
			if errors.As(err, &e) {
				code = e.Code
			} else if err != nil {
				t.Fatalf("got %v, want an *Error", err)
			}
			if code != tt.code {
				t.Errorf("got %q (%v), want %q", code, err, tt.code)
			}
		})
	}
}

// What was read is told again in the same form, from XML as well as from JSON.
func TestRoundTrip(t *testing.T) {
	const doc = `<LifecycleConfiguration><Rule><ID>1</ID><Prefix>a/</Prefix><Status>Enabled</Status>` +
		`<Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration></Rule>` +
		`<Rule><ID>2</ID><Filter></Filter><Status>Disabled</Status>` +
		`<Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition>` +
		`<NoncurrentVersionTransition><NoncurrentDays>0</NoncurrentDays><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>` +
		`<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>` +
		`<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>` +
		`<Rule><ID>3</ID><Filter><And><Prefix></Prefix><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><Tag><Key>k</Key><Value></Value></Tag></And></Filter>` +
		`<Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`
	var c, again lifecycle.Config
	if err := xml.Unmarshal([]byte(doc), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	out, err := xml.Marshal(c)
	if err != nil || string(out) != doc {
		t.Errorf("as XML: %s, %v, want %s", out, err, doc)
	}
	stored, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(stored, &again); err != nil {
		t.Fatal(err)
	}
	again.XMLName = c.XMLName
	if !reflect.DeepEqual(again, c) {
		t.Errorf("through JSON: %s", stored)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("<LifecycleConfiguration>" + rule("<Expiration><Days>1</Days></Expiration>") + "</LifecycleConfiguration>"))
	f.Add([]byte("<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status><Filter><And><Prefix>a</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>" +
		"<Transition><Date>2030-01-01</Date><StorageClass>GLACIER</StorageClass></Transition>" +
		"<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var c lifecycle.Config
		if xml.Unmarshal(doc, &c) != nil || c.Validate() != nil {
			return
		}
		// What is valid can be asked, and is valid again when it is read back.
		it := lifecycle.Item{Key: "a/b", Size: 1 << 20, Modified: at("2026-01-01T10:00:00Z")}
		now := at("2026-02-01T00:00:00Z")
		c.Expiry(it, lifecycle.Clock{})
		c.Transition(it, lifecycle.Clock{}, now)
		c.Noncurrent(it, lifecycle.Replaced{Since: it.Modified, Newer: 1}, lifecycle.Clock{}, now)
		c.NoncurrentTransition(it, lifecycle.Replaced{Since: it.Modified}, lifecycle.Clock{}, now)
		c.Marker("a", it.Modified, lifecycle.Clock{}, now)
		c.Upload("a", it.Modified, lifecycle.Clock{})
		c.Prefixes()
		stored, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again lifecycle.Config
		if err := json.Unmarshal(stored, &again); err != nil {
			t.Fatalf("read %s: %v", stored, err)
		}
		if err := again.Validate(); err != nil {
			t.Fatalf("%s is not valid any more: %v", stored, err)
		}
	})
}
