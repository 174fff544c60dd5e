package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/accounts"
)

// users are the settings of accounts.
type users struct {
	Registration string
	QuotaBytes   size
	QuotaObjects int64
	AuditKeep    time.Duration
}

func (u *users) flags(fs *pflag.FlagSet) {
	fs.StringVar(&u.Registration, "registration", "invite", "who may register over the Estuary API: invite (whoever has an invite that is not used) or open (anybody)")
	fs.Var(&u.QuotaBytes, "quota-bytes", "how much a user who is no admin may keep, unless whypfs user quota says otherwise; 0: no limit")
	fs.Int64Var(&u.QuotaObjects, "quota-objects", 0, "how many contents he may keep; 0: no limit")
	fs.DurationVar(&u.AuditKeep, "audit-keep", year, "how long records of what admins did are kept; 0: for ever")
}

func (u *users) check(bad func(format string, args ...any)) {
	if u.Registration != "invite" && u.Registration != "open" {
		bad("--registration: %q is not invite or open", u.Registration)
	}
	if u.QuotaObjects < 0 {
		bad("--quota-objects: %d is negative", u.QuotaObjects)
	}
	if u.AuditKeep < 0 {
		bad("--audit-keep: %v is negative", u.AuditKeep)
	}
}

func (u *users) options() accounts.Options {
	return accounts.Options{OpenRegistration: u.Registration == "open", AuditKeep: u.AuditKeep,
		DefaultQuota: accounts.Quota{Bytes: int64(u.QuotaBytes), Objects: u.QuotaObjects}}
}
