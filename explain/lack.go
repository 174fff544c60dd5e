package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/whypfs/whypfs/deals"
)

// toldLacks is of how many ways to lack deals there are sentences.
const toldLacks = 3

// lack is why some pieces, which are alike in that, have not all their replicas.
type lack struct {
	pieces   []int // counted from 1
	pending  [3]int
	more     int    // wanted beyond those
	why      string // nobody is asked for them now
	needless bool

	look   time.Time // the next one at a deal
	choose time.Time // when providers are chosen again
}

// pendingStates are those of deals under way, in order, with their words.
var pendingStates = [3]struct {
	state deals.DealState
	words string
}{
	{deals.DealProposed, "being proposed"},
	{deals.DealAccepted, "accepted, with the provider to pull the data and publish the deal"},
	{deals.DealPublished, "on chain, with the provider to seal the data"},
}

// lacking groups the pieces that lack replicas by how they do.
func lacking(pieces []deals.PieceAccount) []*lack {
	var out []*lack
	known := map[string]*lack{}
	for i, p := range pieces {
		if p.Active >= p.Wanted {
			continue
		}
		l := lackOf(p)
		key := fmt.Sprint(l.pending, l.more, l.why, l.needless, l.choose.IsZero())
		same := known[key]
		if same == nil {
			known[key], same = l, l
			out = append(out, l)
		}
		same.pieces = append(same.pieces, i+1)
		same.look, same.choose = earlier(same.look, l.look), earlier(same.choose, l.choose)
	}
	return out
}

func lackOf(p deals.PieceAccount) *lack {
	l := &lack{more: p.Wanted - p.Active, needless: p.Needless, choose: p.Next}
	for _, d := range p.Deals {
		for i, s := range pendingStates {
			if d.State == s.state {
				l.pending[i]++
				l.more--
				l.look = earlier(l.look, d.Next)
			}
		}
	}
	if l.more > 0 {
		l.why = refusals(p)
	}
	return l
}

// refusals says why no provider is asked for a piece now.
func refusals(p deals.PieceAccount) string {
	const most, long = 3, 90
	var each []string
	for _, c := range p.Choice.Candidates {
		switch c.Verdict {
		case deals.VerdictTaken, deals.VerdictSpare, deals.VerdictHolds:
			continue
		case deals.VerdictOff:
			return c.Why
		}
		reason := []rune(c.Why)
		if len(reason) > long {
			reason = append(reason[:long], '…')
		}
		each = append(each, c.Provider+" ("+string(reason)+")")
	}
	if len(each) == 0 {
		return p.Reason
	}
	if n := len(each); n > most {
		each = append(each[:most], fmt.Sprintf("%d others", n-most))
	}
	return "not asked now: " + strings.Join(each, ", ")
}

// tell words it, for an object of so many pieces.
func (l *lack) tell(of int, now time.Time) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	var parts []string
	under := 0
	for i, s := range pendingStates {
		if n := l.pending[i]; n > 0 {
			under += n
			parts = append(parts, fmt.Sprintf("%d %s", n, s.words))
		}
	}
	if under > 0 {
		say("%s under way: %s. The next look at one is %s.", isAre(under, "deal"), strings.Join(parts, ", "), when(now, l.look))
	}
	switch {
	case l.needless:
		say("No deal is made: everything in it was deleted.")
	case l.more <= 0:
	case l.choose.IsZero() || !l.choose.After(now):
		say("%s wanted; providers are being chosen now.", isAre(l.more, "more deal"))
	case l.why == "":
		say("%s wanted; providers are chosen again %s.", isAre(l.more, "more deal"), when(now, l.choose))
	default:
		say("%s wanted; %s. Providers are chosen again %s.", isAre(l.more, "more deal"), l.why, when(now, l.choose))
	}
	if of > 1 {
		for i := range out {
			out[i] = l.which(of) + ": " + out[i]
		}
	}
	return out
}

// which names the pieces.
func (l *lack) which(of int) string {
	switch n := len(l.pieces); {
	case n == of:
		return fmt.Sprintf("Each of the %d pieces", of)
	case n == 1:
		return fmt.Sprintf("Piece %d of %d", l.pieces[0], of)
	case n > 5:
		return fmt.Sprintf("%d of the %d pieces", n, of)
	}
	names := make([]string, len(l.pieces))
	for i, p := range l.pieces {
		names[i] = fmt.Sprint(p)
	}
	return fmt.Sprintf("Pieces %s of %d", strings.Join(names, ", "), of)
}

// piecesOf counts the pieces of some lacks.
func piecesOf(lacks []*lack) (n int) {
	for _, x := range lacks {
		n += len(x.pieces)
	}
	return n
}

// earlier is the earlier of two times that there are.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
