package accounts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// op is one thing that accounts can be asked. Its argument and its result are
// plain values, so that it can be asked of accounts on another machine: there
// the same function runs on the store.
type op[In, Out any] struct {
	name string
	read bool // changes nothing, so that it may be asked again
	do   func(*local, context.Context, In) (Out, error)
}

func read[In, Out any](name string, do func(*local, context.Context, In) (Out, error)) op[In, Out] {
	return op[In, Out]{name, true, do}
}

func change[In, Out any](name string, do func(*local, context.Context, In) (Out, error)) op[In, Out] {
	return op[In, Out]{name, false, do}
}

// none is the argument or the result of an op that has none.
type none struct{}

// silent is an op's function of one without a result.
func silent[In any](do func(*local, context.Context, In) error) func(*local, context.Context, In) (none, error) {
	return func(a *local, ctx context.Context, in In) (none, error) { return none{}, do(a, ctx, in) }
}

// ask runs an op where the accounts are. A result may come with an error.
func ask[In, Out any](ctx context.Context, a *Accounts, o op[In, Out], in In) (out Out, err error) {
	if a.here != nil {
		return o.do(a.here, ctx, in)
	}
	arg, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("%s: %w", o.name, err)
	}
	answer, err := a.far.Call(ctx, Call{Op: o.name, Read: o.read, By: a.by, In: arg})
	if err != nil {
		return out, fmt.Errorf("%s: %w", o.name, err)
	}
	if err := json.Unmarshal(answer.Out, &out); err != nil {
		return out, fmt.Errorf("%s: %w: the answer cannot be read", o.name, ErrUnavailable)
	}
	return out, answer.Fault.err()
}

// tell is ask for an op without a result.
func tell[In any](ctx context.Context, a *Accounts, o op[In, none], in In) error {
	_, err := ask(ctx, a, o, in)
	return err
}

// operation is an op whatever its types.
type operation interface {
	title() string
	run(ctx context.Context, a *local, arg json.RawMessage) (any, error)
}

func (o op[In, Out]) title() string { return o.name }

func (o op[In, Out]) run(ctx context.Context, a *local, arg json.RawMessage) (any, error) {
	var in In
	// A field that is not known is one that the caller relies on.
	d := json.NewDecoder(bytes.NewReader(arg))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, fmt.Errorf("%w: its argument cannot be read", ErrCall)
	}
	return o.do(a, ctx, in)
}

// operations are all of them.
var operations = byTitle(
	opCreateUser, opUser, opUserByName, opUsers, opSetPassword, opSetLevel, opSetQuota, opSetAddress, opSuspend, opUnsuspend,
	opCreateToken, opToken, opTokens, opRevokeToken, opEndSessions,
	opCreateKey, opKeys, opDeleteKey, opSecret,
	opLogin, opLoginFrom, opRegister,
	opCreateInvite, opInvites, opDeleteInvite,
	opRecord, opAudit, opImportUser,
)

func byTitle(all ...operation) map[string]operation {
	m := map[string]operation{}
	for _, o := range all {
		m[o.title()] = o
	}
	return m
}

// exact is a text that arrives byte for byte. JSON alone would make another of
// one that is not UTF-8: of two wrong passwords the same, for example.
type exact string

func (s exact) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(s)) {
		return json.Marshal(string(s))
	}
	return json.Marshal([][]byte{[]byte(s)}) // in base64, and in brackets to tell it
}

func (s *exact) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var raw [][]byte
		if err := json.Unmarshal(b, &raw); err != nil || len(raw) != 1 {
			return errors.Join(err, ErrCall)
		}
		*s = exact(raw[0])
		return nil
	}
	return json.Unmarshal(b, (*string)(s))
}
