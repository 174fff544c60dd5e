package piece

import "testing"

// Who comes again by a new request has no new allowance; who stays away is forgotten.
func TestTokensAreRemembered(t *testing.T) {
	p := newPulls(Limits{RateEach: 1})
	again := func(name string) *pull {
		q, ok := p.begin()
		if !ok || !q.by(name) {
			t.Fatalf("%s is refused", name)
		}
		return q
	}
	q := again("a")
	if err := q.wait(t.Context(), 4<<20); err != nil {
		t.Fatal(err)
	}
	q.end()
	again("b").end()
	again("c").end()
	if _, ok := p.each[tokenID("b")]; ok {
		t.Error("a token that pulled nothing is remembered")
	}
	q = again("a")
	if left := q.own.pace.Tokens(); left > 1<<20 {
		t.Errorf("a new request brings %f bytes", left)
	}
	q.end()
	if p.n != 0 {
		t.Errorf("%d requests are left", p.n)
	}
}
