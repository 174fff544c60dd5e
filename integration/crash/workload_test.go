//go:build integration

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// workloadEnv holds the plan of a process that is the workload.
const workloadEnv = "WHYPFS_CRASH_WORKLOAD"

// A plan is what a workload does.
type plan struct {
	Dir     string
	Meta    string // driver of the metadata
	Seed    uint64
	Workers int
	Ops     int // of each
	Large   bool
	Kill    string // the process after it finds what is left after a kill, at "any" time or at a sync of such a file; "": it ends
	NoSweep bool
	Wait    bool // without a queue, so that only the workers write
}

func TestMain(m *testing.M) {
	if text := os.Getenv(workloadEnv); text != "" {
		var p plan
		err := json.Unmarshal([]byte(text), &p)
		if err == nil {
			err = p.run(context.Background())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "workload:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// run does what the plan says on the stores in p.Dir, and prints what it does.
func (p plan) run(ctx context.Context) error {
	out := &printer{next: int(p.Seed) * 100_000}
	s, err := openStores(ctx, p.Dir, p.Meta)
	if err != nil {
		return err
	}
	if err := p.makeBuckets(ctx, s, out); err != nil {
		return errors.Join(err, s.close())
	}
	found, err := s.observe(ctx)
	if err != nil {
		return errors.Join(err, s.close())
	}
	out.print(event{What: "found", Found: &found})
	ctx, cancel := context.WithCancel(ctx)
	var jobs, sweeps, workers sync.WaitGroup
	if !p.Wait {
		jobs.Go(func() { s.queue.Run(ctx) })
	}
	for w := range p.Workers {
		workers.Go(func() {
			p.worker(w, direct{s}, out).work(ctx)
		})
	}
	if !p.NoSweep {
		sweeps.Go(func() {
			for ctx.Err() == nil {
				s.buckets.Sweep(ctx) // what it does is seen by the check
			}
		})
	}
	workers.Wait()
	cancel()
	sweeps.Wait()
	jobs.Wait()
	return s.close()
}

// makeBuckets makes the buckets that are not there.
func (p plan) makeBuckets(ctx context.Context, s *stores, out *printer) error {
	for _, name := range []string{private, public, versioned} {
		b, err := s.buckets.Bucket(ctx, name)
		if errors.Is(err, buckets.ErrNoBucket) {
			e := out.begin(event{Op: "bucket", Path: name})
			if b, err = s.buckets.CreateBucket(ctx, 7, name, buckets.BucketOptions{}); err != nil {
				return err
			}
			e.What, e.Result = "end", "ok"
			out.print(e)
		}
		if err == nil && name == public && !b.Policy.Publish {
			_, err = s.buckets.SetPolicy(ctx, name, func(p *buckets.Policy) { p.Publish = true })
		}
		if err == nil && name == versioned && b.Versioning == "" {
			err = s.buckets.SetVersioning(ctx, b, buckets.Enabled)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
