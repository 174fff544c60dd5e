package deals_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whypfs/whypfs/deals"
)

const switchedOff = "making new deals is switched off by root since "

// Switched off, no deal is made, over a restart too, and the zone says why; on
// again, it goes on without anybody asking for it.
func TestSwitch(t *testing.T) {
	m := newMarket(t, 2, deals.Options{})
	set := func(on bool) {
		t.Helper()
		if err := m.deals.SetSwitch(t.Context(), on, "root"); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := m.deals.Switch(t.Context()); err != nil || !s.Off.IsZero() {
		t.Errorf("switch %+v, %v, want it on", s, err)
	}
	set(false)
	_, pieces := m.zone(1, 2, 1<<20)
	reason := func() string {
		_, _, reason, err := m.deals.Progress(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return reason
	}
	m.until("the zone says why", 20*time.Second, func() bool { return strings.Contains(reason(), "2 more replicas wanted; "+switchedOff) })
	s, err := m.deals.Switch(t.Context())
	if err != nil || s.By != "root" || time.Since(s.Off) > time.Minute {
		t.Errorf("switch %+v, %v, want it off by root", s, err)
	}
	set(false)
	if again, err := m.deals.Switch(t.Context()); err != nil || again != s {
		t.Errorf("switched off again: %+v, %v, want %+v", again, err, s)
	}
	if _, err := m.deals.Make(t.Context(), pieces[0].CID, m.net.Providers()[0]); !errors.Is(err, deals.ErrSwitchedOff) {
		t.Errorf("Make = %v, want ErrSwitchedOff", err)
	}
	choice, err := m.deals.Candidates(t.Context(), pieces[0].CID)
	if err != nil || len(choice.Candidates) != 2 {
		t.Fatalf("choice %+v, %v", choice, err)
	}
	for _, c := range choice.Candidates {
		if c.Verdict != deals.VerdictOff || !strings.HasPrefix(c.Why, switchedOff) {
			t.Errorf("candidate %+v", c)
		}
	}
	m.restart()
	m.until("it is looked at again", 20*time.Second, func() bool { return strings.Contains(reason(), switchedOff) })
	if list := m.list(1); len(list) != 0 {
		t.Errorf("deals %+v, want none", list)
	}
	set(true)
	m.until("two active deals", 30*time.Second+100*raceDelay, m.active(1))
}

// A deal that its provider has not heard of when the switch is turned waits
// too; one that it knows of goes on.
func TestSwitchStopsProposals(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	m.stop()
	m.zone(1, 1, 1<<20)
	provider := m.net.Providers()[0]
	_, pieces := m.packed(2, 1, 1<<20)
	made, err := m.deals.Make(t.Context(), pieces[0].CID, provider)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.deals.SetSwitch(t.Context(), false, "root"); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.until("the deal waits", 20*time.Second, func() bool {
		d, err := m.deals.Deal(t.Context(), made.UUID)
		return err == nil && d.State == deals.DealProposed && d.Proposal == "" && strings.HasPrefix(d.Reason, switchedOff)
	})
	if err := m.deals.SetSwitch(t.Context(), true, "root"); err != nil {
		t.Fatal(err)
	}
	m.until("both zones have their deals", 30*time.Second+100*raceDelay, func() bool { return m.active(1)() && m.count(2, deals.DealActive) == 1 })
}

// The switch is turned while a deal is being prepared: its provider does not
// hear of it until it is turned back.
func TestSwitchDuringProposal(t *testing.T) {
	m := newMarket(t, 1, deals.Options{})
	m.stop()
	target, err := url.Parse(m.net.RPC())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	var once sync.Once
	rpc := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has left
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("StateDealProviderCollateralBounds")) {
			once.Do(func() {
				if err := m.deals.SetSwitch(context.Background(), false, "root"); err != nil {
					t.Error(err)
				}
			})
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(rpc.Close)
	m.opt.RPC = endpoints(rpc.URL + target.Path)
	m.world.restart()
	m.zone(1, 1, 1<<20)
	m.until("the deal waits, or goes on", 20*time.Second, func() bool {
		list := m.list(1)
		return len(list) == 1 && (strings.HasPrefix(list[0].Reason, switchedOff) || list[0].State != deals.DealProposed)
	})
	if d := m.list(1)[0]; d.State != deals.DealProposed || m.provider(d.Provider).Proposed != 0 {
		t.Errorf("a deal was made after the switch was turned: %+v", d)
	}
	if err := m.deals.SetSwitch(t.Context(), true, "root"); err != nil {
		t.Fatal(err)
	}
	m.until("an active deal", 30*time.Second+100*raceDelay, m.active(1))
}

// What an operator looks after: deals that there are.
func TestLook(t *testing.T) {
	m := newMarket(t, 1, deals.Options{Recheck: time.Hour})
	m.zone(1, 1, 1<<20)
	m.until("an active deal", 30*time.Second+100*raceDelay, m.active(1))
	d := m.list(1)[0]
	if err := m.deals.Look(t.Context(), "none"); !errors.Is(err, deals.ErrNoDeal) {
		t.Errorf("Look at nothing = %v, want ErrNoDeal", err)
	}
	looked := func(what string, look func() error) {
		t.Helper()
		due := func() time.Time {
			j, err := m.queue.Job(t.Context(), "deal", d.UUID)
			if err != nil {
				t.Fatal(err)
			}
			return j.Due
		}
		m.until("it waits", 20*time.Second, func() bool { return time.Until(due()) > 30*time.Minute })
		before := due()
		if err := look(); err != nil {
			t.Fatal(err)
		}
		m.until(what, 20*time.Second, func() bool { return due().After(before) })
	}
	looked("it is looked after", func() error { return m.deals.Look(t.Context(), d.UUID) })
	looked("all are looked after", func() error { return m.deals.LookAll(t.Context()) })
}
