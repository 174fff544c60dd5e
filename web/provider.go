package web

import (
	"net/url"
	"slices"

	"github.com/whypfs/whypfs/deals"
)

func (s *server) listProviders(c *call) error {
	list, err := s.deals.Providers(c.r.Context())
	if err != nil {
		return err
	}
	return s.ok(c, "providers", view{Title: "Providers", Nav: "providers", Refresh: true, Scripts: []string{"refresh.js"}, Data: list})
}

func providerURL(addr string) string { return "/ui/providers/" + url.PathEscape(addr) }

type providerView struct {
	deals.Provider
	Owned   string // name of the user who claimed it
	Deals   []deals.Deal
	More    bool // deals than are shown
	Samples deals.Samples
	Sampled int // of the deals shown
	Failing int // of them whose last sample was bad
}

// showProvider shows one provider with its newest deals. It reads all deals, so
// the page is not fetched again by itself.
func (s *server) showProvider(c *call) error {
	ctx, addr := c.r.Context(), c.r.PathValue("provider")
	list, err := s.deals.Providers(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(p deals.Provider) bool { return p.Address == addr })
	if i < 0 {
		return errNoProvider
	}
	data := providerView{Provider: list[i]}
	if id := data.Registration.User; id != 0 {
		data.Owned = s.userName(ctx, id)
	}
	if data.Deals, err = s.deals.DealsWith(ctx, addr, true, pageSize+1); err != nil {
		return err
	}
	if data.More = len(data.Deals) > pageSize; data.More {
		data.Deals = data.Deals[:pageSize]
	}
	for _, d := range data.Deals {
		data.count(d.Samples)
	}
	return s.ok(c, "provider", view{Title: "Provider " + addr, Nav: "providers", Scripts: []string{"copy.js"}, Data: data})
}

// count adds what samples of a deal told.
func (v *providerView) count(of deals.Samples) {
	if of.Last.IsZero() {
		return
	}
	v.Sampled++
	v.Samples.Good += of.Good
	v.Samples.Bad += of.Bad
	if of.Row > 0 {
		v.Failing++
	}
	if of.Last.After(v.Samples.Last) {
		v.Samples.Last = of.Last
	}
	if of.Row > 0 && of.Reason != "" {
		v.Samples.Reason = of.Reason
	}
}
