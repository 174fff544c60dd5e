package web_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
)

// The policy of a bucket is changed on its page by who sees it; a form that is
// sent back as it came changes nothing, and one that makes no sense neither.
func TestPolicyForm(t *testing.T) {
	s := newSite(t)
	ann := s.as("ann", accounts.LevelUser)
	ann.submit("/ui/buckets", "name", "box").want(303)
	policy := func() buckets.Policy {
		b, err := s.buckets.Bucket(t.Context(), "box")
		must(t, err)
		return b.Policy
	}
	const form = "/ui/buckets/box/policy"
	ann.get("/ui/buckets/box").want(200).has(`name="threshold" value="1 MiB"`, `name="max-age" value="1h"`, `name="max-piece" value="32 GiB"`,
		`value="pad" selected`, "an aged zone that is too small for providers is filled up with zeros")
	was := policy()
	ann.submit(form, "threshold", "1 MiB", "max-age", "1h", "max-piece", "32 GiB", "replication", "6", "aged", "pad").want(303)
	if now := policy(); !reflect.DeepEqual(now, was) {
		t.Errorf("the policy is %+v, and was %+v", now, was)
	}
	ann.submit(form, "threshold", "10 GiB", "max-age", "90m", "max-piece", "16GiB", "replication", "3", "aged", "wait").want(303)
	want := was
	want.Threshold, want.MaxAge, want.MaxPiece, want.Replication, want.Aged = 10<<30, 90*time.Minute, 16<<30, 3, buckets.AgedWait
	if now := policy(); !reflect.DeepEqual(now, want) {
		t.Errorf("the policy is %+v, want %+v", now, want)
	}
	ann.get("/ui/buckets/box").want(200).has(`name="max-age" value="1h30m"`, `value="wait" selected`, "waits for more")
	for name, f := range map[string][]string{
		"is not a power of two within 1 MiB to 64 GiB": {"threshold", "10 GiB", "max-age", "90m", "max-piece", "17GiB", "replication", "3", "aged", "wait"},
		"is not a size such as 16 GiB":                 {"threshold", "much", "max-age", "90m", "max-piece", "16GiB", "replication", "3", "aged", "wait"},
		"is not a time such as 48h":                    {"threshold", "1 GiB", "max-age", "soon", "max-piece", "16GiB", "replication", "3", "aged", "wait"},
		"is not a number of copies":                    {"threshold", "1 GiB", "max-age", "90m", "max-piece", "16GiB", "replication", "many", "aged", "wait"},
		"is not pad, wait or choose":                   {"threshold", "1 GiB", "max-age", "90m", "max-piece", "16GiB", "replication", "3", "aged", "melt"},
	} {
		ann.submit(form, f...).want(400).has("This policy cannot be", "Nothing was changed", name)
	}
	s.as("bob", accounts.LevelUser).submit(form, "threshold", "1 GiB", "max-age", "1h", "max-piece", "16GiB", "replication", "3", "aged", "pad").want(404)
	if now := policy(); !reflect.DeepEqual(now, want) {
		t.Errorf("the policy is %+v, want %+v", now, want)
	}
}
