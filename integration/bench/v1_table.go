package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A spread is how long each of many things took.
type spread struct {
	mu  sync.Mutex
	all []time.Duration // guarded by mu
}

func (s *spread) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, d)
}

// at is what that part of them took at most.
func (s *spread) at(part float64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return 0
	}
	slices.Sort(s.all)
	return s.all[min(int(part*float64(len(s.all))), len(s.all)-1)]
}

func (s *spread) String() string {
	return fmt.Sprintf("half %s, 90 %% %s, 99 %% %s, longest %s", short(s.at(0.5)), short(s.at(0.9)), short(s.at(0.99)), short(s.at(1)))
}

// short is a duration with three digits or so.
func short(d time.Duration) string {
	for _, unit := range []time.Duration{time.Second, 10 * time.Millisecond, time.Millisecond / 10, time.Microsecond} {
		if d >= 10*unit {
			return d.Round(unit / 10).String()
		}
	}
	return d.String()
}

// A memory is what a process had resident, at most and at last.
type memory struct {
	peak, anonymous int64 // at most; what no file stands behind
	last            int64
}

// sample looks ten times a second until ctx ends.
func (m *memory) sample(ctx context.Context, s *server) error {
	for {
		if err := m.measure(s); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (m *memory) measure(s *server) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return err
	}
	field := func(name string) int64 {
		_, rest, _ := strings.Cut(string(status), "\n"+name+":")
		words := strings.Fields(rest)
		if len(words) == 0 {
			return 0
		}
		kib, _ := strconv.ParseInt(words[0], 10, 64)
		return kib << 10
	}
	m.last = field("VmRSS")
	m.peak = max(m.peak, field("VmHWM")) // the kernel misses no moment
	m.anonymous = max(m.anonymous, field("RssAnon"))
	return nil
}

// write prints the figures.
func (r *v1Run) write(w io.Writer) error {
	var uploaded, pinned int64
	for _, t := range r.uploaded {
		uploaded += t.size
	}
	for _, t := range r.pinned {
		pinned += t.size
	}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	rate := func(n int, size int64, d time.Duration) string {
		return fmt.Sprintf("%.0f/s, %.0f MB/s", float64(n)/d.Seconds(), float64(size)/1e6/d.Seconds())
	}
	rows := [][2]string{
		{fmt.Sprintf("%d uploads of 4 KiB to 8 MiB by %d clients, %.1f GB", len(r.uploaded), r.load.clients, float64(uploaded)/1e9),
			seconds(r.uploading) + ", " + rate(len(r.uploaded), uploaded, r.uploading)},
		{"… how long one takes", r.uploads.String()},
		{fmt.Sprintf("%d pins asked for by %d clients", len(r.pinned), pinClients), seconds(r.asking) + "; one: " + r.asks.String()},
		{fmt.Sprintf("… all pinned, %.1f GB", float64(pinned)/1e9),
			seconds(r.pinning.all) + ", half of them after " + seconds(r.pinning.half) + "; " + rate(len(r.pinned), pinned, r.pinning.all)},
		{"… most that waited, and were fetched, at once; longest in which no other was pinned",
			fmt.Sprintf("%d, %d; %s", r.pinning.most["queued"], r.pinning.most["pinning"], short(r.pinning.still))},
		{"… a list of 1,000 of them meanwhile", r.looks.String()},
		{"S3 PUT of 64 KiB, 100/s, alone", r.alone.puts.String()},
		{"… beside uploads and pins", r.beside.puts.String()},
		{"… beside pins", r.after.puts.String()},
		{"S3 GET of 64 KiB, 100/s, alone", r.alone.gets.String()},
		{"… beside uploads and pins", r.beside.gets.String()},
		{"… beside pins", r.after.gets.String()},
		{"processor time of the node under load", fmt.Sprintf("%s in %s", seconds(r.cpu), seconds(r.took))},
		{"resident memory: peak, anonymous, at the end", fmt.Sprintf("%d MiB, %d MiB, %d MiB", r.memory.peak>>20, r.memory.anonymous>>20, r.memory.last>>20)},
		{"kill -9, then ready; all read back", fmt.Sprintf("%s; %d files and objects, %.1f GB, in %s", seconds(r.ready),
			len(r.uploaded)+len(r.pinned)+r.traffic.objects(), float64(r.read)/1e9, seconds(r.reading))},
	}
	fmt.Fprintln(w, "| what | figure |\n|---|---|")
	for _, row := range rows {
		fmt.Fprintf(w, "| %s | %s |\n", row[0], row[1])
	}
	if r.memory.peak>>20 > r.load.resident {
		return fmt.Errorf("%d MiB of memory were resident, and %d are allowed", r.memory.peak>>20, r.load.resident)
	}
	return nil
}
