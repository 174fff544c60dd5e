package deals_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// said makes a change of what a command would be given.
func said(name, region string) deals.ProviderChange {
	return deals.ProviderChange{Name: &name, Region: &region}
}

// provider is what is known of one, which must be in the list of all.
func (w *world) provider(addr string) deals.Provider {
	w.t.Helper()
	all, err := w.deals.Providers(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(p deals.Provider) bool { return p.Address == addr })
	if i < 0 {
		return deals.Provider{}
	}
	return all[i]
}

// Providers come and go while the node runs, and pieces that wait for one notice
// at once: by themselves they would look again after an hour.
func TestAddedProviders(t *testing.T) {
	m := newMarket(t, 3, deals.Options{})
	m.opt.Providers = nil
	m.restart()
	ctx, addrs := t.Context(), m.net.Providers()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	waits := func(zone uint64, why string) {
		t.Helper()
		m.until("waiting: "+why, 20*time.Second, func() bool {
			_, _, reason, err := m.deals.Progress(ctx, zone)
			return err == nil && strings.Contains(reason, why)
		})
	}
	m.zone(1, 2, 1<<20)
	waits(1, "no providers to choose from")
	do(m.deals.AddProvider(ctx, addrs[0], said("one", "eu")))
	do(m.deals.AddProvider(ctx, addrs[1], deals.ProviderChange{}))
	m.until("deals with added providers", 40*time.Second+100*raceDelay, m.active(1))
	if p := m.provider(addrs[0]); p.Source != deals.SourceAdded || p.Region != "eu" || p.Registration.Name != "one" || p.Peer == "" || p.Active != 1 {
		t.Errorf("provider %+v, want it added, asked and with a deal", p)
	}

	// Suspended, its deal goes on, but it gets no other.
	do(m.deals.SuspendProvider(ctx, addrs[0], "slow to seal", true))
	m.zone(2, 2, 1<<20)
	waits(2, addrs[0]+": slow to seal")
	m.until("the deal with the other one", 40*time.Second+100*raceDelay, func() bool { return m.count(2, deals.DealActive) == 1 })
	if n := m.count(1, deals.DealActive); n != 2 {
		t.Errorf("%d deals are active after one provider was suspended, want 2", n)
	}
	m.restart()
	if p := m.provider(addrs[0]); p.Registration.Suspended != "slow to seal" || !p.Registration.ByAdmin {
		t.Errorf("after a restart %+v, want it suspended", p)
	}
	do(m.deals.UnsuspendProvider(ctx, addrs[0], true))
	m.until("a deal with the one that may again", 40*time.Second+100*raceDelay, m.active(2))

	// Removed, its deals go on too, in the same region.
	do(m.deals.RemoveProvider(ctx, addrs[0]))
	m.zone(3, 2, 1<<20)
	waits(3, "1 more replicas wanted")
	m.restart()
	if p := m.provider(addrs[0]); p.Source != "" || p.Region != "eu" || p.Active != 2 {
		t.Errorf("removed provider is %+v, want its deals and region", p)
	}
	if n := m.count(1, deals.DealActive); n != 2 {
		t.Errorf("%d deals are active after one provider was removed, want 2", n)
	}
	do(m.deals.AddProvider(ctx, addrs[2], deals.ProviderChange{}))
	m.until("a deal with the third", 40*time.Second+100*raceDelay, m.active(3))
	for _, d := range m.list(3) {
		if d.Provider == addrs[0] {
			t.Errorf("a removed provider was asked: %+v", d)
		}
	}
}

