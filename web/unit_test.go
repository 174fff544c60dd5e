package web_test

import (
	"mime"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whypfs/whypfs/internal/reqstat"
	"github.com/whypfs/whypfs/web"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := web.NewLimiter()
		a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		for i := range web.MaxAttempts {
			if _, ok := l.Take(a); !ok {
				t.Fatalf("attempt %d is refused", i+1)
			}
		}
		wait, ok := l.Take(a)
		if ok || wait <= 0 || wait > web.AttemptEvery {
			t.Fatalf("one attempt too many: %v, %v", wait, ok)
		}
		if _, ok := l.Take(b); !ok {
			t.Error("another address is refused too")
		}
		time.Sleep(wait)
		if _, ok := l.Take(a); !ok {
			t.Error("it is still refused after the time it was told to wait")
		}
		if _, ok := l.Take(a); ok {
			t.Error("the wait bought more than one attempt")
		}
		l.GiveBack(a)
		if _, ok := l.Take(a); !ok {
			t.Error("what was given back is gone")
		}
		time.Sleep(time.Hour)
		for range web.MaxAttempts {
			l.Take(a)
		}
		if _, ok := l.Take(a); ok {
			t.Error("an hour's rest bought more than all attempts")
		}
	})
}

func TestLimiterIsBounded(t *testing.T) {
	l := web.NewLimiter()
	addr := netip.MustParseAddr("10.0.0.0")
	for range 2 * web.MaxAddresses {
		addr = addr.Next()
		l.Take(addr)
	}
	if l.Len() > web.MaxAddresses {
		t.Errorf("it remembers %d addresses, want at most %d", l.Len(), web.MaxAddresses)
	}
}

func TestFormats(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 200000: "195 KiB",
		1<<20 - 1: "1 MiB", 16 << 30: "16 GiB", 1 << 62: "4096 PiB"} {
		if got := web.BytesText(n); got != want {
			t.Errorf("BytesText(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 s", -time.Second: "0 s", 61 * time.Second: "1 min 1 s", time.Hour: "1 h",
		48 * time.Hour: "2 d", 26*time.Hour + time.Minute: "1 d 2 h"} {
		if got := web.SpanText(d); got != want {
			t.Errorf("SpanText(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 9999: "9999", 12345: "12\u202f345", 1234567: "1\u202f234\u202f567"} {
		if got := web.CountText(n); got != want {
			t.Errorf("CountText(%d) = %q, want %q", n, got, want)
		}
	}
	for want, got := range map[string]string{"1 file": web.Plural(1, "file"), "2 files": web.Plural(2, "file"),
		"3 copies": web.Plural("3", "copy"), "2 days": web.Plural(2, "day"), "0 tries": web.Plural(0, "try")} {
		if got != want {
			t.Errorf("Plural = %q, want %q", got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "—", time.Millisecond: "≤ 1 ms", 2 * time.Second: "≤ 2 s"} {
		if got := web.LatencyText(d); got != want {
			t.Errorf("LatencyText(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestSparkline(t *testing.T) {
	a := reqstat.API{Name: "s3"}
	a.Rate[59] = 100
	v := web.NewAPIView(a)
	if v.Peak != 100 || !strings.HasPrefix(v.Line, "M0.0 27.0") || !strings.HasSuffix(v.Line, "L120.0 2.0") {
		t.Errorf("peak %d, line %s", v.Peak, v.Line)
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/ui/", "/ui/buckets?x=1", "//evil", "/ui/../..//evil", "/ui/\\evil", "http://evil/ui/", "/ui/%2e%2e/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := web.LocalPath(next)
		u, err := url.Parse(got)
		if !strings.HasPrefix(got, "/ui/") || err == nil && (u.Host != "" || u.Scheme != "") || strings.ContainsAny(got, "\\\r\n") {
			t.Errorf("LocalPath(%q) = %q", next, got)
		}
	})
}

func FuzzDisposition(f *testing.F) {
	for _, s := range []string{"a/b.txt", "", "a/", "ü\r\nX: y", `q"uo\te`, "\xff\x00", "//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		got := web.Disposition(key)
		kind, params, err := mime.ParseMediaType(got)
		if err != nil || kind != "attachment" || strings.ContainsAny(got, "\r\n") || strings.ContainsAny(params["filename"], "/\\") {
			t.Errorf("Disposition(%q) = %q, parsed %q %q %v", key, got, kind, params, err)
		}
	})
}
