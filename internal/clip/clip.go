// Package clip shortens texts for people.
package clip

import "strings"

// Text is s, or its first max bytes, without half a character at their end, and
// an ellipsis.
func Text(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return strings.ToValidUTF8(s[:max], "") + "…"
}
