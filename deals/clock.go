package deals

import "time"

// The clock may be set, by minutes or by years. Times that were written before
// that are then of the future, or of long ago, and what is decided by them must
// not hang until the clock gets there.

// within says that a time is nearer to now than a span, in the past, or, if the
// clock was set back since, in the future.
func within(t, now time.Time, span time.Duration) bool {
	return !t.IsZero() && now.Sub(t).Abs() < span
}

// waits says that a wait is not over. One that has more left than it could have
// had at its beginning is of a clock that was ahead, and over.
func waits(until, now time.Time, whole time.Duration) bool {
	return now.Before(until) && until.Sub(now) <= whole
}

// took is how long a deal was on its way to a sector. By its start epoch it is
// there: what is more is a clock that was set.
func (d *Deals) took(row dealRow, now time.Time) time.Duration {
	lead := d.opt.StartLead
	if row.Offline {
		lead = max(lead, offlineLead)
	}
	return max(0, min(now.Sub(row.Created), time.Duration(lead)*epochTime))
}
