package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// bytesText writes a size as people read it: 3.1 GiB.
func bytesText(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1024, 0
	for v >= 1023.95 && unit < 4 {
		v /= 1024
		unit++
	}
	digits := 1
	if v >= 99.95 {
		digits = 0
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', digits, 64), ".0") + " " + []string{"KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}

// countText writes a number with thin groups: 12 345.
func countText(n any) string {
	s := fmt.Sprint(n)
	if len(s) <= 4 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// plural writes a number with its noun: 1 object, 2 objects.
func plural(n any, noun string) string {
	s := fmt.Sprint(n)
	if s == "1" {
		return s + " " + noun
	}
	if strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ay") {
		return countText(n) + " " + strings.TrimSuffix(noun, "y") + "ies"
	}
	return countText(n) + " " + noun + "s"
}

// spanText writes a duration with its two largest units: 3 d 4 h.
func spanText(d time.Duration) string {
	d = max(d, 0)
	units := []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.size && i < len(units)-1 {
			continue
		}
		s := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i < len(units)-1 {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				s += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return s
	}
	return ""
}

func agoText(d time.Duration) string {
	if d < 5*time.Second {
		return "just now"
	}
	return spanText(d) + " ago"
}

func untilText(d time.Duration) string {
	if d < time.Second {
		return "now"
	}
	return "in " + spanText(d)
}

func stampText(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// latencyText writes the upper end of a latency class.
func latencyText(d time.Duration) string {
	switch {
	case d == 0:
		return "—"
	case d < time.Second:
		return fmt.Sprintf("≤ %d ms", d.Milliseconds())
	}
	return fmt.Sprintf("≤ %d s", int(d.Seconds()))
}

func rateText(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0/s"
	case perSecond < 0.1:
		return fmt.Sprintf("%.2f/s", perSecond)
	case perSecond < 10:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return fmt.Sprintf("%.0f/s", perSecond)
}

func percentText(share float64) string {
	switch {
	case share == 0:
		return "0 %"
	case share < 0.01:
		return "< 1 %"
	}
	return fmt.Sprintf("%.0f %%", share*100)
}

// tone is the colour of a state's badge.
func tone(state any) string {
	switch fmt.Sprint(state) {
	case "complete", string(buckets.PinPinned), string(buckets.RetrievalDone), string(deals.DealActive), string(deals.VerdictHolds), string(deals.VerdictTaken):
		return "good"
	case string(deals.DealFailed), string(deals.DealRejected), "failing": // failed is a pin's word, too
		return "bad"
	case string(buckets.RetrievalCancelled), string(deals.DealExpired), string(deals.VerdictRule), string(deals.VerdictSuspended), string(deals.VerdictOff), string(deals.VerdictRefused), string(deals.VerdictCoolDown),
		string(deals.VerdictSize), string(deals.VerdictPrice), string(deals.VerdictFull):
		return "dim"
	case "open", "waiting", string(buckets.PinQueued), string(deals.VerdictSpare):
		return "calm"
	}
	return "busy"
}

// shortText keeps both ends of a long identifier.
func shortText(s string) string {
	if len(s) <= 20 {
		return s
	}
	return s[:9] + "…" + s[len(s)-8:]
}
