package queue

import (
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// readJob reads a job row of the store.
func (q *Queue) readJob(from kv.Row) (Job, error) {
	var kind, id string
	if err := kv.Unkey(from.Key, nil, nil, &kind, &id); err != nil {
		return Job{}, err
	}
	r, err := decodeRow(from.Value)
	if err != nil {
		return Job{}, fmt.Errorf("job %s/%s: %w", kind, id, err)
	}
	return Job{
		Kind: kind, ID: id, Due: r.Due, Tries: r.Tries, Reason: r.Reason, Added: r.Added,
		Running: q.isRunning(kind, id),
	}, nil
}
