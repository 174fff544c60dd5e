//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// logIn logs the browser in with the root S3 key.
func (b *browser) logIn(base string) {
	b.t.Helper()
	b.open(base + "/ui/")
	b.do(fmt.Sprintf(`document.querySelector("#name").value = %q;
		document.querySelector("#password").value = %q;
		document.querySelector(".login button").click()`, accessKey, secretKey))
	b.until(`document.querySelector("h1")?.textContent === "Dashboard"`)
}

// TestBrowser uses the pages as a person does, in a real Chromium. Whatever the
// Content-Security-Policy blocks, a script throws, or another host is asked for
// fails it.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--sandbox", "--threshold", "1MiB", "--max-piece", "8MiB")
	base := s.addr["api"]
	b := newBrowser(t, base)
	b.logIn(base)
	b.until(`document.querySelector("[data-live]").dataset.state === "live"`)

	b.open(base + "/ui/buckets")
	b.do(`document.querySelector("#name").value = "from-browser"; document.querySelector("main form button").click()`)
	b.until(`document.querySelector("form[data-upload]")?.dataset.state === "ready"`)

	dir := t.TempDir()
	big := bytes.Repeat([]byte("0123456789abcdef"), 2<<20/16)
	names := []string{"two MiB.bin", `<img src=x onerror="document.title='broken'">.txt`, "ünï 🦖.txt"}
	var paths []string
	for i, name := range names {
		data := []byte(name)
		if i == 0 {
			data = big
		}
		p := filepath.Join(dir, name)
		must(t, os.WriteFile(p, data, 0o600))
		paths = append(paths, p)
	}
	b.choose("#file", paths...)
	b.until(`document.querySelector("form[data-upload]").dataset.state === "done"`)
	b.until(`document.querySelectorAll("[data-part=listing] tbody tr").length === 3`)
	b.until(`document.querySelector(".total").textContent === "3 of 3 stored" && document.title !== "broken"`)

	// What the page stored is what any reader of the CID gets.
	var cid string
	b.do(`[...document.querySelectorAll("[data-part=listing] a.name")].find(a => a.textContent === "two MiB.bin").click()`)
	b.until(`document.querySelector("h1")?.textContent === "two MiB.bin"`)
	must(t, b.eval(`document.querySelector("button[data-copy]").dataset.copy`, &cid))
	if got, err := s.gateway(http.DefaultClient, "/ipfs/"+cid); err != nil || !bytes.Equal(got, big) {
		t.Errorf("the gateway gives %d bytes, %v, want the %d that the page stored", len(got), err, len(big))
	}
	// The page shows the deals as they are made, without being loaded again.
	b.do(`window.same = true`)
	b.until(`window.same && document.querySelector("[data-part=safety] h2").textContent.includes("6 of 6 copies active")`)

	// The dashboard learns of what happens elsewhere.
	b.open(base + "/ui/")
	b.until(`document.querySelector("[data-live]").dataset.state === "live"`)
	b.do(`window.same = true`)
	put(s, "from-browser", "later", bytes.Repeat([]byte("x"), 9<<20))
	b.until(`window.same && document.querySelector("[data-part=stored]").innerText.includes("11 MiB")`)

	b.refused(base)
	b.do(`document.querySelector(".logout button").click()`)
	b.until(`document.querySelector(".login") !== null`)
}

// refused uploads to a bucket that is deleted meanwhile: the row says why, and
// offers to try again.
func (b *browser) refused(base string) {
	b.t.Helper()
	b.open(base + "/ui/buckets")
	b.do(`document.querySelector("#name").value = "short-lived"; document.querySelector("main form button").click()`)
	b.until(`document.querySelector("form[data-upload]")?.dataset.state === "ready"`)
	b.do(`fetch("/ui/buckets/short-lived/delete", {method: "POST",
		body: new URLSearchParams({csrf: document.querySelector("form[data-upload]").dataset.csrf})})`)
	file := filepath.Join(b.t.TempDir(), "late.bin")
	must(b.t, os.WriteFile(file, bytes.Repeat([]byte("x"), 4<<20), 0o600))
	b.choose("#file", file)
	b.until(`document.querySelector("form[data-upload]").dataset.state === "failed"`)
	b.until(`document.querySelector(".uploads .state").textContent.includes("There is no such bucket")`)
	b.until(`[...document.querySelectorAll(".uploads button")].some(x => x.textContent === "Try again")`)
}

