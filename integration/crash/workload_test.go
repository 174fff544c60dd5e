//go:build integration

package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// workloadEnv holds the plan of a process that is the workload.
const workloadEnv = "WHYPFS_CRASH_WORKLOAD"

// A plan is what a workload does.
type plan struct {
	Dir     string
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
	s, err := openStores(ctx, p.Dir)
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
			worker{p, s, out, rand.New(rand.NewPCG(p.Seed, uint64(w))), fmt.Sprintf("w%d/", w)}.work(ctx)
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
			out.end(e, nil)
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

// A worker has keys of its own, so that it knows in which order they change.
type worker struct {
	plan
	*stores
	out    *printer
	r      *rand.Rand
	prefix string
}

func (w worker) work(ctx context.Context) {
	for range w.Ops {
		name := []string{private, public, versioned}[w.r.IntN(3)]
		b, err := w.buckets.Bucket(ctx, name)
		if err != nil {
			continue
		}
		key := fmt.Sprintf("%sk%d", w.prefix, w.r.IntN(5))
		switch act := w.r.IntN(20); {
		case act < 9:
			w.put(ctx, b, key)
		case act < 13:
			w.remove(ctx, b, key)
		case act < 17:
			w.copy(ctx, b, key)
		default:
			w.multipart(ctx, b, key)
		}
	}
}

// refused says that an operation had no effect, for a good reason.
func refused(err error) bool {
	for _, e := range []error{buckets.ErrNoObject, buckets.ErrNoVersion, node.ErrNotFound, buckets.ErrNoUpload, buckets.ErrInvalidPart} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// body chooses one that many share, or a new one.
func (w worker) body() string {
	if w.Large && w.r.IntN(4) == 0 {
		return newBody(w.r.Uint64N(3), 2<<20+77)
	}
	size := []int{0, 1, 200, 1500, 5000, 20_000, 40_000}[w.r.IntN(7)]
	if w.r.IntN(2) == 0 {
		return newBody(w.r.Uint64N(4), size)
	}
	return newBody(w.r.Uint64()>>1, size)
}

func attributes(body string) buckets.Attributes {
	return buckets.Attributes{Meta: map[string]string{"body": body}}
}

func reader(body string) buckets.Upload {
	b, err := bytesOf(body)
	if err != nil {
		panic(err)
	}
	return buckets.Upload{Body: bytes.NewReader(b)}
}

func (w worker) put(ctx context.Context, b buckets.Bucket, key string) {
	body := w.body()
	e := w.out.begin(event{Op: "put", Path: b.Name + "/" + key, Body: body})
	o, err := w.buckets.Put(ctx, b, key, 7, reader(body), attributes(body), buckets.Conditions{})
	e.Version, e.CID = o.VersionID(), o.CID.String()
	w.out.end(e, err)
}

func (w worker) copy(ctx context.Context, b buckets.Bucket, key string) {
	from, err := w.buckets.Bucket(ctx, []string{private, public, versioned}[w.r.IntN(3)])
	if err != nil {
		return
	}
	src, err := w.buckets.Head(ctx, from, fmt.Sprintf("w%d/k%d", w.r.IntN(w.Workers), w.r.IntN(5)), "")
	if err != nil {
		return
	}
	body := src.Meta["body"]
	e := w.out.begin(event{Op: "copy", Path: b.Name + "/" + key, Body: body})
	o, err := w.buckets.Copy(ctx, src, b, key, 7, attributes(body), buckets.Conditions{})
	e.Version, e.CID = o.VersionID(), o.CID.String()
	w.out.end(e, err)
}

func (w worker) remove(ctx context.Context, b buckets.Bucket, key string) {
	e := event{Op: "delete", Path: b.Name + "/" + key}
	if b.Name == versioned && w.r.IntN(2) == 0 {
		page, err := w.buckets.Versions(ctx, b, buckets.VersionQuery{Prefix: key, Max: 10})
		if err != nil || len(page.Versions) == 0 {
			return
		}
		e.Op, e.Version = "delete version", page.Versions[w.r.IntN(len(page.Versions))].VersionID()
	}
	e = w.out.begin(e)
	d, err := w.buckets.Delete(ctx, b, key, buckets.DeleteOptions{Version: e.Version})
	if err == nil {
		e.Version = d.Version
	}
	w.out.end(e, err)
}

// multipart uploads in parts: one, or two if they may be large.
func (w worker) multipart(ctx context.Context, b buckets.Bucket, key string) {
	bodies := []string{newBody(w.r.Uint64()>>1, 1+w.r.IntN(9000))}
	if w.Large {
		bodies = []string{newBody(w.r.Uint64()>>1, 5<<20), bodies[0]}
	}
	all := strings.Join(bodies, "+")
	path := b.Name + "/" + key
	e := w.out.begin(event{Op: "create", Path: path, Body: all})
	u, err := w.buckets.CreateUpload(ctx, b, key, 7, 7, attributes(all), "")
	e.Upload = u.ID
	w.out.end(e, err)
	if err != nil {
		return
	}
	part := func(n int, body string) (buckets.Part, error) {
		e := w.out.begin(event{Op: "part", Path: path, Body: body, Upload: u.ID, Part: n})
		p, err := w.buckets.PutPart(ctx, b, key, u.ID, n, reader(body))
		e.CID = p.CID.String()
		w.out.end(e, err)
		return p, err
	}
	if w.r.IntN(3) == 0 { // and replaced
		if _, err := part(1, w.body()); err != nil {
			return
		}
	}
	var list []buckets.CompletedPart
	for i, body := range bodies {
		p, err := part(i+1, body)
		if err != nil {
			return
		}
		list = append(list, buckets.CompletedPart{Number: i + 1, ETag: p.ETag})
	}
	switch w.r.IntN(6) {
	case 0: // it stays in progress
	case 1:
		e := w.out.begin(event{Op: "abort", Path: path, Upload: u.ID})
		w.out.end(e, w.buckets.Abort(ctx, b, key, u.ID))
	default:
		e := w.out.begin(event{Op: "complete", Path: path, Body: all, Upload: u.ID})
		o, err := w.buckets.Complete(ctx, b, key, u.ID, list, nil, buckets.Conditions{})
		e.Version, e.CID = o.VersionID(), o.CID.String()
		w.out.end(e, err)
	}
}
