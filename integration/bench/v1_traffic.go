package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// trafficEvery is how long after the one before it a request is sent, a PUT or a
// GET in turn: 200 a second in all.
const trafficEvery = 5 * time.Millisecond

// A traffic is PUTs and GETs of objects of 64 KiB over S3, as many whatever the
// server does meanwhile, by users who do not wait for each other: each request
// has a connection that no other is under way on. How long one takes counts from
// when it was due.
type traffic struct {
	s     *server
	ended atomic.Bool

	mu   sync.Mutex
	idle []*client // guarded by mu
	sent int       // PUTs; guarded by mu
	kept []thing   // acknowledged; guarded by mu
}

// requests are how long they took.
type requests struct{ puts, gets spread }

// stop ends run.
func (t *traffic) stop() { t.ended.Store(true) }

func (t *traffic) objects() int { return len(t.kept) }

// run sends requests until it is stopped, and notes what they took in the one of
// took that phase names then.
func (t *traffic) run(ctx context.Context, phase func() *requests) error {
	t.ended.Store(false)
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for i := 0; !t.ended.Load() && ctx.Err() == nil; i++ {
		due := begin.Add(time.Duration(i) * trafficEvery)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
		}
		took := phase()
		g.Go(func() error {
			if i%2 == 0 {
				return t.request(&took.puts, due, t.put)
			}
			return t.request(&took.gets, due, t.get)
		})
	}
	err := g.Wait()
	for _, c := range t.idle {
		c.close()
	}
	t.idle = nil
	return err
}

// request sends one on a connection of its own.
func (t *traffic) request(took *spread, due time.Time, send func(*client) error) error {
	c, err := t.client()
	if err == nil {
		err = send(c)
	}
	if err != nil {
		return fmt.Errorf("S3: %w", err)
	}
	took.add(time.Since(due))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = append(t.idle, c)
	return nil
}

// client is a connection that nobody uses.
func (t *traffic) client() (*client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.idle) - 1; n >= 0 {
		c := t.idle[n]
		t.idle = t.idle[:n]
		return c, nil
	}
	return dial(t.s)
}

// object is a thing as S3's client wants it.
func (t thing) object() (*body, error) {
	data := make([]byte, t.size)
	if _, err := io.ReadFull(t.reader(), data); err != nil {
		return nil, err
	}
	b := newBody(fmt.Sprintf("object-%06d", t.n), data)
	return &b, nil
}

func (t *traffic) put(c *client) error {
	t.mu.Lock()
	t.sent++
	o := newThing(objectKind, t.sent)
	t.mu.Unlock()
	b, err := o.object()
	if err != nil {
		return err
	}
	if err := c.put(b, "signed"); err != nil {
		return fmt.Errorf("PUT %s: %w", b.key, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, o)
	return nil
}

func (t *traffic) get(c *client) error {
	o, ok := t.any()
	if !ok { // the first PUT is under way
		return nil
	}
	b, err := o.object()
	if err != nil {
		return err
	}
	if err := c.get(b); err != nil {
		return fmt.Errorf("GET %s: %w", b.key, err)
	}
	return nil
}

// any is an object that was acknowledged, if there is one.
func (t *traffic) any() (thing, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) == 0 {
		return thing{}, false
	}
	return t.kept[rand.N(len(t.kept))], true
}

// readBack reads all objects that were acknowledged.
func (t *traffic) readBack(ctx context.Context) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range readClients {
		g.Go(func() error {
			c, err := dial(t.s)
			if err != nil {
				return err
			}
			defer c.close()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(t.kept) {
					return nil
				}
				b, err := t.kept[i].object()
				if err != nil {
					return err
				}
				if err := c.get(b); err != nil {
					return fmt.Errorf("GET %s: %w", b.key, err)
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}
