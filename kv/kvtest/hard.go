package kvtest

import (
	"context"
	"errors"
	"sync"

	"github.com/whypfs/whypfs/kv"
)

// Rerun returns a store that runs the function of each Update twice, as a driver
// does after a conflict: the first run leaves nothing behind.
func Rerun(s kv.Store) kv.Store { return &rerun{s} }

type rerun struct{ kv.Store }

// errAgain undoes a first run.
var errAgain = errors.New("run again")

func (r *rerun) Update(ctx context.Context, fn func(kv.Tx) error) error {
	err := r.Store.Update(ctx, func(tx kv.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return r.Store.Update(ctx, fn)
}

// ErrFault is the error of a fault that names no other.
var ErrFault = errors.New("injected fault")

// Fault says how an Update fails.
type Fault int

const (
	None    Fault = iota
	Before        // the update fails and has no effect
	Applied       // the update fails, but has had its effect
)

// Faulty is a store whose Updates can be made to fail. The hooks of an update
// that was applied but failed do not run, as when an answer is lost on its way.
type Faulty struct {
	kv.Store

	mu     sync.Mutex
	choose func(n int) Fault // guarded by mu
	n      int               // guarded by mu
}

// Choose sets what decides the fate of each Update from now on; n counts them
// from 0. nil lets all succeed.
func (f *Faulty) Choose(choose func(n int) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.choose, f.n = choose, 0
}

func (f *Faulty) Update(ctx context.Context, fn func(kv.Tx) error) error {
	switch f.next() {
	case Before:
		return ErrFault
	case Applied:
		err := f.Store.Update(ctx, func(tx kv.Tx) error { return fn(noHooks{tx}) })
		return errors.Join(ErrFault, err)
	}
	return f.Store.Update(ctx, fn)
}

func (f *Faulty) next() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.choose == nil {
		return None
	}
	f.n++
	return f.choose(f.n - 1)
}

type noHooks struct{ kv.Tx }

func (noHooks) OnCommit(func()) {}
