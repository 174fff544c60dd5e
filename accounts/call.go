package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

var (
	// ErrUnavailable says that the authorization service could not be asked, or
	// did not answer as one; the error that wraps it says how. What was to be
	// changed may have been changed.
	ErrUnavailable = errors.New("the authorization service is not available")
	// ErrCall says that a Call is none of ours.
	ErrCall = errors.New("no such call")
)

// Caller has a Call done by accounts elsewhere, and returns what Do answers
// there, or ErrUnavailable. accounts/remote is one.
type Caller interface {
	Call(ctx context.Context, c Call) (Answer, error)
}

// Call is one question to accounts. Its In may hold secrets.
type Call struct {
	Op   string          `json:"-"`
	Read bool            `json:"-"` // it changes nothing, so it may be sent twice
	By   Actor           `json:"by"`
	In   json.RawMessage `json:"in"`
}

// Answer is what comes back. Its Out may hold secrets.
type Answer struct {
	Out   json.RawMessage `json:"out"`
	Fault *Fault          `json:"fault,omitzero"`
}

// Fault is an error that travels: one whose sentinels have names.
type Fault struct {
	Is   []string      `json:"is"`
	Text string        `json:"text"`
	Wait time.Duration `json:"wait,omitzero"` // of a TooManyError
}

// Do runs a call on the accounts that are here. An error without a name, which
// is a fault of the service and for its log, is returned as an error.
func (a *Accounts) Do(ctx context.Context, c Call) (Answer, error) {
	o := operations[c.Op]
	if o == nil || a.here == nil {
		return Answer{}, fmt.Errorf("%w: %.40q", ErrCall, c.Op)
	}
	out, err := o.run(ctx, &local{a.here.shared, c.By}, c.In)
	fault, err := faultOf(err)
	if err != nil {
		return Answer{}, err
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return Answer{}, fmt.Errorf("answer of %s: %w", c.Op, err)
	}
	return Answer{Out: raw, Fault: fault}, nil
}

// Known says whether there is an operation of that name.
func Known(op string) bool { return operations[op] != nil }

// sentinels are the errors that callers tell apart, by the names under which
// they travel.
var sentinels = []struct {
	name string
	err  error
}{
	{"no user", ErrNoUser},
	{"user exists", ErrUserExists},
	{"password", ErrPassword},
	{"no token", ErrNoToken},
	{"expired", ErrExpired},
	{"no key", ErrNoKey},
	{"key exists", ErrKeyExists},
	{"suspended", ErrSuspended},
	{"invalid", ErrInvalid},
	{"no invite", ErrNoInvite},
	{"invite used", ErrInviteUsed},
	{"invite exists", ErrInviteExists},
	{"id taken", ErrIDTaken},
	{"full", kv.ErrFull},
}

const tooMany = "too many"

// faultOf returns what of an error can travel, or the error itself.
func faultOf(err error) (*Fault, error) {
	if err == nil {
		return nil, nil
	}
	f := Fault{Text: err.Error()}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			f.Is = append(f.Is, s.name)
		}
	}
	var many *TooManyError
	if errors.As(err, &many) {
		f.Is, f.Wait = append(f.Is, tooMany), many.Wait
	}
	if f.Is == nil || errors.Is(err, ErrCall) {
		return nil, err
	}
	return &f, nil
}

// err is the error that became the fault.
func (f *Fault) err() error {
	if f == nil {
		return nil
	}
	e := farError{text: f.Text}
	for _, name := range f.Is {
		for _, s := range sentinels {
			if s.name == name {
				e.is = append(e.is, s.err)
			}
		}
		if name == tooMany {
			e.is = append(e.is, &TooManyError{f.Wait})
		}
	}
	return e
}

// farError is an error of accounts elsewhere.
type farError struct {
	text string
	is   []error
}

func (e farError) Error() string   { return e.text }
func (e farError) Unwrap() []error { return e.is }
