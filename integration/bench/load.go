package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A load is a number of objects of one size, written and read by some workers.
type load struct {
	name    string
	size    int
	workers int
	objects int
}

var loads = []load{
	{name: "4KiB", size: 4 << 10, workers: 16, objects: 16000},
	{name: "64KiB", size: 64 << 10, workers: 16, objects: 6000},
	{name: "1MiB", size: 1 << 20, workers: 8, objects: 1200},
	{name: "64MiB", size: 64 << 20, workers: 2, objects: 24},
}

func chosen(names string) (some []load, err error) {
	for _, name := range strings.Split(names, ",") {
		n := len(some)
		for _, l := range loads {
			if l.name == name {
				some = append(some, l)
			}
		}
		if n == len(some) {
			return nil, fmt.Errorf("no load %q", name)
		}
	}
	return some, nil
}

func (l load) title() string { return fmt.Sprintf("%s ×%d", l.name, l.workers) }

// bodies makes all bodies before the clock starts. No two share a block of
// 1 MiB: a store that keeps equal blocks once must gain nothing by it.
func (l load) bodies(scale float64) []body {
	n := max(int(float64(l.objects)*scale), l.workers)
	rng := rand.NewChaCha8([32]byte{byte(l.size >> 12)})
	bodies := make([]body, n)
	for i := range bodies {
		data := make([]byte, l.size)
		rng.Read(data)
		bodies[i] = newBody(fmt.Sprintf("%02x/object-%06d", i%64, i), data)
	}
	return bodies
}

// run writes all bodies, then reads each so many times, in another order.
func (l load) run(ctx context.Context, s *server, bodies []body, payload string, reads int) (put, get rate, err error) {
	if err := s.makeBucket(ctx); err != nil {
		return put, get, err
	}
	put, err = l.each(ctx, s, len(bodies), func(c *client, i int) error {
		return c.put(&bodies[i], payload)
	})
	if err != nil {
		return put, get, err
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(bodies) * reads)
	get, err = l.each(ctx, s, len(order), func(c *client, i int) error {
		return c.get(&bodies[order[i]%len(bodies)])
	})
	return put, get, err
}

// each calls do for 0…n-1 from all workers, each with a connection of its own.
func (l load) each(ctx context.Context, s *server, n int, do func(c *client, i int) error) (rate, error) {
	var next atomic.Int64
	clients := make([]*client, l.workers)
	for i := range clients {
		c, err := dial(s)
		if err != nil {
			return rate{}, err
		}
		defer c.close()
		clients[i] = c
	}
	before := s.cpu()
	start := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range clients {
		g.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := do(c, i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	err := g.Wait()
	took := time.Since(start)
	return rate{perSecond: float64(n) / took.Seconds(), size: l.size, cpu: (s.cpu() - before) / time.Duration(n)}, err
}
