package main

import (
	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/buckets"
)

// retrieval is the settings of what the queue brings back from providers. What
// readers wait for is in no queue.
type retrieval struct {
	Workers     int
	PerHour     size
	PerDay      size
	PerProvider int
}

func (r *retrieval) flags(fs *pflag.FlagSet) {
	fs.IntVar(&r.Workers, "retrieve-workers", 4, "queued retrievals that run at once; readers are in no queue")
	fs.Var(&r.PerHour, "retrieve-per-hour", "bytes that queued retrievals ask for in an hour of the clock; 0: no bound. What readers fetch is neither bounded nor counted")
	fs.Var(&r.PerDay, "retrieve-per-day", "bytes that they ask for in 24 hours; 0: no bound")
	fs.IntVar(&r.PerProvider, "retrieve-per-provider", 8, "requests under way at one provider for queued retrievals; 0: no bound")
}

func (r *retrieval) check(bad func(format string, args ...any)) {
	if r.Workers < 1 || r.Workers > 64 {
		bad("--retrieve-workers is 1 to 64")
	}
	if r.PerProvider < 0 {
		bad("--retrieve-per-provider: %d is negative", r.PerProvider)
	}
}

func (r *retrieval) options() buckets.RetrievalOptions {
	return buckets.RetrievalOptions{Workers: r.Workers, PerHour: int64(r.PerHour), PerDay: int64(r.PerDay)}
}
