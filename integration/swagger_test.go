//go:build integration

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestSwagger reads the API's own description in a real Chromium, and tries
// routes from it, as a person does who meets the API there.
func TestSwagger(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	token := s.setup()
	b := newBrowser(t, s.addr["api"])
	page := s.addr["api"] + "/swagger/"

	// Everything is told without a script.
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.open(page)
	var doc struct{ Root struct{ NodeID int } }
	b.call("DOM.getDocument", nil, &doc)
	var ops struct{ NodeIDs []int }
	b.call("DOM.querySelectorAll", map[string]any{"nodeId": doc.Root.NodeID, "selector": "details.op .body"}, &ops)
	if len(ops.NodeIDs) < 30 {
		t.Errorf("without scripts the page tells of %d routes", len(ops.NodeIDs))
	}
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil)

	b.open(page)
	b.until(`document.querySelector("[data-tools]")?.hidden === false`)
	b.do(`find.value = "GET viewer"; find.dispatchEvent(new Event("input"))`)
	b.until(`[...document.querySelectorAll(".op")].filter(o => o.checkVisibility()).length === 1`)
	b.do(`document.querySelector("#get_viewer summary").click()`)
	b.until(`document.querySelector("#get_viewer .try button")`)
	send := func(op string) { b.do(fmt.Sprintf(`document.querySelector("#%s .try button").click()`, op)) }
	b.do(fmt.Sprintf(`key.value = %q`, token))
	send("get_viewer")
	b.until(`document.querySelector("#get_viewer .try pre")?.textContent.includes('"username": "admin"')`)
	b.do(`document.querySelector("#get_viewer .try button.plain").click()`)
	b.until(fmt.Sprintf(`document.querySelector("#get_viewer .curl").textContent === %q`,
		"curl '"+s.addr["api"]+`/viewer' -H "Authorization: Bearer $KEY"`))

	file := filepath.Join(t.TempDir(), "from the page.txt")
	must(t, os.WriteFile(file, []byte("sent from the page"), 0o600))
	b.do(`find.value = ""; find.dispatchEvent(new Event("input")); location.hash = "post_content_add"`)
	b.until(`document.querySelector("#post_content_add .try input[type=file]")`)
	b.choose("#post_content_add input[type=file]", file)
	send("post_content_add")
	b.until(`document.querySelector("#post_content_add .try pre")?.textContent.includes('"estuaryId"')`)
	b.do(`document.querySelector("#get_content_list summary").click()`)
	b.until(`document.querySelector("#get_content_list .try button")`)
	send("get_content_list")
	b.until(`document.querySelector("#get_content_list .try pre")?.textContent.includes("from the page.txt")`)

	// With all of it open nothing is wider than a phone.
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": true}, nil)
	b.open(page)
	b.do(`for (const op of document.querySelectorAll(".op")) op.open = true`)
	b.until(`document.querySelectorAll(".op").length === document.querySelectorAll(".try").length`)
	wide := 0
	must(t, b.eval(`document.documentElement.scrollWidth - innerWidth`, &wide))
	if wide > 0 {
		t.Errorf("the page is %d pixels wider than the window", wide)
	}
}
