// Command fill puts very many small objects into a data directory, as fast as
// the packages themselves take them, and reports what that costs on the way:
//
//	go run ./integration/fill --dir DIR --n 5000000 --per 50
//
// The directory then is one that `whypfs up --data DIR` serves. Asked for more
// objects than there are it goes on where it ended, so that
//
//	go run ./integration/fill --dir DIR --n 5050000 --workers 16 --cpuprofile FILE
//
// measures puts into a full store. With --list it measures listings
// instead, and with --head looking objects up.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"

	"github.com/spf13/pflag"
)

// options are the command line.
type options struct {
	dir, bucket string
	meta        string
	owner       uint64
	n, from     int
	per         int // objects in a prefix
	workers     int
	sorted      bool
	jobs        bool
	every       int
	list, heads int
	profile     string
}

func parse() options {
	var o options
	pflag.StringVar(&o.dir, "dir", "", "data directory")
	pflag.StringVar(&o.meta, "meta", "pebble", "what keeps the metadata of a new directory: pebble or bolt")
	pflag.StringVar(&o.bucket, "bucket", "fill", "name of the bucket; made if need be")
	pflag.Uint64Var(&o.owner, "owner", 1, "user id that a new bucket belongs to")
	pflag.IntVar(&o.n, "n", 100_000, "fill up to this many objects")
	pflag.IntVar(&o.from, "from", -1, "begin with this one; default: where the last run ended")
	pflag.IntVar(&o.per, "per", 50, "objects in a common prefix")
	pflag.IntVar(&o.workers, "workers", 256, "puts in flight")
	pflag.BoolVar(&o.sorted, "sorted", false, "put in order of the keys; else in an order that has none")
	pflag.BoolVar(&o.jobs, "jobs", true, "run the jobs that puts make")
	pflag.IntVar(&o.every, "report", 100_000, "objects between two lines of figures")
	pflag.IntVar(&o.list, "list", 0, "measure this many listings of each kind instead")
	pflag.IntVar(&o.heads, "head", 0, "look this many objects up instead")
	pflag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile here")
	pflag.Parse()
	return o
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, parse()); err != nil {
		fmt.Fprintln(os.Stderr, "fill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	d, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := d.close(); err == nil {
			err = closeErr
		}
	}()
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if o.list > 0 {
		return d.list(ctx, o)
	}
	if o.heads > 0 {
		return d.heads(ctx, o)
	}
	return d.fill(ctx, o)
}
