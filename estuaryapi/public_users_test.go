package estuaryapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/whypfs/whypfs/accounts"
)

// elsewhere answers every question of accounts elsewhere.
type elsewhere func() (accounts.Answer, error)

func (c elsewhere) Call(context.Context, accounts.Call) (accounts.Answer, error) { return c() }

// How many users there are is known while the authorization service is away, if
// it was ever there; another error is not hidden.
func TestUserCount(t *testing.T) {
	two := accounts.Answer{Out: json.RawMessage(`[{"ID":1},{"ID":2}]`)}
	fault := errors.New("fault")
	var answer accounts.Answer
	var fails error
	s := &server{accounts: accounts.At(elsewhere(func() (accounts.Answer, error) { return answer, fails }))}
	for i, step := range []struct {
		answer accounts.Answer
		fails  error
		users  int
		want   error
	}{
		{accounts.Answer{}, accounts.ErrUnavailable, 0, accounts.ErrUnavailable},
		{two, nil, 2, nil},
		{accounts.Answer{}, accounts.ErrUnavailable, 2, nil},
		{accounts.Answer{}, fault, 0, fault},
	} {
		answer, fails = step.answer, step.fails
		if n, err := s.userCount(t.Context()); n != step.users || !errors.Is(err, step.want) {
			t.Errorf("step %d: userCount = %d, %v, want %d, %v", i, n, err, step.users, step.want)
		}
	}
}

// Whoever registers or logs in while the authorization service is away is told
// so, as everybody is.
func TestAccountsAway(t *testing.T) {
	s := &server{accounts: accounts.At(elsewhere(func() (accounts.Answer, error) { return accounts.Answer{}, accounts.ErrUnavailable }))}
	r := &request{Request: httptest.NewRequest("POST", "/", nil)}
	if _, err := s.register(r, registerInput{}); asError(err) != errNoAccounts {
		t.Errorf("register = %v, want %v", asError(err), errNoAccounts)
	}
	if _, err := s.login(r, loginInput{}); asError(err) != errNoAccounts {
		t.Errorf("login = %v, want %v", asError(err), errNoAccounts)
	}
}
