package lifecycle

import (
	"math"
	"slices"
	"strings"
	"time"
)

const (
	fullDay = 24 * time.Hour
	// maxDays is some hundred years more than anybody waits; a Duration holds 292 years.
	maxDays = 100 * 366
)

// Values of Config.MinimumSize. Objects under 128 KiB stay where they are, or
// do so only if they are to move to GLACIER_IR.
const (
	ForAll = "all_storage_classes_128K"
	Varies = "varies_by_storage_class"
)

// smallest is the size from which on objects move wherever a rule says.
const smallest = 128 << 10

// Classes are the storage classes that rules can move objects to, from the
// one that is the quickest to read to the one that is the slowest.
var Classes = []string{"GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"}

// depth orders the storage classes; objects move down only.
func depth(class string) int { return slices.Index(Classes, class) + 1 }

// Clock counts days. The zero value counts real ones: what is due after a
// number of days is due at the midnight UTC that follows, as S3 has it.
// Another length of a day is for tests, and is not rounded.
type Clock struct{ Day time.Duration }

// After is when something that is due days after t is due.
func (c Clock) After(t time.Time, days int64) time.Time {
	days = min(days, maxDays)
	if c.Real() {
		due := t.UTC().Add(time.Duration(days) * fullDay)
		if midnight := due.Truncate(fullDay); !midnight.Equal(due) {
			due = midnight.Add(fullDay)
		}
		return due
	}
	return t.Add(time.Duration(days) * c.Day)
}

// Next is when rules are to be looked at again: after the next midnight UTC,
// as nothing becomes due before. Shorter days are quartered, so that what is
// due is seen soon.
func (c Clock) Next(now time.Time) time.Time {
	if c.Real() {
		return now.UTC().Truncate(fullDay).Add(fullDay)
	}
	return now.Add(max(c.Day/4, time.Millisecond))
}

// Real says whether days are as long as usual.
func (c Clock) Real() bool { return c.Day == 0 || c.Day == fullDay }

// Item is a version of an object as rules see it.
type Item struct {
	Key      string
	Size     int64
	Modified time.Time
	Class    string // storage class; "" and STANDARD are the same
	// Tag returns the value of one of its tags; nil if it has none.
	Tag func(key string) (value string, ok bool)
}

// Replaced says since when a version is not the current one any more, and how
// many versions of the key, not the current one, are newer.
type Replaced struct {
	Since time.Time
	Newer int64
}

// Expiry says when the current version expires, and which rule says so.
func (c *Config) Expiry(it Item, clock Clock) (due time.Time, rule string, ok bool) {
	for r := range c.matching(it) {
		e := r.Expiration
		if e == nil || e.DeleteMarker != nil {
			continue
		}
		at := when(e.Days, e.Date, it.Modified, clock)
		if !ok || at.Before(due) {
			due, rule, ok = at, r.ID, true
		}
	}
	return due, rule, ok
}

// Transition returns the storage class that the current version is to have by
// now; "" if it stays as it is.
func (c *Config) Transition(it Item, clock Clock, now time.Time) string {
	class := it.Class
	for r := range c.matching(it) {
		for _, t := range r.Transitions {
			if !when(t.Days, t.Date, it.Modified, clock).After(now) && c.moves(r, it, t.Class) && depth(t.Class) > depth(class) {
				class = t.Class
			}
		}
	}
	return news(class, it.Class)
}

// Noncurrent says whether a version that was replaced is to be removed by now.
func (c *Config) Noncurrent(it Item, was Replaced, clock Clock, now time.Time) bool {
	for r := range c.matching(it) {
		if e := r.NoncurrentExpiration; e != nil && was.due(e.Days, e.Newer, clock, now) {
			return true
		}
	}
	return false
}

// NoncurrentTransition is Transition for a version that was replaced.
func (c *Config) NoncurrentTransition(it Item, was Replaced, clock Clock, now time.Time) string {
	class := it.Class
	for r := range c.matching(it) {
		for _, t := range r.NoncurrentTransitions {
			if was.due(t.Days, t.Newer, clock, now) && c.moves(r, it, t.Class) && depth(t.Class) > depth(class) {
				class = t.Class
			}
		}
	}
	return news(class, it.Class)
}

// Marker says whether a delete marker without any version behind it is to be
// removed by now: a rule for such markers says so at once, one that expires
// objects when the marker is as old.
func (c *Config) Marker(key string, made time.Time, clock Clock, now time.Time) bool {
	for r := range c.forKey(key) {
		e := r.Expiration
		switch {
		case e == nil:
		case e.DeleteMarker != nil:
			if *e.DeleteMarker {
				return true
			}
		case !when(e.Days, e.Date, made, clock).After(now):
			return true
		}
	}
	return false
}

