package deals

import (
	"math"
	"time"
)

// halfLife is after how long what a provider did counts half.
const halfLife = 30 * 24 * time.Hour

// A record is what a provider did, the older the less. docs/providers.md has
// the formula that makes a score of it.
type record struct {
	At       time.Time // as of when the figures are
	Asked    float64
	Accepted float64
	Active   float64
	Failed   float64 // deals that it had taken, or that it could not be asked for
	Lost     float64 // of active ones: slashed, terminated
	Timed    float64 // deals of which Hours is the sum
	Hours    float64 // from the proposal to the sector
	Fetched  float64 // samples of stored data that were right
	Unsound  float64 // samples that were wrong or did not come
}

// fade brings a record to the present.
func (r *record) fade(now time.Time) {
	f := 1.0
	if age := now.Sub(r.At); !r.At.IsZero() && age > 0 {
		f = math.Exp2(-age.Hours() / halfLife.Hours())
	}
	for _, x := range []*float64{&r.Asked, &r.Accepted, &r.Active, &r.Failed, &r.Lost, &r.Timed, &r.Hours, &r.Fetched, &r.Unsound} {
		*x *= f
	}
	r.At = now // also if it was later: of a clock that was ahead
}

// lostWeight is how many failures a deal stands for that was lost when it was
// active: it was paid for, and counted on.
const lostWeight = 3

// slowHours is the time from proposal to sector that halves a score.
const slowHours = 144

// score is between 0 and 1. Who was never asked has the benefit of two good
// experiences in three.
func (r record) score(now time.Time) float64 {
	r.fade(now)
	rate := func(good, all float64) float64 { return (good + 2) / (math.Max(all, good) + 3) }
	// One deal that took no time is added, as this ratio would not fade by itself.
	speed := 1 / (1 + r.Hours/(r.Timed+1)/slowHours)
	return rate(r.Accepted, r.Asked) *
		rate(r.Active, r.Active+r.Failed+lostWeight*r.Lost) *
		rate(r.Fetched, r.Fetched+r.Unsound) * speed
}
