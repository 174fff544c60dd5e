package lifecycle

import (
	"encoding/xml"
	"time"
)

// Config is a bucket's lifecycle configuration: S3's document of that name.
type Config struct {
	XMLName xml.Name `xml:"LifecycleConfiguration" json:"-"`
	Rules   []Rule   `xml:"Rule"`
	// MinimumSize is the header x-amz-transition-default-minimum-object-size of
	// the request that set the rules; Validate makes it Varies when there was
	// none, where S3 would make it ForAll: a small object costs nothing extra here.
	MinimumSize string `xml:"-" json:",omitempty"`
}

// Rule is one rule. Of Prefix, which S3 used before there were filters, and
// Filter it has exactly one.
type Rule struct {
	ID                    string                 `xml:"ID"`
	Prefix                *string                `xml:"Prefix" json:",omitempty"`
	Filter                *Filter                `xml:"Filter" json:",omitempty"`
	Status                string                 `xml:"Status"`
	Transitions           []Transition           `xml:"Transition" json:",omitempty"`
	Expiration            *Expiration            `xml:"Expiration" json:",omitempty"`
	NoncurrentTransitions []NoncurrentTransition `xml:"NoncurrentVersionTransition" json:",omitempty"`
	NoncurrentExpiration  *NoncurrentExpiration  `xml:"NoncurrentVersionExpiration" json:",omitempty"`
	Abort                 *Abort                 `xml:"AbortIncompleteMultipartUpload" json:",omitempty"`
}

// Filter says which objects a rule is for; an empty one is for all.
type Filter struct {
	Condition
	Tag *Tag       `xml:"Tag" json:",omitempty"`
	And *Conjoined `xml:"And" json:",omitempty"`
}

// Conjoined is a filter's And.
type Conjoined struct {
	Condition
	Tags []Tag `xml:"Tag" json:",omitempty"`
}

// Condition is what a filter and its And have in common.
type Condition struct {
	Prefix      *string `xml:"Prefix" json:",omitempty"`
	GreaterThan *int64  `xml:"ObjectSizeGreaterThan" json:",omitempty"` // bytes
	LessThan    *int64  `xml:"ObjectSizeLessThan" json:",omitempty"`    // bytes
}

// Tag is a tag that an object must have.
type Tag struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

// Expiration of current versions: by one of Days and Date, or of delete
// markers that no version is behind.
type Expiration struct {
	Days         *int64 `xml:"Days" json:",omitempty"`
	Date         *Date  `xml:"Date" json:",omitempty"`
	DeleteMarker *bool  `xml:"ExpiredObjectDeleteMarker" json:",omitempty"`
}

// Transition of current versions to another storage class, by one of Days and Date.
type Transition struct {
	Days  *int64 `xml:"Days" json:",omitempty"`
	Date  *Date  `xml:"Date" json:",omitempty"`
	Class string `xml:"StorageClass"`
}

// NoncurrentExpiration removes versions that were replaced Days ago, but the newest Newer of them.
type NoncurrentExpiration struct {
	Days  *int64 `xml:"NoncurrentDays" json:",omitempty"`
	Newer *int64 `xml:"NewerNoncurrentVersions" json:",omitempty"`
}

// NoncurrentTransition moves such versions to another storage class.
type NoncurrentTransition struct {
	Days  *int64 `xml:"NoncurrentDays" json:",omitempty"`
	Newer *int64 `xml:"NewerNoncurrentVersions" json:",omitempty"`
	Class string `xml:"StorageClass"`
}

// Abort removes uploads that were not completed Days after they began.
type Abort struct {
	Days *int64 `xml:"DaysAfterInitiation" json:",omitempty"`
}

// Date is a day: midnight UTC.
type Date struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler: a day alone, or a time as
// ISO 8601 has it.
func (d *Date) UnmarshalText(text []byte) (err error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if d.Time, err = time.Parse(layout, string(text)); err == nil {
			d.Time = d.UTC()
			return nil
		}
	}
	return invalid("'Date' must be a time in ISO 8601 format")
}

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) {
	return []byte(d.UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// MarshalJSON keeps time.Time's own from being taken for the text form's.
func (d Date) MarshalJSON() ([]byte, error) { return d.Time.MarshalJSON() }

const (
	enabled  = "Enabled"
	disabled = "Disabled"
)

func (r *Rule) enabled() bool { return r.Status == enabled }

// Error is what is wrong with a configuration, in S3's words; the client made the mistake.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func malformed(message string) error  { return &Error{"MalformedXML", message} }
func invalid(message string) error    { return &Error{"InvalidArgument", message} }
func notAllowed(message string) error { return &Error{"InvalidRequest", message} }
