//go:build integration

package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A worker has keys of its own, so that it knows in which order they change.
type worker struct {
	plan
	target
	out    *printer
	r      *rand.Rand
	number int
}

func (p plan) worker(number int, t target, out *printer) worker {
	return worker{p, t, out, rand.New(rand.NewPCG(p.Seed, uint64(number))), number}
}

// work makes as many operations as the plan says; 0 are as many as there can be until ctx ends.
func (w worker) work(ctx context.Context) {
	for n := 0; ctx.Err() == nil && (w.Ops == 0 || n < w.Ops); n++ {
		bucket := []string{private, public, versioned}[w.r.IntN(3)]
		key := fmt.Sprintf("w%d/k%d", w.number, w.r.IntN(5))
		switch act := w.r.IntN(20); {
		case act < 9:
			w.doPut(ctx, bucket, key)
		case act < 13:
			w.doRemove(ctx, bucket, key)
		case act < 17:
			w.doCopy(ctx, bucket, key)
		default:
			w.doMultipart(ctx, bucket, key)
		}
	}
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

// end prints the end of an operation.
func (w worker) end(e event, err error) {
	e.What, e.Result = "end", "ok"
	if err != nil {
		e.Result, e.Err = "failed", err.Error()
		if w.refused(err) {
			e.Result = "refused"
		}
	}
	w.out.print(e)
}

func (w worker) doPut(ctx context.Context, bucket, key string) {
	body := w.body()
	e := w.out.begin(event{Op: "put", Path: bucket + "/" + key, Body: body})
	m, err := w.put(ctx, bucket, key, body)
	e.Version, e.CID = m.version, m.cid
	w.end(e, err)
}

func (w worker) doCopy(ctx context.Context, bucket, key string) {
	from := []string{private, public, versioned}[w.r.IntN(3)]
	src, err := w.head(ctx, from, fmt.Sprintf("w%d/k%d", w.r.IntN(w.Workers), w.r.IntN(5)))
	if err != nil {
		return
	}
	e := w.out.begin(event{Op: "copy", Path: bucket + "/" + key, Body: src.body})
	m, err := w.copy(ctx, src, bucket, key)
	e.Version, e.CID = m.version, m.cid
	w.end(e, err)
}

func (w worker) doRemove(ctx context.Context, bucket, key string) {
	e := event{Op: "delete", Path: bucket + "/" + key}
	if bucket == versioned && w.r.IntN(2) == 0 {
		ids, err := w.versions(ctx, bucket, key)
		if err != nil || len(ids) == 0 {
			return
		}
		e.Op, e.Version = "delete version", ids[w.r.IntN(len(ids))]
	}
	e = w.out.begin(e)
	version, err := w.remove(ctx, bucket, key, e.Version)
	if err == nil {
		e.Version = version
	}
	w.end(e, err)
}

// doMultipart uploads in parts: one, or two if they may be large.
func (w worker) doMultipart(ctx context.Context, bucket, key string) {
	bodies := []string{newBody(w.r.Uint64()>>1, 1+w.r.IntN(9000))}
	if w.Large {
		bodies = []string{newBody(w.r.Uint64()>>1, 5<<20), bodies[0]}
	}
	all := strings.Join(bodies, "+")
	path := bucket + "/" + key
	e := w.out.begin(event{Op: "create", Path: path, Body: all})
	upload, err := w.create(ctx, bucket, key, all)
	e.Upload = upload
	w.end(e, err)
	if err != nil {
		return
	}
	part := func(n int, body string) (string, error) {
		e := w.out.begin(event{Op: "part", Path: path, Body: body, Upload: upload, Part: n})
		etag, cid, err := w.part(ctx, bucket, key, upload, n, body)
		e.CID = cid
		w.end(e, err)
		return etag, err
	}
	if w.r.IntN(3) == 0 { // and replaced
		if _, err := part(1, w.body()); err != nil {
			return
		}
	}
	var etags []string
	for i, body := range bodies {
		etag, err := part(i+1, body)
		if err != nil {
			return
		}
		etags = append(etags, etag)
	}
	switch w.r.IntN(6) {
	case 0: // it stays in progress
	case 1:
		e := w.out.begin(event{Op: "abort", Path: path, Upload: upload})
		w.end(e, w.abort(ctx, bucket, key, upload))
	default:
		e := w.out.begin(event{Op: "complete", Path: path, Body: all, Upload: upload})
		m, err := w.complete(ctx, bucket, key, upload, etags)
		e.Version, e.CID = m.version, m.cid
		w.end(e, err)
	}
}
