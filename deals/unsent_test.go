package deals

import (
	"errors"
	"testing"

	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// Deals that a provider has not heard of are not sent when it is to get no more,
// and others are chosen for their pieces. All that it knows of goes on.
func TestUnsentDropped(t *testing.T) {
	for name, stop := range map[string]func(s *scripted) error{
		"suspended": func(s *scripted) error { return s.SuspendProvider(t.Context(), "f01003", "slow", false) },
		"removed": func(s *scripted) error {
			s.opt.Providers = s.opt.Providers[1:]
			return errors.Join(s.AddProvider(t.Context(), "f01003", ProviderChange{}), s.RemoveProvider(t.Context(), "f01003"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScripted(t)
			unsent := s.deal(DealProposed, 1, func(r *dealRow) { r.Sent = false })
			kept := []dealRow{
				s.deal(DealProposed, 1, func(r *dealRow) { r.Piece = "sent" }),
				s.deal(DealAccepted, 1, func(r *dealRow) { r.Piece = "taken" }),
				s.deal(DealProposed, 1, func(r *dealRow) { r.Sent, r.Provider = false, "f01004" }),
			}
			if err := stop(s); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Deal(t.Context(), unsent.UUID); !errors.Is(err, ErrNoDeal) {
				t.Errorf("the deal that was not sent: %v, want %v", err, ErrNoDeal)
			}
			for _, row := range kept {
				if d, err := s.Deal(t.Context(), row.UUID); err != nil || d.State != row.State {
					t.Errorf("%s with %s: %+v, %v", row.Piece, row.Provider, d, err)
				}
			}
			s.update(func(tx kv.Tx) error {
				if has, err := queue.Has(tx, kindReplicate, somePiece); err != nil || !has {
					t.Errorf("nobody looks for another provider: %v", err)
				}
				return nil
			})
		})
	}
}

// A provider that filclient talks with has it run, from when it is added.
func TestEngineOfAdded(t *testing.T) {
	s, engine := newScripted(t), EngineFilclient
	uses := func(want bool) {
		t.Helper()
		if got, err := s.usesFilclient(t.Context()); err != nil || got != want {
			t.Errorf("filclient is used: %v, %v, want %v", got, err, want)
		}
	}
	uses(false)
	other := s.nextList()
	if err := s.AddProvider(t.Context(), "f01005", ProviderChange{Engine: &engine}); err != nil {
		t.Fatal(err)
	}
	<-other
	uses(true)
	if e, err := s.engineOf(t.Context(), "f01005"); err != nil || e != Engine(s.filclient) {
		t.Errorf("engine is %T, %v", e, err)
	}
	if err := s.RemoveProvider(t.Context(), "f01005"); err != nil {
		t.Fatal(err)
	}
	uses(true)
}

// Whoever suspended a provider, no admin has a deal made with it by the way, nor
// a second one of a piece, however he writes its address.
func TestMakeSuspended(t *testing.T) {
	s := newScripted(t)
	s.deal(DealActive, 1, func(r *dealRow) { r.Provider = "f01004" })
	s.update(func(tx kv.Tx) error {
		return kv.PutJSON(tx, kv.Key(prefix, "zone", uint64(1)), struct{ Bucket string }{"b"})
	})
	if err := s.SuspendProvider(t.Context(), "f01003", "slow", false); err != nil {
		t.Fatal(err)
	}
	for _, spelling := range []string{"f01003", "t01003", "f0001003"} {
		if _, err := s.Make(t.Context(), somePiece, spelling); !errors.Is(err, ErrProviderSuspended) {
			t.Errorf("Make with %s = %v, want %v", spelling, err, ErrProviderSuspended)
		}
	}
	if err := s.UnsuspendProvider(t.Context(), "f01003", false); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Make(t.Context(), somePiece, "f0001003"); err != nil || d.Provider != "f01003" {
		t.Errorf("Make = %+v, %v", d, err)
	}
	for _, spelling := range []string{"f01003", "f0001003"} {
		if _, err := s.Make(t.Context(), somePiece, spelling); !errors.Is(err, ErrHeld) {
			t.Errorf("a second deal with %s: %v, want %v", spelling, err, ErrHeld)
		}
	}
}