// What may be said of a provider, and where.
func TestProviderChanges(t *testing.T) {
	w := newWorld(t, deals.Options{Providers: configs(t, "f01000", "region=us")})
	ctx, d := t.Context(), w.deals
	text := func(s string) *string { return &s }
	number := func(n int) *int { return &n }
	for name, tt := range map[string]struct {
		err  error
		want error
	}{
		"address":                  {d.AddProvider(ctx, "f2abc", deals.ProviderChange{}), deals.ErrProviderAddress},
		"engine":                   {d.AddProvider(ctx, "f01", deals.ProviderChange{Engine: text("steam")}), deals.ErrProviderValue},
		"http":                     {d.AddProvider(ctx, "f01", deals.ProviderChange{HTTP: text("ftp://x")}), deals.ErrProviderValue},
		"most":                     {d.AddProvider(ctx, "f01", deals.ProviderChange{Most: number(-1)}), deals.ErrProviderValue},
		"long region":              {d.AddProvider(ctx, "f01", deals.ProviderChange{Region: text(strings.Repeat("x", 256))}), deals.ErrProviderValue},
		"no text":                  {d.AddProvider(ctx, "f01", deals.ProviderChange{Name: text("\xff")}), deals.ErrProviderText},
		"set what is not there":    {d.SetProvider(ctx, "f01", said("a", "b")), deals.ErrNotListed},
		"remove what is not there": {d.RemoveProvider(ctx, "f01"), deals.ErrNotListed},
		"remove a setting":         {d.RemoveProvider(ctx, "f01000"), deals.ErrProviderSetting},
		"change a setting":         {d.SetProvider(ctx, "f01000", said("a", "b")), deals.ErrProviderSetting},
		"add a setting":            {d.AddProvider(ctx, "f01000", said("a", "b")), deals.ErrProviderSetting},
		"suspend nobody":           {d.SuspendProvider(ctx, "f01", "x", true), deals.ErrNotRegistered},
		"unsuspend nobody":         {d.UnsuspendProvider(ctx, "f01", true), deals.ErrNotRegistered},
		"name nobody":              {d.SetProviderName(ctx, "f01", "x"), deals.ErrNotRegistered},
		"suspend without a reason": {d.SuspendProvider(ctx, "f01000", "", true), deals.ErrProviderText},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
		}
	}
	if all, err := d.Providers(ctx); err != nil || len(all) != 1 || all[0].Registration.Name != "" || all[0].Source != deals.SourceSetting || all[0].Region != "us" {
		t.Fatalf("what was refused changed %+v, %v", all, err)
	}
	// The name of one in the settings is said here.
	if err := d.SetProvider(ctx, "f01000", deals.ProviderChange{Name: text("first")}); err != nil || w.provider("f01000").Registration.Name != "first" {
		t.Errorf("name: %v, %+v", err, w.provider("f01000"))
	}
	all := deals.ProviderChange{Name: text("second"), Engine: text(deals.EngineOffline), HTTP: text("https://u:p@sp.example/"),
		Owner: text("acme"), Region: text("eu"), Most: number(4)}
	if s := all.String(); s != `name="second" engine=offline http=https://u:xxxxx@sp.example/ owner=acme region=eu most=4` {
		t.Errorf("the change reads %s", s)
	}
	if err := d.AddProvider(ctx, "t01001", all); err != nil {
		t.Fatal(err)
	}
	w.restart()
	d = w.deals
	if p := w.provider("f01001"); p.Source != deals.SourceAdded || p.Registration.Name != "second" || p.Engine != deals.EngineOffline ||
		p.HTTP != "https://u:p@sp.example" || p.Owner != "acme" || p.Region != "eu" || p.Most != 4 {
		t.Errorf("added provider is %+v", p)
	}
	// Of one that is there adding says something more; "" and 0 take back.
	err := errors.Join(d.AddProvider(ctx, "f01001", deals.ProviderChange{Region: text("asia")}),
		d.SetProvider(ctx, "f01001", deals.ProviderChange{Engine: text(""), HTTP: text(""), Most: number(0)}))
	if p := w.provider("f01001"); err != nil || p.Region != "asia" || p.Owner != "acme" || p.Engine != "" || p.HTTP != "" || p.Most != 20 {
		t.Errorf("changed provider is %+v, %v", p, err)
	}
	// One that is added again begins anew.
	err = errors.Join(d.RemoveProvider(ctx, "f01001"), d.AddProvider(ctx, "f01001", deals.ProviderChange{}))
	if p := w.provider("f01001"); err != nil || p.Source != deals.SourceAdded || p.Region != "" || p.Registration.Name != "second" {
		t.Errorf("provider added again is %+v, %v", p, err)
	}
	if err := d.RemoveProvider(ctx, "f01001"); err != nil || w.provider("f01001").Address != "" {
		t.Errorf("removed: %v, %+v", err, w.provider("f01001"))
	}
	if err := d.RemoveProvider(ctx, "f01001"); !errors.Is(err, deals.ErrNotListed) {
		t.Errorf("removed again: %v", err)
	}
	// What the settings say wins when they name it later.
	if err := d.AddProvider(ctx, "f01002", said("third", "eu")); err != nil {
		t.Fatal(err)
	}
	w.opt.Providers = configs(t, "f01002", "region=us")
	w.restart()
	list, err := w.deals.Providers(ctx)
	if err != nil || len(list) != 1 || list[0].Address != "f01002" || list[0].Source != deals.SourceSetting || list[0].Region != "us" {
		t.Errorf("with a setting of the same: %+v, %v", list, err)
	}
}
