package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

// callerFunc is a Caller.
type callerFunc func(accounts.Call) (accounts.Answer, error)

func (f callerFunc) Call(_ context.Context, c accounts.Call) (accounts.Answer, error) { return f(c) }

// Pages of users that do not go on are no list.
func TestEndlessUsers(t *testing.T) {
	page := make([]accounts.User, 10_000)
	raw, err := json.Marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	a := accounts.At(callerFunc(func(accounts.Call) (accounts.Answer, error) { return accounts.Answer{Out: raw}, nil }))
	if all, err := a.Users(t.Context()); !errors.Is(err, accounts.ErrUnavailable) {
		t.Errorf("Users = %d, %v, want %v", len(all), err, accounts.ErrUnavailable)
	}
}

// Whatever a service answers, it is an answer or an error.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"out":{"User":{"ID":1},"Secret":["/w=="]}}`)
	f.Add(`{"out":null,"fault":{"is":["too many","no user",""],"text":"x","wait":-1}}`)
	f.Add(`{"out":[{"ID":1}],"fault":{"is":null}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var answer accounts.Answer
		if json.Unmarshal([]byte(text), &answer) != nil {
			return
		}
		a := accounts.At(callerFunc(func(accounts.Call) (accounts.Answer, error) { return answer, nil }))
		ctx := t.Context()
		var errs []error
		note := func(err error) { errs = append(errs, err) }
		_, err := a.User(ctx, 1)
		note(err)
		_, err = a.Users(ctx)
		note(err)
		_, _, err = a.Token(ctx, "x")
		note(err)
		_, _, err = a.Secret(ctx, "x")
		note(err)
		_, err = a.Audit(ctx, accounts.AuditQuery{Before: time.Now()})
		note(err)
		_, err = a.ImportUser(ctx, accounts.Import{})
		note(err)
		note(a.Unsuspend(ctx, 1))
		for _, err := range errs {
			if answer.Fault != nil && err == nil {
				t.Errorf("%q: a fault became no error", text)
			}
		}
	})
}
