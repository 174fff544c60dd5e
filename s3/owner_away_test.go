package s3

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
)

// away counts the questions to accounts that do not answer.
type away struct{ asked int }

func (a *away) Call(context.Context, accounts.Call) (accounts.Answer, error) {
	a.asked++
	return accounts.Answer{}, accounts.ErrUnavailable
}

// A listing that anybody may have does not wait for each of its owners while the
// authorization service is away.
func TestOwnersAway(t *testing.T) {
	var a away
	s := &server{accounts: accounts.At(&a)}
	owners := s.owners(&call{r: httptest.NewRequest("GET", "/box", nil), bucket: buckets.Bucket{Owner: 1}})
	for user := range uint64(5) {
		want := ownerID(max(user, 1)) // 0 is the bucket's owner
		if got := owners(user); got.ID != want || got.DisplayName != want {
			t.Errorf("owner %d = %+v, want %s", user, got, want)
		}
	}
	if a.asked != 1 {
		t.Errorf("%d questions were asked, want 1", a.asked)
	}
}
