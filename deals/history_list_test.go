package deals

import (
	"errors"

	"github.com/whypfs/whypfs/kv"
)

// relist changes who there is to choose from while the node runs.
func (h *history) relist() string {
	ctx, p := h.t.Context(), h.all[h.rng.IntN(len(h.all))]
	var (
		what string
		err  error
	)
	switch h.rng.IntN(6) {
	case 0, 1:
		what, err = "added", h.deals.AddProvider(ctx, p.Address, ProviderChange{Region: &p.Region})
	case 2:
		what, err = "removed", h.deals.RemoveProvider(ctx, p.Address)
	case 3, 4:
		what, err = "suspended", h.deals.SuspendProvider(ctx, p.Address, "by relist", true)
	case 5:
		what, err = "not suspended any more", h.deals.UnsuspendProvider(ctx, p.Address, true)
	}
	if errors.Is(err, ErrProviderSetting) || errors.Is(err, ErrNotListed) || errors.Is(err, ErrNotRegistered) {
		return err.Error()
	}
	h.must(err)
	if what == "removed" || what == "suspended" {
		h.checkUnsent(p.Address)
	}
	return p.Address + " is " + what
}

// listing says where a provider is listed, and why it is suspended.
func (h *history) listing(addr string) (source, suspended string) {
	h.t.Helper()
	h.must(h.store.View(h.t.Context(), func(tx kv.Tx) error {
		p, err := h.deals.provider(tx, addr, h.now())
		source, suspended = p.Source, p.Registration.Suspended
		return err
	}))
	return source, suspended
}

// region is where a provider is, as far as anybody says.
func (h *history) region(addr string) string {
	h.t.Helper()
	p, err := h.deals.configNow(h.t.Context(), addr)
	h.must(err)
	return p.Region
}

// checkUnsent checks that nothing is about to be sent to a provider that was
// suspended or removed just now. Later such a deal would be a new one.
func (h *history) checkUnsent(addr string) {
	h.t.Helper()
	for _, r := range h.rows() {
		if r.Provider == addr && r.State == DealProposed && !r.Sent {
			h.t.Errorf("deal %s is about to be sent to %s, which is to get none\n%s", r.UUID, addr, h.describe(r.Piece))
		}
	}
}