// TestBrowserWithoutScripts does the same with scripts switched off.
func TestBrowserWithoutScripts(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	base := s.addr["api"]
	b := newBrowser(t, base)
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.logIn(base)
	b.open(base + "/ui/buckets")
	b.do(`document.querySelector("#name").value = "plain"; document.querySelector("main form button").click()`)
	b.until(`document.querySelector("#file") !== null`)
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"one", "two"} {
		paths = append(paths, filepath.Join(dir, name))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat(name, 100_000)), 0o600))
	}
	b.choose("#file", paths...)
	b.do(`document.querySelector("form[data-upload] button[type=submit]").click()`)
	b.until(`document.body.innerText.includes("2 files stored")`)
	b.do(`document.querySelector("a.danger[href*='key=one']").click()`)
	b.until(`document.querySelector("h1")?.textContent === "Delete this object?"`)
	b.do(`document.querySelector("button.danger").click()`)
	b.until(`document.querySelectorAll("[data-part=listing] tbody tr").length === 1`)
	o, err := s.minio().GetObject(t.Context(), "plain", "two", minio.GetObjectOptions{})
	must(t, err)
	defer o.Close()
	if got, err := io.ReadAll(o); err != nil || string(got) != strings.Repeat("two", 100_000) {
		t.Errorf("S3 gives %d bytes of what the form stored, %v", len(got), err)
	}
	await(t, 30*time.Second, "the dashboard counts what is left", func() (ok bool) {
		b.open(base + "/ui/")
		must(t, b.eval(`document.querySelector("[data-part=stored]").innerText.includes("293 KiB")`, &ok))
		return ok
	})
}

// TestNarrowPages looks for pages that are wider than a phone.
func TestNarrowPages(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	base := s.addr["api"]
	b := newBrowser(t, base)
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": true}, nil)
	b.logIn(base)
	long := strings.Repeat("unbroken", 60)
	must(t, s.minio().MakeBucket(t.Context(), "narrow", minio.MakeBucketOptions{}))
	put(s, "narrow", long, []byte("x"))
	must(t, s.minio().MakeBucket(t.Context(), "held", minio.MakeBucketOptions{ObjectLocking: true}))
	held, err := s.minio().PutObject(t.Context(), "held", long, strings.NewReader("x"), 1, minio.PutObjectOptions{
		LegalHold: minio.LegalHoldEnabled, SendContentMd5: true, UserTags: map[string]string{long[:128]: long[:256]}})
	must(t, err)
	version := long + "&version=" + held.VersionID
	pages := []string{"/ui/", "/ui/buckets", "/ui/buckets/narrow", "/ui/buckets/narrow/object?key=" + long, "/ui/buckets/narrow/remove?key=" + long,
		"/ui/buckets/held?versions=all", "/ui/buckets/held/object?key=" + version, "/ui/buckets/held/remove?key=" + version,
		"/ui/zones", "/ui/deals", "/ui/retrievals", "/ui/providers", "/ui/jobs", "/ui/nothing", "/ui/pins", "/ui/pins?find=" + long,
		"/ui/collections", "/ui/register", "/ui/account", "/ui/account/tokens", "/ui/account/keys", "/ui/users", "/ui/users/root", "/ui/invites", "/ui/audit"}
	for _, path := range pages {
		b.open(base + path)
		b.do(`document.querySelector("details")?.setAttribute("open", "")`)
		wide := 0
		must(t, b.eval(`document.documentElement.scrollWidth - innerWidth`, &wide))
		if wide > 0 {
			t.Errorf("%.60s is %d pixels wider than the window", path, wide)
		}
	}
}

// put stores an object over S3.
func put(s *server, bucket, key string, data []byte) {
	s.t.Helper()
	_, err := s.minio().PutObject(s.t.Context(), bucket, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
	must(s.t, err)
}
