package web

import (
	"net/url"
	"time"

	"github.com/whypfs/whypfs/accounts"
)

type auditView struct {
	Records             []accounts.Record
	Action, Who, Target string
	First, Next         string // URLs
}

// listAudit shows what admins and the operator did, the newest first.
func (s *server) listAudit(c *call) error {
	q := c.r.URL.Query()
	data := auditView{Action: q.Get("action"), Who: q.Get("who"), Target: q.Get("target")}
	query := accounts.AuditQuery{Action: data.Action, Actor: data.Who, Target: data.Target, Limit: pageSize + 1}
	if before, err := time.Parse(time.RFC3339Nano, q.Get("before")); err == nil {
		query.Before = before
		data.First = auditURL(data, time.Time{})
	}
	var err error
	if data.Records, err = s.accounts.Audit(c.r.Context(), query); err != nil {
		return err
	}
	if len(data.Records) > pageSize {
		data.Records = data.Records[:pageSize]
		data.Next = auditURL(data, data.Records[pageSize-1].At)
	}
	return s.ok(c, "audit", view{Title: "Audit log", Nav: "users", Data: data})
}

func auditURL(v auditView, before time.Time) string {
	q := url.Values{}
	for name, value := range map[string]string{"action": v.Action, "who": v.Who, "target": v.Target} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if !before.IsZero() {
		q.Set("before", before.Format(time.RFC3339Nano))
	}
	u := url.URL{Path: "/ui/audit", RawQuery: q.Encode()}
	return u.String()
}
