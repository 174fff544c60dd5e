package accountstest

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
)

var root = accounts.Actor{User: 1, Name: "root", From: "192.0.2.1"}

func actions(t *testing.T, a *accounts.Accounts, q accounts.AuditQuery) string {
	t.Helper()
	all, err := a.Audit(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, r := range all {
		list = append(list, r.Action+" "+r.Target)
	}
	return strings.Join(list, ", ")
}

func testAudit(t *testing.T, open Open) {
	_, s, box := open.fresh(t)
	a := open(t, kvtest.Rerun(s), box, accounts.Options{}) // a rerun records nothing twice
	by := a.By(root)
	u, err := by.CreateUser(t.Context(), "ann", "a secret password", accounts.LevelUser)
	if err != nil {
		t.Fatal(err)
	}
	token, tok, err := by.CreateToken(t.Context(), u.ID, accounts.TokenSpec{Label: "cron"})
	if err != nil {
		t.Fatal(err)
	}
	key, secret, err := by.CreateKey(t.Context(), u.ID, "access", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		by.SetPassword(t.Context(), u.ID, "another secret password"), by.SetLevel(t.Context(), u.ID, accounts.LevelAdmin),
		by.SetQuota(t.Context(), u.ID, &accounts.Quota{Bytes: 1 << 40}), by.Suspend(t.Context(), u.ID, "does not pay"),
		by.Unsuspend(t.Context(), u.ID), by.DeleteKey(t.Context(), u.ID, key.Access), by.RevokeToken(t.Context(), u.ID, tok.Hash),
		by.Record(t.Context(), "provider.suspend", "f01000", "slow"),
		a.SetPassword(t.Context(), u.ID, "his own new password"), // nobody's concern
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := by.Suspend(t.Context(), 99, "is not there"); !errors.Is(err, accounts.ErrNoUser) {
		t.Errorf("Suspend = %v", err)
	}
	const want = "provider.suspend f01000, token.revoke ann, key.delete ann, user.unsuspend ann, user.suspend ann, " +
		"user.quota ann, user.level ann, user.password ann, key.create ann, token.create ann, user.create ann"
	if got := actions(t, a, accounts.AuditQuery{}); got != want {
		t.Errorf("audit log is\n%s, want\n%s", got, want)
	}
	all, err := a.Audit(t.Context(), accounts.AuditQuery{Action: "user.suspend"})
	if err != nil || len(all) != 1 || all[0].Actor != root || all[0].Detail != "does not pay" || all[0].At.IsZero() {
		t.Errorf("record %+v, %v", all, err)
	}
	for q, want := range map[accounts.AuditQuery]string{
		{Action: "token."}: "token.revoke ann, token.create ann", {Actor: "bob"}: "", {Target: "f01000"}: "provider.suspend f01000",
		{Limit: 1}: "provider.suspend f01000", {Limit: 1, Before: all[0].At}: "user.quota ann",
	} {
		if got := actions(t, a, q); got != want {
			t.Errorf("audit log for %+v is %q, want %q", q, got, want)
		}
	}
	err = s.View(t.Context(), func(tx kv.Tx) error {
		for row, err := range tx.Scan(kv.Range("acct", "audit")) {
			if err != nil {
				return err
			}
			for _, hidden := range []string{token, secret, "password\"", "secret p", "argon"} {
				if strings.Contains(strings.ReplaceAll(string(row.Value), "user.password\"", ""), hidden) {
					t.Errorf("record %s holds %s", row.Value, hidden)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A change whose record cannot be written is not made, and the other way round.
func testAuditIsOneTransaction(t *testing.T, open Open) {
	_, s, box := open.fresh(t)
	a := open(t, s, box, accounts.Options{})
	u := newUser(t, a, "ann", accounts.LevelUser)
	full := kv.ErrFull // it is told from others by callers
	broken := open(t, storeFunc{s, func(tx kv.Tx) kv.Tx { return failingTx{tx, kv.Key("acct", "audit"), full} }}, box, accounts.Options{})
	if err := broken.By(root).Suspend(t.Context(), u.ID, "does not pay"); !errors.Is(err, full) {
		t.Errorf("Suspend = %v, want %v", err, full)
	}
	if got, err := a.User(t.Context(), u.ID); err != nil || got != u {
		t.Errorf("User = %+v, %v, want it unchanged", got, err)
	}
}

func testAuditIsBounded(t *testing.T, open Open) {
	synctest.Test(t, func(t *testing.T) {
		_, s, box := open.fresh(t)
		a := open(t, s, box, accounts.Options{AuditKeep: time.Hour})
		for _, target := range []string{"one", "two"} {
			if err := a.By(root).Record(t.Context(), "test", target, strings.Repeat("ü", 5000)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(40 * time.Minute)
		}
		if got := actions(t, a, accounts.AuditQuery{}); got != "test two" {
			t.Errorf("audit log is %q", got)
		}
		if err := a.By(root).Record(t.Context(), "test", "three", ""); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, s, "audit"); n != 2 {
			t.Errorf("%d rows are left, want 2", n)
		}
		if all, err := a.Audit(t.Context(), accounts.AuditQuery{Target: "two"}); err != nil || len(all) != 1 || len(all[0].Detail) > 1030 {
			t.Errorf("Audit = %d records, %v", len(all), err)
		}
	})
}
