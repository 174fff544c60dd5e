package lifecycle_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/lifecycle"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestClock(t *testing.T) {
	short := lifecycle.Clock{Day: time.Second}
	from := at("2026-03-01T10:30:00Z")
	tests := []struct {
		name  string
		clock lifecycle.Clock
		from  time.Time
		days  int64
		want  time.Time
	}{
		{"rounded up", lifecycle.Clock{}, from, 3, at("2026-03-05T00:00:00Z")},
		{"a day of usual length", lifecycle.Clock{Day: 24 * time.Hour}, from, 3, at("2026-03-05T00:00:00Z")},
		{"at midnight", lifecycle.Clock{}, at("2026-03-01T00:00:00Z"), 1, at("2026-03-02T00:00:00Z")},
		{"no day", lifecycle.Clock{}, from, 0, at("2026-03-02T00:00:00Z")},
		{"elsewhere", lifecycle.Clock{}, at("2026-03-01T23:30:00-02:00"), 1, at("2026-03-04T00:00:00Z")},
		{"short days are not rounded", short, from, 3, from.Add(3 * time.Second)},
	}
	for _, tt := range tests {
		if got := tt.clock.After(tt.from, tt.days); !got.Equal(tt.want) {
			t.Errorf("%s: After(%v, %d) = %v, want %v", tt.name, tt.from, tt.days, got, tt.want)
		}
	}
	if got := (lifecycle.Clock{}).Next(from); !got.Equal(at("2026-03-02T00:00:00Z")) {
		t.Errorf("Next = %v", got)
	}
	if got := short.Next(from); !got.Equal(from.Add(time.Second / 4)) {
		t.Errorf("Next of a short day = %v", got)
	}
}

func tagged(tags ...string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		for i := 0; i < len(tags); i += 2 {
			if tags[i] == key {
				return tags[i+1], true
			}
		}
		return "", false
	}
}

