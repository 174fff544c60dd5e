package retrieve

import "testing"

// Readers go before restores and both before what may be wanted; a large one is
// not passed by small ones for ever, and what leaves gives its room back.
func TestGate(t *testing.T) {
	g := &gate{limit: 10}
	in := func(k *ticket) bool {
		select {
		case <-k.open:
			return true
		default:
			return false
		}
	}
	check := func(what string, want []bool, tickets ...*ticket) {
		t.Helper()
		for i, k := range tickets {
			if in(k) != want[i] {
				t.Errorf("%s: ticket %d is in: %v, want %v", what, i, in(k), want[i])
			}
		}
	}
	first := g.ask(Ahead, 8)
	guess, restore, reader, small := g.ask(Ahead, 4), g.ask(ForRestore, 4), g.ask(ForReader, 8), g.ask(Ahead, 1)
	all := []*ticket{first, guess, restore, reader, small}
	check("a full gate", []bool{true, false, false, false, false}, all...)
	first.release()
	check("a reader's turn", []bool{true, false, false, true, false}, all...)
	small.raise(ForReader)
	check("a raised one", []bool{true, false, false, true, true}, all...)
	guess.release() // gives up
	reader.release()
	reader.release()
	check("the restore's turn", []bool{true, false, true, true, true}, all...)
	restore.release()
	small.release()
	first = g.ask(ForRest, 10)
	rest, repair, guess := g.ask(ForRest, 10), g.ask(ForRepair, 10), g.ask(Ahead, 10)
	for _, next := range []*ticket{guess, repair, rest} {
		check("the next turn", []bool{false, true}, next, first)
		first.release()
		check("the next turn", []bool{true}, next)
		first = next
	}
	first.release()
	if huge := g.ask(Ahead, 1000); !in(huge) || g.used != g.limit {
		t.Errorf("one larger than the gate does not pass: %d of %d used", g.used, g.limit)
	} else if huge.release(); g.used != 0 || len(g.waiting) != 0 {
		t.Errorf("an empty gate has %d used, %d waiting", g.used, len(g.waiting))
	}
}
