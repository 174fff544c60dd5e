package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	reference "github.com/filecoin-project/go-commp-utils/v2/writer"
	"github.com/whypfs/whypfs/deals/piece"
	"github.com/whypfs/whypfs/internal/commp"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
	"golang.org/x/sync/errgroup"
)

// A dealRun measures what deals cost: here, in this process, on a store of its own.
type dealRun struct {
	dir    string
	rounds int
	zone   int64 // bytes

	node    *node.Node
	large   []piece.Member // of 64 MiB
	small   []piece.Member // of 4 KiB
	results []result
}

// A result is a work's figures, one for each round.
type result struct {
	what   string
	each   bool // the figures are of things, not of MB
	rounds []figure
}

// A figure is how fast a work was, by the clock and by the processor.
type figure struct {
	wall, cpu float64 // MB/s; MB for each second of a core
}

// deals prints what preparing pieces and serving them cost.
func (b bench) deals(ctx context.Context, zone int64) error {
	d := &dealRun{dir: b.dir, rounds: b.rounds, zone: zone}
	var err error
	if d.node, err = node.Open(ctx, node.Config{Dir: filepath.Join(b.dir, "node"), DHT: "off",
		ListenAddrs: []string{"/ip4/127.0.0.1/tcp/0"}}); err != nil {
		return err
	}
	defer d.node.Close()
	// A further work is one more line here.
	for _, work := range []func(context.Context) error{d.commitments, d.fill, d.disk, d.pack, d.proofs, d.serve, d.retrieval} {
		if err := work(ctx); err != nil {
			return err
		}
	}
	return d.write(os.Stdout)
}

// measure runs a work over so many bytes once a round.
func (d *dealRun) measure(what string, size int64, work func(round int) error) error {
	return d.run(result{what: what}, size, work)
}

func (d *dealRun) run(r result, size int64, work func(round int) error) error {
	for round := range d.rounds {
		before, begin := processorTime(), time.Now()
		if err := work(round); err != nil {
			return fmt.Errorf("%s: %w", r.what, err)
		}
		mb := float64(size) / 1e6
		f := figure{wall: mb / time.Since(begin).Seconds(), cpu: mb / (processorTime() - before).Seconds()}
		r.rounds = append(r.rounds, f)
		wall, cpu := r.text(f.wall, f.cpu)
		fmt.Fprintf(os.Stderr, "round %d  %-60s %10s  %s\n", round+1, r.what, wall, cpu)
	}
	d.results = append(d.results, r)
	return nil
}

// measureEach runs a work on n things once a round.
func (d *dealRun) measureEach(what string, n int64, work func(round int) error) error {
	return d.run(result{what: what, each: true}, n*1e6, work)
}

