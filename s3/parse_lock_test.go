package s3

import (
	"testing"
	"time"
)

func FuzzLock(f *testing.F) {
	f.Add([]byte(`<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>`))
	f.Add([]byte(`<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2999-01-01T00:00:00Z</RetainUntilDate></Retention>`))
	f.Add([]byte(`<Retention/>`))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := parseLock(data); err == nil && l.Default != nil {
			if d := *l.Default; !isLockMode(string(d.Mode)) || (d.Days > 0) == (d.Years > 0) || d.Days > maxRetentionDays || d.Years > maxRetentionYears {
				t.Errorf("parseLock(%q) = %+v", data, d)
			}
		}
		if r, err := parseRetention(data, now); err == nil && r.Mode != "" && (!isLockMode(string(r.Mode)) || !r.Until.After(now)) {
			t.Errorf("parseRetention(%q) = %+v", data, r)
		}
	})
}
