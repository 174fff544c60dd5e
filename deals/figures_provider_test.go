package deals

import (
	"slices"
	"testing"
)

// Each deal is counted once, whatever became of it, and the best provider is first.
func TestFiguresByProvider(t *testing.T) {
	s := newScripted(t)
	add := func(provider string, state DealState, chainID uint64) {
		s.deal(state, 1, func(r *dealRow) { r.Provider, r.ChainID = provider, chainID })
	}
	if got, err := s.FiguresByProvider(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("without deals %+v, %v", got, err)
	}
	add("f01003", DealRejected, 0)
	add("f01003", DealFailed, 0)
	add("f01003", DealFailed, 5) // slashed
	add("f01003", DealExpired, 6)
	add("f01003", DealActive, 7)
	add("f01003", DealProposed, 0)
	add("f01004", DealPublished, 8)
	add("f01005", DealAccepted, 0)
	add("f01006", DealActive, 9)
	add("f01006", DealActive, 10)
	got, err := s.FiguresByProvider(t.Context())
	want := []ProviderFigures{{"f01006", 2, 2, 0, 0}, {"f01004", 1, 1, 0, 0}, {"f01003", 6, 3, 2, 1}, {"f01005", 1, 0, 0, 0}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("figures %+v, %v, want %+v", got, err, want)
	}
}
