//go:build integration

package integration

import (
	"fmt"
	"testing"
)

// fill writes into the fields of a form and sends it, as a person does.
func (b *browser) fill(form string, fields ...string) {
	b.t.Helper()
	script := fmt.Sprintf("{const f = document.querySelector(%q);", form)
	for i := 0; i+1 < len(fields); i += 2 {
		script += fmt.Sprintf("f.elements[%q].value = %q;", fields[i], fields[i+1])
	}
	b.do(script + "f.querySelector('button[type=submit]').click()}")
}

// TestBrowserAccounts looks after accounts with scripts switched off: the first
// admin, who has a key alone, sets a password; he makes a user, who makes a token
// and a pin, and loses her session when she is suspended.
func TestBrowserAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	base := s.addr["api"]
	b, ann := newBrowser(t, base), newBrowser(t, base)
	for _, x := range []*browser{b, ann} {
		x.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	}
	b.logIn(base)
	b.open(base + "/ui/account")
	b.fill(`form[action="/ui/account/password"]`, "current", secretKey, "new", "a good password", "again", "a good password")
	b.until(`document.body.innerText.includes("The password is changed")`)
	b.open(base + "/ui/users")
	b.fill(`form[aria-label="New user"]`, "name", "ann", "password", "correct horse", "level", "user")
	b.until(`document.querySelector("h1")?.textContent === "ann"`)
	b.fill(`form[action$="/quota"]`, "bytes", "1 GiB", "objects", "7")
	b.until(`document.body.innerText.includes("0 of 7")`)

	ann.open(base + "/ui/")
	ann.fill(".login form", "name", "ann", "password", "correct horse")
	ann.until(`document.querySelector("h1")?.textContent === "Dashboard"`)
	ann.open(base + "/ui/account/tokens")
	ann.fill(`form[aria-label="New token"]`, "label", "laptop", "level", "upload", "lifetime", "1y")
	ann.until(`/EST[0-9a-f-]{36}ARY/.test(document.querySelector(".notice code")?.textContent)`)
	ann.do(`[...document.querySelectorAll("a.danger")].find(a => a.textContent === "Revoke").click()`)
	ann.until(`document.querySelector("h1")?.textContent === "Revoke this token?"`)
	ann.do(`document.querySelector("main button.danger").click()`)
	ann.until(`document.body.innerText.includes("No token yet")`)
	ann.open(base + "/ui/pins")
	ann.fill(`form[aria-label="New pin"]`, "cid", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", "name", "far away")
	ann.until(`document.querySelector("h1")?.textContent.startsWith("far away")`)

	b.fill(`form[action$="/suspend"]`, "reason", "unpaid")
	b.until(`document.querySelector("h1 .badge.bad")?.textContent === "suspended"`)
	ann.open(base + "/ui/")
	ann.until(`document.querySelector("h1")?.textContent === "This account is suspended"`)
	b.open(base + "/ui/audit?target=ann")
	b.until(`document.querySelectorAll("tbody tr").length === 3 && document.body.innerText.includes("user.suspend")`)
}
