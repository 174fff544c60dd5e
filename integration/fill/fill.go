package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// stride is coprime to span, so that i*stride mod span runs through all of it
// in an order that has none.
const (
	span   = 1 << 23
	stride = 5_179_861
)

// fill puts objects until there are o.n, and then waits for the jobs.
func (d *data) fill(ctx context.Context, o options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan error, 1)
	if o.jobs {
		go func() { jobs <- d.queue.Run(ctx) }()
		defer func() { cancel(); <-jobs }()
	}
	mark := filepath.Join(o.dir, "filled-"+o.bucket)
	if o.from < 0 {
		raw, err := os.ReadFile(mark)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		o.from, _ = strconv.Atoi(strings.TrimSpace(string(raw)))
	}
	if err := d.put(ctx, o); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte(strconv.Itoa(o.n)), 0o600)
}

func (d *data) put(ctx context.Context, o options) error {
	var next atomic.Int64
	next.Store(int64(o.from))
	errs := make(chan error, o.workers)
	var wg sync.WaitGroup
	began := take(o.dir)
	last := began
	var mu sync.Mutex // guards last
	for range o.workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= o.n {
					return
				}
				if err := d.putOne(ctx, o, i); err != nil {
					errs <- err
					return
				}
				if done := i + 1; done%o.every == 0 {
					mu.Lock()
					now := take(o.dir)
					fmt.Printf("%9d  %s\n", done, now.since(last, o.every))
					last = now
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	fmt.Printf("%9s  %s\n", "all", take(o.dir).since(began, max(o.n-o.from, 1)))
	return errors.Join(<-errs, ctx.Err())
}

func (d *data) putOne(ctx context.Context, o options, i int) error {
	at := i
	if !o.sorted {
		at = i * stride % span
	}
	attr := buckets.Attributes{Headers: map[string]string{"Content-Type": "application/octet-stream"}}
	body := buckets.Upload{Body: strings.NewReader("body of " + o.bucket + strconv.Itoa(i))}
	_, err := d.b.Put(ctx, d.bucket, key(at, o.per), d.bucket.Owner, body, attr, buckets.Conditions{})
	return err
}

// figures are what the process has used so far.
type figures struct {
	at         time.Time
	user, sys  time.Duration
	wrote      int64 // bytes, to the disk
	meta, rows int64 // bytes of metadata on the disk
	memory     string
}

func take(dir string) figures {
	f := figures{at: time.Now()}
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		f.user, f.sys = time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
	}
	f.wrote, _ = strconv.ParseInt(field("/proc/self/io", "write_bytes:"), 10, 64)
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasPrefix(strings.TrimPrefix(path, dir), "/meta") {
			return nil
		}
		if st, err := e.Info(); err == nil {
			f.meta += st.Size()
		}
		return nil
	})
	for _, name := range []string{"VmRSS:", "RssAnon:", "RssFile:"} {
		kib, _ := strconv.Atoi(strings.TrimSuffix(field("/proc/self/status", name), " kB"))
		f.memory += fmt.Sprintf(" %s %d MiB", strings.TrimSuffix(name, ":"), kib>>10)
	}
	return f
}

// field is the rest of the line that begins with name.
func field(file, name string) string {
	raw, _ := os.ReadFile(file)
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func (f figures) since(old figures, n int) string {
	d := f.at.Sub(old.at)
	each := time.Duration(n)
	return fmt.Sprintf("%6.0f/s  cpu/put: user %v sys %v  written/put %d B  metadata %d MiB %s",
		float64(n)/d.Seconds(), ((f.user - old.user) / each).Round(100*time.Nanosecond), ((f.sys - old.sys) / each).Round(100*time.Nanosecond),
		(f.wrote-old.wrote)/int64(n), f.meta>>20, f.memory)
}
