package buckets

import (
	"context"
	"errors"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// JobsOf returns the jobs there are that take a content further on its way into
// deals, or bring back or give up its blocks.
func (b *Buckets) JobsOf(ctx context.Context, c Content) ([]queue.Job, error) {
	on := [][2]string{{jobRestore, contentJobID(c.ID)}, {jobRelease, contentJobID(c.ID)}}
	if c.Zone == 0 {
		on = append(on, [2]string{jobAssign, c.Bucket})
	} else {
		on = append(on, [2]string{jobSeal, zoneJobID(c.Zone)}, [2]string{jobZone, zoneJobID(c.Zone)})
	}
	var jobs []queue.Job
	for _, j := range on {
		job, err := b.queue.Job(ctx, j[0], j[1])
		if errors.Is(err, kv.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}