// Upload says when an upload that was not completed is given up, and which rule says so.
func (c *Config) Upload(key string, started time.Time, clock Clock) (due time.Time, rule string, ok bool) {
	for r := range c.forKey(key) {
		if r.Abort == nil {
			continue
		}
		at := clock.After(started, *r.Abort.Days)
		if !ok || at.Before(due) {
			due, rule, ok = at, r.ID, true
		}
	}
	return due, rule, ok
}

// Prefixes returns the beginnings of all keys that a rule which is enabled
// can be for, sorted, none of them the beginning of another.
func (c *Config) Prefixes() []string {
	var all []string
	for i := range c.Rules {
		if w, ok := c.Rules[i].wanted(); ok && c.Rules[i].enabled() {
			all = append(all, w.prefix)
		}
	}
	slices.Sort(all)
	var out []string
	for _, p := range all {
		if n := len(out); n == 0 || !strings.HasPrefix(p, out[n-1]) {
			out = append(out, p)
		}
	}
	return out
}

// matching yields the rules that are for it.
func (c *Config) matching(it Item) func(func(*Rule) bool) {
	return c.each(func(w wanted) bool { return w.match(it) })
}

// forKey yields the rules for something that has neither tags nor a size.
func (c *Config) forKey(key string) func(func(*Rule) bool) {
	return c.each(func(w wanted) bool { return !w.picky() && strings.HasPrefix(key, w.prefix) })
}

func (c *Config) each(matches func(wanted) bool) func(func(*Rule) bool) {
	return func(yield func(*Rule) bool) {
		for i := range c.Rules {
			r := &c.Rules[i]
			if !r.enabled() {
				continue
			}
			if w, ok := r.wanted(); ok && matches(w) && !yield(r) {
				return
			}
		}
	}
}

// moves says whether an object is large enough for a class, unless the rule
// itself speaks of sizes.
func (c *Config) moves(r *Rule, it Item, class string) bool {
	if w, _ := r.wanted(); w.sized() || it.Size >= smallest {
		return true
	}
	return c.MinimumSize != ForAll && class != Classes[0]
}

func when(days *int64, date *Date, from time.Time, clock Clock) time.Time {
	if date != nil {
		return date.Time
	}
	return clock.After(from, *days)
}

func (p Replaced) due(days, newer *int64, clock Clock, now time.Time) bool {
	return (newer == nil || p.Newer >= *newer) && !clock.After(p.Since, *days).After(now)
}

func news(class, old string) string {
	if class == old {
		return ""
	}
	return class
}

// wanted is all that a rule's filter asks for.
type wanted struct {
	prefix        string
	tags          []Tag
	greater, less int64 // bytes
}

// wanted joins the conditions of a rule; false if none can meet them.
func (r *Rule) wanted() (w wanted, ok bool) {
	w = wanted{greater: -1, less: math.MaxInt64}
	if r.Prefix != nil {
		w.prefix = *r.Prefix
	}
	f := r.Filter
	if f == nil {
		return w, true
	}
	ok = w.add(f.Condition)
	if f.Tag != nil {
		w.tags = append(w.tags, *f.Tag)
	}
	if f.And != nil {
		ok = w.add(f.And.Condition) && ok
		w.tags = append(w.tags, f.And.Tags...)
	}
	return w, ok
}

func (w *wanted) add(c Condition) bool {
	if c.GreaterThan != nil {
		if *c.GreaterThan < 0 {
			return false
		}
		w.greater = max(w.greater, *c.GreaterThan)
	}
	if c.LessThan != nil {
		if *c.LessThan < 1 {
			return false
		}
		w.less = min(w.less, *c.LessThan)
	}
	if c.Prefix == nil || strings.HasPrefix(w.prefix, *c.Prefix) {
		return true
	}
	longer := strings.HasPrefix(*c.Prefix, w.prefix)
	w.prefix = *c.Prefix
	return longer
}

// picky says that more than the key matters.
func (w wanted) picky() bool { return len(w.tags) > 0 || w.sized() }

func (w wanted) sized() bool { return w.greater >= 0 || w.less < math.MaxInt64 }

func (w wanted) match(it Item) bool {
	if !strings.HasPrefix(it.Key, w.prefix) || it.Size <= w.greater || it.Size >= w.less {
		return false
	}
	for _, t := range w.tags {
		if it.Tag == nil {
			return false
		}
		if v, ok := it.Tag(t.Key); !ok || v != t.Value {
			return false
		}
	}
	return true
}
