package buckets

import "time"

// LockMode says who may end a retention.
type LockMode string

const (
	Governance LockMode = "GOVERNANCE" // who may bypass it
	Compliance LockMode = "COMPLIANCE" // nobody, before its time
)

// Retention keeps a version from being removed until a time; the zero value does not.
type Retention struct {
	Mode  LockMode
	Until time.Time
}

// DefaultRetention is what new objects of a bucket get that come without one.
// One of Days and Years is set.
type DefaultRetention struct {
	Mode        LockMode
	Days, Years int
}

// ObjectLock is a bucket's configuration of object lock.
type ObjectLock struct {
	Default *DefaultRetention
}
