package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A v1Load is uploads and pins over Estuary V1's API, beside S3's traffic.
type v1Load struct {
	clients, files int // that upload at once; that each of them uploads, one after the other
	pins           int
	alone          time.Duration // S3's traffic by itself, before
	resident       int64         // MiB that the node may have resident
}

func (l *v1Load) flags() {
	flag.IntVar(&l.clients, "clients", 200, "-v1: clients that upload at once")
	flag.IntVar(&l.files, "files", 10, "-v1: files that each of them uploads")
	flag.IntVar(&l.pins, "pins", 10_000, "-v1: pins")
	flag.DurationVar(&l.alone, "alone", 20*time.Second, "-v1: how long S3's traffic is measured by itself")
	flag.Int64Var(&l.resident, "resident", 2048, "-v1: MiB that may be resident")
}

const (
	pinClients  = 16 // that ask for pins at once
	readClients = 16 // that read everything back at once
	// A pin that lasts so long while no other is pinned counts as lost.
	pinStall = 2 * time.Minute
)

// The kinds of bytes, so that no two things share a block.
const (
	uploadKind = iota
	pinKind
	objectKind
)

// v1Env is what the measured node is started with. All clients come from one
// address, for which the API's limit of requests is not meant; the caches are
// what they are on a machine of 4 GiB, so that memory means the same on all.
var v1Env = []string{"WHYPFS_API_RATE=0", "WHYPFS_BLOCK_CACHE=256MiB"}

// A v1Run is one run of such a load.
type v1Run struct {
	bench
	load   v1Load
	origin *v1Node // has what is pinned
	node   *v1Node

	uploaded, pinned []thing // in the order they were made
	traffic          *traffic

	alone, beside, after requests // S3's: by itself; beside uploads and pins; beside pins
	uploadsDone          atomic.Bool
	uploads, asks        spread // how long an upload, and a request for a pin, took
	looks                spread // how long it took to list pins meanwhile
	uploading            time.Duration
	asking               time.Duration
	pinning              pinProgress
	memory               memory
	cpu                  time.Duration
	took, ready          time.Duration // under load; the start after the kill
	read                 int64         // bytes, afterwards
	reading              time.Duration
}

// v1 measures the load and prints what it found. It fails if anything that was
// acknowledged is not there afterwards, or memory has no bound.
func (b bench) v1(ctx context.Context, l v1Load) (*v1Run, error) {
	r := &v1Run{bench: b, load: l}
	defer func() {
		for _, n := range []*v1Node{r.origin, r.node} {
			if n != nil {
				n.stop()
			}
		}
	}()
	for _, step := range []func(context.Context) error{r.prepare, r.besides, r.under, r.restart, r.check} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r, r.write(os.Stdout)
}

// prepare starts both nodes, and gives one of them what is to be pinned.
func (r *v1Run) prepare(ctx context.Context) (err error) {
	if r.origin, err = r.startV1(ctx, "origin", "WHYPFS_API_RATE=0"); err != nil {
		return err
	}
	if r.node, err = r.startV1(ctx, "node", v1Env...); err != nil {
		return err
	}
	if err := errors.Join(r.origin.setup(ctx, r.bench), r.node.setup(ctx, r.bench), r.node.makeBucket(ctx)); err != nil {
		return err
	}
	r.pinned = make([]thing, r.load.pins)
	err = each(ctx, 2*pinClients, len(r.pinned), func(ctx context.Context, i int) (err error) {
		r.pinned[i], err = r.origin.upload(ctx, newThing(pinKind, i))
		return err
	})
	if err != nil {
		return fmt.Errorf("fill the origin: %w", err)
	}
	fmt.Fprintf(os.Stderr, "the origin has %d files\n", len(r.pinned))
	return nil
}

// besides measures S3's traffic by itself.
func (r *v1Run) besides(ctx context.Context) error {
	r.traffic = &traffic{s: r.node.server}
	stop := time.AfterFunc(r.load.alone, r.traffic.stop)
	defer stop.Stop()
	return r.traffic.run(ctx, func() *requests { return &r.alone })
}

