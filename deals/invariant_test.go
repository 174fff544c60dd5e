package deals

import (
	"fmt"
	"slices"
)

// inspect checks what must hold at any moment, by our rows and by what
// providers and chain really have.
func (h *history) inspect() {
	h.t.Helper()
	rows, height := h.rows(), h.height.Load()
	live := map[[2]string]string{} // by piece and provider
	for _, r := range rows {
		if !h.known[r.UUID] {
			h.checkRules(r)
		}
		if r.State.Over() && !r.Loose || r.Expiring {
			continue
		}
		key := [2]string{r.Piece, r.Provider}
		if live[key] != "" {
			h.t.Errorf("deals %s and %s are both with %s\n%s", live[key], r.UUID, r.Provider, h.describe(r.Piece))
		}
		live[key] = r.UUID
	}
	h.checkChain(height)
	h.checkSurplus(rows)
}

// checkRules checks a deal that is new: made by the rules as they are.
func (h *history) checkRules(r dealRow) {
	h.t.Helper()
	i := slices.IndexFunc(h.all, func(p ProviderConfig) bool { return p.Address == r.Provider })
	rules := h.rules[h.bucket[r.Piece]]
	if why := rules.excludes(r.Provider, "", h.all[i].Region); why != "" {
		h.t.Errorf("deal %s is with %s, which is excluded: %s", r.UUID, r.Provider, why)
	}
	if source, suspended := h.listing(r.Provider); source == "" || suspended != "" {
		h.t.Errorf("deal %s is new with %s, which is listed as %q and suspended as %q", r.UUID, r.Provider, source, suspended)
	}
}

var liveSteps = map[string]bool{"accepted": true, "transferred": true, "publishing": true, "published": true, "active": true}

// checkChain checks that no provider has two deals of a piece, on chain or on
// their way there, but for one that is near its end.
func (h *history) checkChain(height int64) {
	h.t.Helper()
	for _, p := range h.net.Snapshot().Providers {
		has := map[string]string{}
		for _, d := range p.Deals {
			if !liveSteps[d.Step] || d.End-height <= min(renewEpochs, (d.End-d.Start)/8) {
				continue
			}
			if other := has[d.Piece]; other != "" {
				h.t.Errorf("%s has deals %s and %s of one piece\n%s", p.Address, other, d.UUID, h.describe(d.Piece))
			}
			has[d.Piece] = d.UUID
		}
	}
}

// A surplus is what a piece has beyond the replicas that are wanted, and that
// the rules let stand for them: of as many owners, in as many regions.
func (h *history) surplus(bucket string, providers map[string]string) int {
	rules, owners, regions, unknown := h.rules[bucket], map[int]bool{}, map[string]bool{}, 0
	for _, p := range providers {
		i := slices.IndexFunc(h.all, func(c ProviderConfig) bool { return c.Address == p })
		owners[i%historyOwners] = true
		if region := h.region(p); region != "" {
			regions[region] = true
		} else {
			unknown++ // nobody says where it is
		}
	}
	n := len(providers)
	return n - min(n, historyReplicas, historyReplicas-rules.Owners+len(owners), historyReplicas-rules.Regions+len(regions)+unknown)
}

// checkSurplus checks that no deal was made that is one too many, or one too many
// with an owner or in a region. Those that come back after they were given up may be.
func (h *history) checkSurplus(rows []dealRow) {
	h.t.Helper()
	now, back := map[string]map[string]string{}, map[string]bool{} // by piece, deals and their providers
	for _, r := range rows {
		if r.counts() {
			if now[r.Piece] == nil {
				now[r.Piece] = map[string]string{}
			}
			now[r.Piece][r.UUID] = r.Provider
			if h.counted[r.Piece][r.UUID] == "" && h.known[r.UUID] {
				back[r.Piece] = true
			}
		}
		h.known[r.UUID] = true
	}
	for c, b := range h.bucket {
		was, is := h.surplus(b, h.counted[c]), h.surplus(b, now[c])
		if is > was && !back[c] {
			h.t.Errorf("bucket %s with rules %+v: %d replicas, of which %d too many; before the last event there were %d, of which %d too many\n%s", b,
				h.rules[b], len(now[c]), is, len(h.counted[c]), was, h.describe(c))
		}
	}
	h.counted = now
}

// describe tells all of a piece's deals.
func (h *history) describe(piece string) (out string) {
	for _, r := range h.rows() {
		if r.Piece == piece {
			out += fmt.Sprintf("ours: %s with %s is %s, epochs %d to %d, expiring %v, loose %v, unsound %v, %s: %s\n", r.UUID, r.Provider, r.State,
				r.StartEpoch, r.EndEpoch, r.Expiring, r.Loose, r.Unsound, r.Created.Format("2006-01-02 15:04"), r.Reason)
		}
	}
	for _, p := range h.net.Snapshot().Providers {
		for _, d := range p.Deals {
			if d.Piece == piece {
				out += fmt.Sprintf("theirs: %s with %s (%s, %s) is %s, epochs %d to %d, id %d: %s\n", d.UUID, p.Address, p.Dialect, p.Mode, d.Step,
					d.Start, d.End, d.ChainID, d.Error)
			}
		}
	}
	return out + fmt.Sprintf("height %d, time %v", h.height.Load(), h.now())
}