func TestFilter(t *testing.T) {
	filtered := func(filter string) string {
		return "<Rule><ID>r</ID><Status>Enabled</Status>" + filter + "<Expiration><Days>1</Days></Expiration></Rule>"
	}
	in := func(filter string) string { return filtered("<Filter>" + filter + "</Filter>") }
	const tag = "<Tag><Key>k</Key><Value>v</Value></Tag>"
	tests := []struct {
		name, rules string
		item        lifecycle.Item
		want        bool
	}{
		{"everything", in(""), lifecycle.Item{Key: "a"}, true},
		{"disabled", strings.Replace(in(""), "Enabled", "Disabled", 1), lifecycle.Item{Key: "a"}, false},
		{"old prefix", filtered("<Prefix>a/</Prefix>"), lifecycle.Item{Key: "a/b"}, true},
		{"other prefix", filtered("<Prefix>a/</Prefix>"), lifecycle.Item{Key: "b"}, false},
		{"tag", in(tag), lifecycle.Item{Key: "a", Tag: tagged("x", "y", "k", "v")}, true},
		{"other value", in(tag), lifecycle.Item{Key: "a", Tag: tagged("k", "w")}, false},
		{"no tags", in(tag), lifecycle.Item{Key: "a"}, false},
		{"one tag of two", in("<And>" + tag + "<Tag><Key>l</Key><Value/></Tag></And>"), lifecycle.Item{Key: "a", Tag: tagged("k", "v")}, false},
		{"greater", in("<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"), lifecycle.Item{Key: "a", Size: 6}, true},
		{"not greater", in("<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"), lifecycle.Item{Key: "a", Size: 5}, false},
		{"less", in("<ObjectSizeLessThan>5</ObjectSizeLessThan>"), lifecycle.Item{Key: "a", Size: 4}, true},
		{"not less", in("<ObjectSizeLessThan>5</ObjectSizeLessThan>"), lifecycle.Item{Key: "a", Size: 5}, false},
		{"greater than nothing", in("<ObjectSizeGreaterThan>0</ObjectSizeGreaterThan>"), lifecycle.Item{Key: "a", Size: 0}, false},
		// Every condition of the whole filter counts.
		{"beside And", in("<Prefix>a/</Prefix>" + tag + "<And><Prefix>a</Prefix><Tag><Key>l</Key><Value>w</Value></Tag></And>"),
			lifecycle.Item{Key: "a/b", Tag: tagged("k", "v")}, false},
		{"beside And, all", in("<Prefix>a/</Prefix>" + tag + "<And><Prefix>a</Prefix><Tag><Key>l</Key><Value>w</Value></Tag></And>"),
			lifecycle.Item{Key: "a/b", Tag: tagged("k", "v", "l", "w")}, true},
		{"the longer prefix counts", in("<Prefix>a</Prefix><And><Prefix>a/b</Prefix></And>"), lifecycle.Item{Key: "a/c"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, ok := mustParse(t, tt.rules).Expiry(tt.item, lifecycle.Clock{}); ok != tt.want {
				t.Errorf("Expiry = %v, want %v", ok, tt.want)
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	c := mustParse(t, rule("<ID>late</ID><Expiration><Days>9</Days></Expiration>")+
		rule("<ID>soon</ID><Expiration><Days>2</Days></Expiration>")+
		rule("<ID>date</ID><Expiration><Date>2026-03-05</Date></Expiration>")+
		rule("<ID>marker</ID><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"))
	due, id, ok := c.Expiry(lifecycle.Item{Key: "a", Modified: at("2026-03-01T10:00:00Z")}, lifecycle.Clock{})
	if !ok || id != "soon" || !due.Equal(at("2026-03-04T00:00:00Z")) {
		t.Errorf("Expiry = %v, %q, %v", due, id, ok)
	}
	if due, id, _ := c.Expiry(lifecycle.Item{Key: "a", Modified: at("2026-03-04T10:00:00Z")}, lifecycle.Clock{}); id != "date" {
		t.Errorf("Expiry by date = %v, %q", due, id)
	}
}

func TestTransition(t *testing.T) {
	const rules = "<Transition><Days>2</Days><StorageClass>GLACIER_IR</StorageClass></Transition>" +
		"<Transition><Days>5</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>"
	c := mustParse(t, rule(rules))
	small := mustParse(t, rule("<Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition>"))
	all := *small
	all.MinimumSize = lifecycle.ForAll
	sized := mustParse(t, "<Rule><Status>Enabled</Status><Filter><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></Filter>"+rules+"</Rule>")
	made := at("2026-03-01T10:00:00Z")
	big := lifecycle.Item{Key: "a", Size: 1 << 20, Modified: made}
	frozen := big
	frozen.Class = "DEEP_ARCHIVE"
	tiny := lifecycle.Item{Key: "a", Size: 1, Modified: made}
	tests := []struct {
		name string
		c    *lifecycle.Config
		item lifecycle.Item
		now  string
		want string
	}{
		{"not yet", c, big, "2026-03-03T23:59:59Z", ""},
		{"due", c, big, "2026-03-04T00:00:00Z", "GLACIER_IR"},
		{"both due", c, big, "2026-03-09T00:00:00Z", "DEEP_ARCHIVE"},
		{"never up", c, frozen, "2026-03-04T00:00:00Z", ""},
		{"small", c, tiny, "2026-03-04T00:00:00Z", ""},
		{"small, to a class for small ones", small, tiny, "2026-03-04T00:00:00Z", "GLACIER"},
		{"small, for all classes", &all, tiny, "2026-03-04T00:00:00Z", ""},
		{"small, by a rule with a size", sized, tiny, "2026-03-04T00:00:00Z", "GLACIER_IR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.c.Transition(tt.item, lifecycle.Clock{}, at(tt.now)); got != tt.want {
				t.Errorf("Transition = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNoncurrent(t *testing.T) {
	c := mustParse(t, rule("<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>"+
		"<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>"))
	it := lifecycle.Item{Key: "a", Size: 1, Modified: at("2020-01-01T00:00:00Z")} // age alone is nothing
	since := at("2026-03-01T10:00:00Z")
	tests := []struct {
		name   string
		newer  int64
		now    string
		class  string
		remove bool
	}{
		{"just replaced", 5, "2026-03-01T12:00:00Z", "", false},
		{"moves", 5, "2026-03-03T00:00:00Z", "GLACIER", false},
		{"ends", 2, "2026-03-05T00:00:00Z", "GLACIER", true},
		{"is one of those kept", 1, "2026-03-05T00:00:00Z", "GLACIER", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			was := lifecycle.Replaced{Since: since, Newer: tt.newer}
			if got := c.NoncurrentTransition(it, was, lifecycle.Clock{}, at(tt.now)); got != tt.class {
				t.Errorf("NoncurrentTransition = %q, want %q", got, tt.class)
			}
			if got := c.Noncurrent(it, was, lifecycle.Clock{}, at(tt.now)); got != tt.remove {
				t.Errorf("Noncurrent = %v, want %v", got, tt.remove)
			}
		})
	}
}

func TestMarker(t *testing.T) {
	made := at("2026-03-01T10:00:00Z")
	tests := []struct {
		name, rules, now string
		want             bool
	}{
		{"by its own rule", rule("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"), "2026-03-01T10:00:00Z", true},
		{"rule that says no", rule("<Expiration><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>"), "2027-03-01T10:00:00Z", false},
		{"too young", rule("<Expiration><Days>1</Days></Expiration>"), "2026-03-02T23:00:00Z", false},
		{"old enough", rule("<Expiration><Days>1</Days></Expiration>"), "2026-03-03T00:00:00Z", true},
		{"tags are for objects", "<Rule><Status>Enabled</Status><Filter><Tag><Key>a</Key><Value/></Tag></Filter><Expiration><Days>1</Days></Expiration></Rule>", "2027-03-03T00:00:00Z", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mustParse(t, tt.rules).Marker("a", made, lifecycle.Clock{}, at(tt.now)); got != tt.want {
				t.Errorf("Marker = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestUpload(t *testing.T) {
	c := mustParse(t, rule("<ID>u</ID><AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>")+
		rule("<ID>v</ID><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>"))
	due, id, ok := c.Upload("a", at("2026-03-01T10:00:00Z"), lifecycle.Clock{})
	if !ok || id != "u" || !due.Equal(at("2026-03-04T00:00:00Z")) {
		t.Errorf("Upload = %v, %q, %v", due, id, ok)
	}
}

func TestPrefixes(t *testing.T) {
	const days = "<Expiration><Days>1</Days></Expiration></Rule>"
	prefixed := func(p, status string) string {
		return "<Rule><Status>" + status + "</Status><Filter><Prefix>" + p + "</Prefix></Filter>" + days
	}
	c := mustParse(t, prefixed("b/", "Enabled")+prefixed("a", "Enabled")+prefixed("a/c", "Enabled")+prefixed("b/", "Enabled")+prefixed("", "Disabled"))
	if got := c.Prefixes(); !slices.Equal(got, []string{"a", "b/"}) {
		t.Errorf("Prefixes = %q", got)
	}
}
