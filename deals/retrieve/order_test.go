package retrieve

import (
	"context"
	"errors"
	"testing"
)

// What no reader waits for waits for a place at a provider, until a reader does.
func TestPlacesAtProvider(t *testing.T) {
	ctx := t.Context()
	r := &Retriever{gate: gate{limit: 100}, perProvider: 1}
	one, two := r.gate.ask(ForRestore, 1), r.gate.ask(ForRepair, 1)
	release, err := r.slot(ctx, "f01", one)
	if err != nil {
		t.Fatal(err)
	}
	if free, err := r.slot(ctx, "f02", two); err != nil {
		t.Errorf("at another provider: %v", err)
	} else {
		free()
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.slot(gone, "f01", two); !errors.Is(err, context.Canceled) {
		t.Errorf("for one who has left: %v", err)
	}
	got := make(chan error)
	go func() {
		free, err := r.slot(ctx, "f01", two)
		if err == nil {
			free()
		}
		got <- err
	}()
	two.raise(ForReader)
	if err := <-got; err != nil {
		t.Errorf("a reader came, and the place is taken: %v", err)
	}
	if len(r.sources.slots["f01"]) != 1 {
		t.Error("a reader has given back a place that it had not")
	}
	release()
	if len(r.sources.slots["f01"]) != 0 {
		t.Error("the place was not given back")
	}
	reader := r.gate.ask(ForReader, 1)
	for range 3 {
		if _, err := r.slot(ctx, "f01", reader); err != nil {
			t.Errorf("a reader: %v", err)
		}
	}
}