// text is a figure for people.
func (r result) text(wall, cpu float64) (byClock, byProcessor string) {
	if r.each {
		return fmt.Sprintf("%.1f ms", 1000/wall), fmt.Sprintf("%.1f ms", 1000/cpu)
	}
	return fmt.Sprintf("%.0f MB/s", wall), fmt.Sprintf("%.0f MB for each second of a core", cpu)
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const commpSize = 1 << 30

// commitments measures piece commitments beside go-commp-utils, on all processors.
func (d *dealRun) commitments(context.Context) error {
	data := randomBytes(64<<20, 1)
	write := func(w io.Writer) error {
		for range commpSize / len(data) {
			if _, err := w.Write(data); err != nil {
				return err
			}
		}
		return nil
	}
	var theirs, ours string
	err := d.measure("commP of 1 GiB, go-commp-utils/v2", commpSize, func(int) error {
		w := new(reference.Writer)
		err := write(w)
		if err == nil {
			var s reference.DataCIDSize
			s, err = w.Sum()
			theirs = s.PieceCID.String()
		}
		return err
	})
	if err != nil {
		return err
	}
	err = d.measure("commP of 1 GiB, WhyPFS", commpSize, func(int) error {
		w := commp.NewParallel(0)
		err := write(w)
		if err == nil {
			var s commp.Sum
			s, err = w.Sum()
			ours = s.CID.String()
		}
		return err
	})
	if err == nil && ours != theirs {
		err = fmt.Errorf("commP is %s, go-commp-utils says %s", ours, theirs)
	}
	return err
}

func randomBytes(n int, seed byte) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

// fill stores the contents of two zones: one of large objects, one of small ones.
func (d *dealRun) fill(ctx context.Context) error {
	lease := d.node.Lease()
	defer lease.Release()
	for _, kind := range []struct {
		members *[]piece.Member
		n       int64
		size    int
		workers int
	}{
		{&d.large, d.zone / (64 << 20) * 15 / 16, 64 << 20, 2}, // as much as fits a piece of the zone's size
		{&d.small, d.zone >> 30 * 50_000, 4 << 10, 64},
	} {
		members := make([]piece.Member, kind.n)
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(kind.workers)
		for i := range members {
			g.Go(func() error {
				data := make([]byte, kind.size)
				rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(kind.size >> 12)}).Read(data)
				f, err := d.node.Import(ctx, bytes.NewReader(data), node.ImportOptions{})
				members[i] = piece.Member{Content: uint64(i + 1), Root: f.Root, Size: f.Size}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
		*kind.members = members
	}
	return nil
}

// disk reads the files of blocks past the page cache, as what bounds the rest.
func (d *dealRun) disk(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(d.dir, "node", "blocks", "*.car"))
	if err != nil {
		return err
	}
	var size int64
	for _, name := range files {
		st, err := os.Stat(name)
		if err != nil {
			return err
		}
		size += st.Size()
	}
	return d.measure("reading of the blocks' files, nothing else", size, func(int) error {
		var g errgroup.Group
		g.SetLimit(4)
		for _, name := range files {
			g.Go(func() error { return readPast(name) })
		}
		return g.Wait()
	})
}

// pack packs each zone, every time into an empty database.
func (d *dealRun) pack(ctx context.Context) error {
	for _, z := range []struct {
		what    string
		members []piece.Member
	}{
		{"packing of a zone of %d objects of 64 MiB", d.large},
		{"packing of a zone of %d objects of 4 KiB", d.small},
	} {
		var size int64
		for _, m := range z.members {
			size += m.Size
		}
		err := d.measure(fmt.Sprintf(z.what, len(z.members)), size, func(round int) error {
			pieces, done, err := d.pieces(ctx)
			if err != nil {
				return err
			}
			_, err = pieces.Pack(ctx, piece.PackRequest{Zone: uint64(round + 1), Members: z.members})
			return errors.Join(err, done())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pieces is an empty database for pieces.
func (d *dealRun) pieces(ctx context.Context) (p *piece.Pieces, done func() error, err error) {
	dir, err := os.MkdirTemp(d.dir, "meta")
	if err != nil {
		return nil, nil, err
	}
	store, err := kv.OpenPebble(ctx, filepath.Join(dir, "meta"), kv.PebbleOptions{})
	if err != nil {
		return nil, nil, err
	}
	done = func() error { return errors.Join(store.Close(), os.RemoveAll(dir)) }
	return piece.New(store, d.node, piece.Options{}), done, nil
}

// write prints the medians.
func (d *dealRun) write(w io.Writer) error {
	fmt.Fprintln(w, "| work | by the clock | by the processor |\n|---|---|---|")
	for _, r := range d.results {
		wall, cpu := r.text(median(r.rounds, func(f figure) float64 { return f.wall }), median(r.rounds, func(f figure) float64 { return f.cpu }))
		fmt.Fprintf(w, "| %s | %s | %s |\n", r.what, wall, cpu)
	}
	return nil
}

func median(rounds []figure, of func(figure) float64) float64 {
	var all []float64
	for _, f := range rounds {
		all = append(all, of(f))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
