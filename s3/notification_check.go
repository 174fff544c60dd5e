package s3

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/whypfs/whypfs/buckets"
)

const (
	maxNotificationRules = 100
	maxNotificationID    = 255 // characters
)

// checkNotification judges notification rules as S3 does, and gives a name to
// those that have none.
func checkNotification(rules []buckets.NotificationRule) error {
	if len(rules) > maxNotificationRules {
		return errInvalidArgument.because("There are too many notification configurations.")
	}
	seen := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		if r.ID == "" {
			r.ID = newRequestID() + newRequestID()
		}
		if seen[r.ID] || utf8.RuneCountInString(r.ID) > maxNotificationID || !printable(r.ID) {
			return errInvalidArgument.because("The Id of a notification configuration must be unique and have at most 255 characters.").
				with("ArgumentName", "Id").with("ArgumentValue", r.ID)
		}
		seen[r.ID] = true
		if len(r.Events) == 0 {
			return errMalformedXML
		}
		for _, e := range r.Events {
			if !isEvent(e) {
				return errInvalidArgument.because("The event '"+e+"' is not supported for notifications").
					with("ArgumentName", "Event").with("ArgumentValue", e)
			}
		}
		if len(r.Prefix) > maxFilter || len(r.Suffix) > maxFilter {
			return errInvalidArgument.because("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation")
		}
		if slices.ContainsFunc(rules[:i], func(other buckets.NotificationRule) bool { return overlap(other, *r) }) {
			return errInvalidArgument.because("Configurations overlap. Configurations on the same bucket cannot share a common event type.")
		}
	}
	return nil
}

// maxFilter is the length of the longest prefix or suffix in bytes.
const maxFilter = 1024

// isEvent says whether a rule can name its events so: one, or all of a group.
func isEvent(name string) bool {
	group, open := strings.CutSuffix(name, "*")
	if !open {
		return slices.Contains(buckets.Events, name)
	}
	return strings.HasSuffix(group, ":") && slices.ContainsFunc(buckets.Events, func(e string) bool { return strings.HasPrefix(e, group) })
}

// overlap says whether one event of one key can be for both rules.
func overlap(a, b buckets.NotificationRule) bool {
	if !strings.HasPrefix(a.Prefix, b.Prefix) && !strings.HasPrefix(b.Prefix, a.Prefix) ||
		!strings.HasSuffix(a.Suffix, b.Suffix) && !strings.HasSuffix(b.Suffix, a.Suffix) {
		return false
	}
	return slices.ContainsFunc(buckets.Events, func(e string) bool {
		wants := func(pattern string) bool { return buckets.EventMatches(pattern, e) }
		return slices.ContainsFunc(a.Events, wants) && slices.ContainsFunc(b.Events, wants)
	})
}

// printable says whether a name can be told in a document as it is.
func printable(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
