package web

import (
	"fmt"
	"strings"

	"github.com/whypfs/whypfs/internal/reqstat"
)

// Size of a sparkline in its own units: two per second.
const (
	sparkWidth  = 120
	sparkHeight = 28
)

// apiView is an API with its last minute drawn.
type apiView struct {
	reqstat.API
	Line, Area string // SVG paths
	Peak       uint64
}

func newAPIView(a reqstat.API) apiView {
	v := apiView{API: a}
	for _, n := range a.Rate {
		v.Peak = max(v.Peak, n)
	}
	// A scale of at least four a second keeps a single request from filling the height.
	scale := float64(sparkHeight-3) / float64(max(v.Peak, 4))
	step := float64(sparkWidth) / float64(len(a.Rate)-1)
	var b strings.Builder
	for i, n := range a.Rate {
		letter := 'L'
		if i == 0 {
			letter = 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", letter, float64(i)*step, float64(sparkHeight-1)-float64(n)*scale)
	}
	v.Line = b.String()
	v.Area = fmt.Sprintf("%sL%d %dL0 %dZ", v.Line, sparkWidth, sparkHeight, sparkHeight)
	return v
}

// stateCount is how many things are in a state; Width and X draw it as a part of a bar.
type stateCount struct {
	State    string
	N        int
	X, Width float64 // percent
}

// spread turns counts by state into a bar, in the order of states.
func spread[S ~string](counts map[S]int, order ...S) []stateCount {
	total := 0
	for _, s := range order {
		total += counts[s]
	}
	var out []stateCount
	x := 0.0
	for _, s := range order {
		n := counts[s]
		if n == 0 {
			continue
		}
		width := 100 * float64(n) / float64(total)
		out = append(out, stateCount{State: string(s), N: n, X: x, Width: width})
		x += width
	}
	return out
}
