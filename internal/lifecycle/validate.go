package lifecycle

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds that S3 sets.
const (
	maxRules    = 1000
	maxID       = 255 // characters
	maxPrefix   = 1024
	maxTagKey   = 128 // characters
	maxTagValue = 256 // characters
	maxNewer    = 100
)

const notValid = "The XML you provided was not well-formed or did not validate against our published schema"

// Validate judges a configuration as S3 does, and gives a name to rules that
// have none. Its error is an *Error.
func (c *Config) Validate() error {
	if len(c.Rules) == 0 || len(c.Rules) > maxRules {
		return malformed(notValid)
	}
	switch c.MinimumSize {
	case "":
		c.MinimumSize = Varies
	case ForAll, Varies:
	default:
		return invalid("Invalid value for x-amz-transition-default-minimum-object-size")
	}
	seen := map[string]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.ID == "" {
			r.ID = newID()
		}
		if utf8.RuneCountInString(r.ID) > maxID {
			return invalid("ID length should not exceed allowed limit of 255")
		}
		if seen[r.ID] {
			return invalid("Rule ID must be unique. Found same ID for more than one rule")
		}
		seen[r.ID] = true
		if err := r.validate(); err != nil {
			return err
		}
	}
	return nil
}

func newID() string {
	var b [18]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (r *Rule) validate() error {
	if r.Status != enabled && r.Status != disabled || (r.Prefix == nil) == (r.Filter == nil) {
		return malformed(notValid)
	}
	if r.Expiration == nil && r.NoncurrentExpiration == nil && r.Abort == nil && len(r.Transitions)+len(r.NoncurrentTransitions) == 0 {
		return notAllowed("At least one action needs to be specified in a rule.")
	}
	w, err := r.validWanted()
	if err != nil {
		return err
	}
	for _, check := range []func(wanted) error{r.validExpiration, r.validTransitions, r.validNoncurrent, r.validAbort} {
		if err := check(w); err != nil {
			return err
		}
	}
	return nil
}

// validWanted judges the filter and returns what it wants.
func (r *Rule) validWanted() (wanted, error) {
	w, ok := r.wanted()
	if !ok {
		return w, malformed(notValid)
	}
	if len(w.prefix) > maxPrefix {
		return w, notAllowed("The maximum size of a prefix is 1024.")
	}
	if w.greater >= w.less {
		return w, notAllowed("'ObjectSizeGreaterThan' has to be a value less than 'ObjectSizeLessThan'.")
	}
	keys := map[string]bool{}
	for _, t := range w.tags {
		if t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagKey || utf8.RuneCountInString(t.Value) > maxTagValue {
			return w, &Error{"InvalidTag", "The tag provided was not a valid tag."}
		}
		if keys[t.Key] {
			return w, notAllowed("Duplicate Tag Keys are not allowed.")
		}
		keys[t.Key] = true
	}
	return w, nil
}

func (r *Rule) validExpiration(w wanted) error {
	e := r.Expiration
	if e == nil {
		return nil
	}
	given := 0
	for _, there := range []bool{e.Days != nil, e.Date != nil, e.DeleteMarker != nil} {
		if there {
			given++
		}
	}
	switch {
	case given != 1:
		return malformed(notValid)
	case e.Days != nil && *e.Days <= 0:
		return invalid("'Days' for Expiration action must be a positive integer")
	case e.DeleteMarker != nil && w.picky():
		return notAllowed("ExpiredObjectDeleteMarker cannot be specified with Tags or object sizes.")
	}
	return validTime("Expiration", e.Days, e.Date)
}

func (r *Rule) validTransitions(wanted) error {
	seen := map[string]bool{}
	for _, t := range r.Transitions {
		if (t.Days == nil) == (t.Date == nil) {
			return malformed(notValid)
		}
		if t.Days != nil && *t.Days < 0 {
			return invalid("'Days' for Transition action must be nonnegative")
		}
		if err := validTime("Transition", t.Days, t.Date); err != nil {
			return err
		}
		if err := validClass(t.Class, seen, "Transition"); err != nil {
			return err
		}
		if err := r.validOrder(t); err != nil {
			return err
		}
	}
	return nil
}

// validOrder refuses a transition that comes after the expiration, or is
// counted in another way.
func (r *Rule) validOrder(t Transition) error {
	first := r.Transitions[0]
	if (first.Days == nil) != (t.Days == nil) {
		return notAllowed("Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule")
	}
	e := r.Expiration
	switch {
	case e == nil || e.DeleteMarker != nil:
	case (e.Days == nil) != (t.Days == nil):
		return notAllowed("Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule")
	case e.Days != nil && *e.Days <= *t.Days:
		return invalid("'Days' in the Expiration action must be greater than 'Days' in the Transition action")
	case e.Date != nil && !e.Date.After(t.Date.Time):
		return invalid("'Date' in the Expiration action must be later than 'Date' in the Transition action")
	}
	return nil
}

func (r *Rule) validNoncurrent(wanted) error {
	if e := r.NoncurrentExpiration; e != nil {
		if err := validReplaced("NoncurrentVersionExpiration", e.Days, e.Newer, 1); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, t := range r.NoncurrentTransitions {
		if err := validReplaced("NoncurrentVersionTransition", t.Days, t.Newer, 0); err != nil {
			return err
		}
		if err := validClass(t.Class, seen, "NoncurrentVersionTransition"); err != nil {
			return err
		}
		if e := r.NoncurrentExpiration; e != nil && *e.Days <= *t.Days {
			return invalid("'NoncurrentDays' in the NoncurrentVersionExpiration action must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action")
		}
	}
	return nil
}

func validReplaced(action string, days, newer *int64, least int64) error {
	switch {
	case days == nil:
		return malformed(notValid)
	case *days < least:
		return invalid(fmt.Sprintf("'NoncurrentDays' for %s action must be at least %d", action, least))
	case newer != nil && (*newer < 1 || *newer > maxNewer):
		return invalid(fmt.Sprintf("'NewerNoncurrentVersions' for %s action must be within 1 to %d", action, maxNewer))
	}
	return tooFar(action, *days)
}

func (r *Rule) validAbort(w wanted) error {
	switch {
	case r.Abort == nil:
		return nil
	case r.Abort.Days == nil:
		return malformed(notValid)
	case *r.Abort.Days <= 0:
		return invalid("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
	case w.picky():
		return notAllowed("AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes.")
	}
	return tooFar("AbortIncompleteMultipartUpload", *r.Abort.Days)
}

func validTime(action string, days *int64, date *Date) error {
	if days != nil {
		return tooFar(action, *days)
	}
	if date != nil && !date.Equal(date.Truncate(24*time.Hour)) {
		return invalid("'Date' must be at midnight GMT")
	}
	return nil
}

// tooFar refuses numbers of days that are no time any more.
func tooFar(action string, days int64) error {
	if days > maxDays {
		return invalid(fmt.Sprintf("'Days' for %s action is larger than %d", action, int64(maxDays)))
	}
	return nil
}

func validClass(class string, seen map[string]bool, action string) error {
	switch {
	case class == "":
		return malformed(notValid)
	case depth(class) == 0:
		return &Error{"InvalidStorageClass", "Objects can move to the storage classes " + strings.Join(Classes, ", ") + " only"}
	case seen[class]:
		return notAllowed("'StorageClass' must be different for '" + action + "' actions in same 'Rule'")
	}
	seen[class] = true
	return nil
}