// under has all of it run at once, until every upload is acknowledged and every
// pin is pinned.
func (r *v1Run) under(ctx context.Context) error {
	before, begin := r.node.cpu(), time.Now()
	watch, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.memory.sample(watch, r.node.server) })
	g.Go(func() error {
		return r.traffic.run(ctx, func() *requests {
			if r.uploadsDone.Load() {
				return &r.after
			}
			return &r.beside
		})
	})
	g.Go(func() error {
		defer stop()
		defer r.traffic.stop()
		work, ctx := errgroup.WithContext(ctx)
		work.Go(func() error { return r.upload(ctx) })
		work.Go(func() error { return r.pin(ctx) })
		return work.Wait()
	})
	err := g.Wait()
	r.took, r.cpu = time.Since(begin), r.node.cpu()-before
	return err
}

// upload has every client upload its files.
func (r *v1Run) upload(ctx context.Context) error {
	begin := time.Now()
	r.uploaded = make([]thing, r.load.clients*r.load.files)
	err := each(ctx, r.load.clients, len(r.uploaded), func(ctx context.Context, i int) (err error) {
		sent := time.Now()
		r.uploaded[i], err = r.node.upload(ctx, newThing(uploadKind, i))
		r.uploads.add(time.Since(sent))
		return err
	})
	r.uploading = time.Since(begin)
	r.uploadsDone.Store(true)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	fmt.Fprintf(os.Stderr, "%d uploads in %s\n", len(r.uploaded), r.uploading.Round(time.Millisecond))
	return nil
}

// pin asks for all pins, and waits for them.
func (r *v1Run) pin(ctx context.Context) error {
	begin := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.pinning.follow(ctx, r.node, len(r.pinned), &r.looks) })
	g.Go(func() error {
		err := each(ctx, pinClients, len(r.pinned), func(ctx context.Context, i int) (err error) {
			sent := time.Now()
			r.pinned[i].id, err = r.node.pin(ctx, r.pinned[i], r.origin.addr["libp2p"])
			r.asks.add(time.Since(sent))
			return err
		})
		r.asking = time.Since(begin)
		if err != nil {
			return fmt.Errorf("ask for pins: %w", err)
		}
		return nil
	})
	return g.Wait()
}

// restart kills the node, whatever it is at, ends the origin, and starts the
// node again: what it has acknowledged has to be on the disk.
func (r *v1Run) restart(ctx context.Context) (err error) {
	r.memory.measure(r.node.server)
	r.node.cmd.Process.Kill()
	r.node.cmd.Wait()
	r.origin.end()
	if err := r.node.noErrors(); err != nil {
		return err
	}
	old, begin := r.node, time.Now()
	if r.node, err = r.startV1(ctx, "node", v1Env...); err != nil {
		return err
	}
	old.log.Close()
	r.ready = time.Since(begin)
	r.node.token = old.token
	r.traffic.s = r.node.server
	return nil
}

// check reads back everything that was acknowledged, finds it in the lists, and
// has the node's own check look at rows and blocks.
func (r *v1Run) check(ctx context.Context) error {
	begin := time.Now()
	if err := r.node.listed(ctx, r.uploaded, r.pinned); err != nil {
		return err
	}
	all := append(append([]thing{}, r.uploaded...), r.pinned...)
	var read atomic.Int64
	err := each(ctx, readClients, len(all), func(ctx context.Context, i int) error {
		read.Add(all[i].size)
		return r.node.readBack(ctx, all[i])
	})
	if err == nil {
		err = r.traffic.readBack(ctx)
	}
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	r.read, r.reading = read.Load()+int64(r.traffic.objects())*objectSize, time.Since(begin)
	r.node.end()
	if out, err := r.command(ctx, "fsck", "--data", r.node.dir); err != nil {
		return fmt.Errorf("fsck: %w: %s", err, out)
	}
	return r.node.noErrors()
}

// each calls do for 0…n-1 from so many goroutines.
func each(ctx context.Context, workers, n int, do func(ctx context.Context, i int) error) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(workers, n) {
		g.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}
