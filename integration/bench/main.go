// Command bench runs the same load against WhyPFS and its peers, in turn and in
// several rounds, and prints the medians as a table. Every byte that is read is
// compared with what was written. ../../bench builds the programs and starts it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var (
		bin     = flag.String("bin", "", "folder of the programs")
		dir     = flag.String("dir", "", "folder for their data; default: a temporary one")
		servers = flag.String("servers", "minio,versitygw,rclone,whypfs", "who is measured; the first is 1.0")
		rounds  = flag.Int("rounds", 3, "rounds")
		work    = flag.String("work", "4KiB,1MiB,64MiB", "sizes of objects: 4KiB, 64KiB, 1MiB, 64MiB")
		payload = flag.String("payload", "signed", "signed: the body's SHA-256 in the signature; chunked: signed chunks of 64 KiB; unsigned")
		scale   = flag.Float64("scale", 1, "how many objects, relative to the default")
		reads   = flag.Int("reads", 2, "times that each object is read")
		ipfs    = flag.Bool("ipfs", false, "compare import and gateway with kubo instead")
		deals   = flag.Bool("deals", false, "measure what deals cost instead: commitments, packing, proofs, pulling")
		v1      = flag.Bool("v1", false, "measure uploads and pins over Estuary V1's API beside S3's traffic instead")
		l       v1Load
		zone    = flag.Int64("zone", 4, "GiB in the zone that -deals packs")
	)
	l.flags()
	flag.Parse()
	if *dir == "" {
		temp, err := os.MkdirTemp("", "whypfs-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		*dir = temp
	}
	b := bench{bin: *bin, dir: *dir, rounds: *rounds, payload: *payload, scale: *scale, reads: *reads}
	if *ipfs {
		return b.ipfs(ctx)
	}
	if *deals {
		return b.deals(ctx, *zone<<30)
	}
	if *v1 {
		_, err := b.v1(ctx, l)
		return err
	}
	loads, err := chosen(*work)
	if err != nil {
		return err
	}
	return b.objects(ctx, strings.Split(*servers, ","), loads)
}

// A bench is a run of all rounds.
type bench struct {
	bin, dir string
	rounds   int
	payload  string
	scale    float64
	reads    int
}

// objects measures PUT and GET of every load at every server.
func (b bench) objects(ctx context.Context, names []string, loads []load) error {
	var t table
	for round := range b.rounds {
		for _, l := range loads {
			bodies := l.bodies(b.scale)
			for _, name := range names {
				s, err := b.start(ctx, name)
				if err != nil {
					return err
				}
				put, get, err := l.run(ctx, s, bodies, b.payload, b.reads)
				if e := s.stop(); err == nil {
					err = e
				}
				if err != nil {
					return fmt.Errorf("%s, %s: %w", name, l.name, err)
				}
				t.add("PUT "+l.title(), name, put)
				t.add("GET "+l.title(), name, get)
				fmt.Fprintf(os.Stderr, "round %d  %-10s %-12s PUT %s  GET %s\n", round+1, name, l.title(), put, get)
			}
		}
	}
	return t.write(os.Stdout, names)
}
