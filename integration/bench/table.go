package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// A rate is the outcome of one load at one server.
type rate struct {
	perSecond float64
	size      int
	cpu       time.Duration // of the server, for each object
}

func (r rate) String() string {
	if r.size >= 1<<20 {
		return fmt.Sprintf("%.0f MB/s", r.perSecond*float64(r.size)/1e6)
	}
	return fmt.Sprintf("%.0f/s", r.perSecond)
}

// A table has the rates of all rounds.
type table struct {
	rows  []string
	rates map[[2]string][]rate
}

func (t *table) add(row, server string, r rate) {
	if t.rates == nil {
		t.rates = map[[2]string][]rate{}
	}
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	k := [2]string{row, server}
	t.rates[k] = append(t.rates[k], r)
}

// median is the round in the middle.
func (t *table) median(row, server string) rate {
	all := slices.Clone(t.rates[[2]string{row, server}])
	slices.SortFunc(all, func(a, b rate) int {
		switch {
		case a.perSecond < b.perSecond:
			return -1
		case a.perSecond > b.perSecond:
			return 1
		}
		return 0
	})
	if len(all) == 0 {
		return rate{}
	}
	return all[len(all)/2]
}

// write prints the medians, and their ratio to the first server's.
func (t *table) write(w io.Writer, servers []string) error {
	fmt.Fprint(w, "| work |")
	for _, s := range servers {
		fmt.Fprintf(w, " %s |", s)
	}
	fmt.Fprint(w, "\n|---|")
	for range servers {
		fmt.Fprint(w, "---|")
	}
	fmt.Fprintln(w)
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s |", row)
		first := t.median(row, servers[0])
		for _, s := range servers {
			m := t.median(row, s)
			fmt.Fprintf(w, " %.2f (%s, %s CPU) |", m.perSecond/first.perSecond, m, m.cpu.Round(time.Microsecond))
		}
		fmt.Fprintln(w)
	}
	return nil
}
