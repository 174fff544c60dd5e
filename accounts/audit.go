package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/whypfs/whypfs/kv"
)

// Actor is who changes something in another's account or in the node: an
// admin, or the operator at the command line. The zero value is nobody, and
// nothing is recorded of what he does.
type Actor struct {
	User uint64 // 0: no user, but someone who can open the data directory
	Name string
	From string // where from: an address, or "cli"
}

// By returns the same accounts, where each change is recorded in the audit log,
// in its own transaction, as the actor's.
func (a *Accounts) By(actor Actor) *Accounts {
	by := &Accounts{far: a.far, by: actor}
	if a.here != nil {
		by.here = &local{a.here.shared, actor}
	}
	return by
}

// Record is a line of the audit log. It has no secret.
type Record struct {
	At     time.Time
	Actor  Actor
	Action string // what was done, as "user.suspend"
	Target string // to whom or what
	Detail string // more of it, for people
}

const (
	maxDetail   = 1024 // bytes of each text of a record
	dropRecords = 100  // that one new record removes
)

// newest first
func recordKey(inverted uint64) []byte { return kv.Key("acct", "audit", inverted) }

// Record writes down what was done outside of accounts.
func (a *Accounts) Record(ctx context.Context, action, target, detail string) error {
	return tell(ctx, a, opRecord, recordIn{action, target, detail})
}

type recordIn struct{ Action, Target, Detail string }

var opRecord = change("record", func(a *local, ctx context.Context, in recordIn) (none, error) {
	return none{}, a.Record(ctx, in.Action, in.Target, in.Detail)
})

func (a *local) Record(ctx context.Context, action, target, detail string) error {
	return a.update(ctx, "record "+action, func(tx kv.Tx) error { return a.note(tx, action, target, detail) })
}

// note records a change in its transaction, if it is an actor's.
func (a *local) note(tx kv.Tx, action, target, detail string) error {
	if a.by == (Actor{}) {
		return nil
	}
	at := now()
	r := Record{At: at, Actor: a.by, Action: short(action), Target: short(target), Detail: short(detail)}
	r.Actor.Name, r.Actor.From = short(r.Actor.Name), short(r.Actor.From)
	if err := a.dropOld(tx, at); err != nil {
		return err
	}
	for id := ^uint64(at.UnixNano()); ; id-- {
		_, err := tx.Get(recordKey(id))
		if errors.Is(err, kv.ErrNotFound) {
			return kv.PutJSON(tx, recordKey(id), r)
		}
		if err != nil {
			return err
		}
	}
}

// noteUser is note for a user by id.
func (a *local) noteUser(tx kv.Tx, action string, user uint64, detail string) error {
	if a.by == (Actor{}) {
		return nil
	}
	row, err := get[userRow](tx, userKey(user), ErrNoUser)
	if err != nil {
		return err
	}
	return a.note(tx, action, row.Name, detail)
}

// dropOld removes records that have been kept for as long as they should.
func (a *local) dropOld(tx kv.Tx, at time.Time) error {
	if a.opt.AuditKeep <= 0 {
		return nil
	}
	_, to := kv.Range("acct", "audit")
	var old [][]byte
	for row, err := range tx.Scan(recordKey(^uint64(at.Add(-a.opt.AuditKeep).UnixNano())), to) {
		if err != nil {
			return err
		}
		if old = append(old, append([]byte(nil), row.Key...)); len(old) == dropRecords {
			break
		}
	}
	for _, key := range old {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// AuditQuery asks for records, newest first; zero fields ask for all.
type AuditQuery struct {
	Before        time.Time // only older ones
	Action, Actor string    // an action, or its beginning with a dot at the end; an actor's name
	Target        string
	Limit         int // at most 1000, which is the default
}

const maxRecords = 1000

// Audit returns records of the audit log.
func (a *Accounts) Audit(ctx context.Context, q AuditQuery) ([]Record, error) {
	return ask(ctx, a, opAudit, q)
}

var opAudit = read("audit", (*local).Audit)

func (a *local) Audit(ctx context.Context, q AuditQuery) ([]Record, error) {
	if q.Limit <= 0 || q.Limit > maxRecords {
		q.Limit = maxRecords
	}
	from, to := kv.Range("acct", "audit")
	if !q.Before.IsZero() {
		from = recordKey(^uint64(q.Before.UnixNano()) + 1)
	}
	var all []Record
	err := a.view(ctx, "audit log", func(tx kv.Tx) error {
		all = nil
		for row, err := range tx.Scan(from, to) {
			if err != nil {
				return err
			}
			var r Record
			if err := json.Unmarshal(row.Value, &r); err != nil {
				return fmt.Errorf("record %x: %w", row.Key, err)
			}
			if !q.wants(r, now().Add(-a.opt.AuditKeep), a.opt.AuditKeep > 0) {
				continue
			}
			if all = append(all, r); len(all) == q.Limit {
				break
			}
		}
		return nil
	})
	return all, err
}

// wants says whether a record is asked for, and is not over.
func (q AuditQuery) wants(r Record, oldest time.Time, bounded bool) bool {
	action := q.Action == "" || r.Action == q.Action ||
		q.Action[len(q.Action)-1] == '.' && len(r.Action) > len(q.Action) && r.Action[:len(q.Action)] == q.Action
	return action && (q.Actor == "" || r.Actor.Name == q.Actor) && (q.Target == "" || r.Target == q.Target) &&
		!(bounded && r.At.Before(oldest))
}

// short bounds a text of a record.
func short(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	s = s[:maxDetail]
	for !utf8.ValidString(s) && len(s) > maxDetail-utf8.UTFMax {
		s = s[:len(s)-1]
	}
	return s + "…"
}
