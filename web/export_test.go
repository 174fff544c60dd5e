package web

import (
	"net/netip"
	"time"
)

// What tests of this package's parsers and formats use.
var (
	LocalPath   = localPath
	Disposition = disposition
	BytesText   = bytesText
	SpanText    = spanText
	CountText   = countText
	Plural      = plural
	LatencyText = latencyText
	NewLimiter  = newLimiter
	NewAPIView  = newAPIView
)

const (
	MaxAttempts  = maxAttempts
	MaxAddresses = maxAddresses
	AttemptEvery = attemptEvery
)

func (l *limiter) Len() int                                { return len(l.left) }
func (l *limiter) Take(a netip.Addr) (time.Duration, bool) { return l.take(a) }
func (l *limiter) GiveBack(a netip.Addr)                   { l.giveBack(a) }

// Route is a line of the table of routes.
type Route struct {
	Pattern        string
	Admin, Anybody bool
}

// Routes are all of them.
func Routes() (list []Route) {
	for _, rt := range new(server).routes() {
		list = append(list, Route{rt.pattern, rt.access == admin, rt.access == anybody || rt.access == file})
	}
	return list
}
