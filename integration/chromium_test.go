//go:build integration

package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser is a headless Chromium with one page, driven over its DevTools pipe:
// JSON messages, each ended by a zero byte.
type browser struct {
	t       *testing.T
	out     io.Writer
	session string

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply // guarded by mu
	faults  []string           // guarded by mu: exceptions, console errors and requests to other hosts
	allowed string             // URL prefix that requests may go to; guarded by mu
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// newBrowser starts Chromium with a profile of its own and opens an empty page.
// Whatever the page's scripts or policy complain about fails the test.
func newBrowser(t *testing.T, origin string) *browser {
	t.Helper()
	toBrowser, in, err := os.Pipe()
	must(t, err)
	out, fromBrowser, err := os.Pipe()
	must(t, err)
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--no-proxy-server", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser} // descriptors 3 and 4
	must(t, cmd.Start())
	toBrowser.Close()
	fromBrowser.Close()
	b := &browser{t: t, out: in, waiting: map[int]chan reply{}, allowed: origin}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(bufio.NewReader(out))
	}()
	t.Cleanup(func() {
		in.Close() // Chromium ends with its pipe
		done := make(chan struct{})
		go func() { cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-done
		}
		<-read
		out.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			t.Errorf("browser: %s", f)
		}
	})
	b.openPage()
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *browser) openPage() {
	b.t.Helper()
	var page struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &page)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": page.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "DOM", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
}

// call sends a command and waits for its answer.
func (b *browser) call(method string, params map[string]any, into any) {
	b.t.Helper()
	if err := b.try(method, params, into); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) try(method string, params map[string]any, into any) error {
	if params == nil {
		params = map[string]any{}
	}
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.next++
	id := b.next
	b.waiting[id] = answer
	msg := map[string]any{"id": id, "method": method, "params": params}
	if b.session != "" && !strings.HasPrefix(method, "Target.") {
		msg["sessionId"] = b.session
	}
	data, err := json.Marshal(msg)
	if err == nil {
		_, err = b.out.Write(append(data, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			return fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		if into == nil {
			return nil
		}
		return json.Unmarshal(r.Result, into)
	case <-time.After(30 * time.Second):
		return fmt.Errorf("%s: chromium does not answer", method)
	}
}

// read takes answers and events until Chromium ends.
func (b *browser) read(r *bufio.Reader) {
	for {
		data, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var msg struct {
			ID     int
			Method string
			Params json.RawMessage
			reply
		}
		if json.Unmarshal(data[:len(data)-1], &msg) != nil {
			continue
		}
		b.mu.Lock()
		if answer := b.waiting[msg.ID]; msg.ID != 0 && answer != nil {
			delete(b.waiting, msg.ID)
			answer <- msg.reply
		}
		if fault := b.fault(msg.Method, msg.Params); fault != "" {
			b.faults = append(b.faults, fault)
		}
		b.mu.Unlock()
	}
}

// fault says what is wrong about an event, "" if nothing is.
func (b *browser) fault(method string, params json.RawMessage) string {
	switch method {
	case "Runtime.exceptionThrown":
		return "exception: " + string(params)
	case "Log.entryAdded":
		var p struct {
			Entry struct{ Level, Source, Text, URL string }
		}
		// Answers of 4xx and 5xx are logged too, and some tests ask for them.
		if json.Unmarshal(params, &p) == nil && p.Entry.Level == "error" && p.Entry.Source != "network" {
			return "log: " + p.Entry.Text + " " + p.Entry.URL
		}
	case "Network.requestWillBeSent":
		var p struct {
			Request struct{ URL string }
		}
		if json.Unmarshal(params, &p) == nil && strings.HasPrefix(p.Request.URL, "http") && !strings.HasPrefix(p.Request.URL, b.allowed) {
			return "request to another host: " + p.Request.URL
		}
	}
	return ""
}

// eval runs an expression in the page and decodes its value.
func (b *browser) eval(expression string, into any) error {
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := b.try("Runtime.evaluate", map[string]any{
		"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &r)
	switch {
	case err != nil:
		return err
	case r.ExceptionDetails != nil:
		return fmt.Errorf("%s: %s", expression, r.ExceptionDetails.Exception.Description)
	case into == nil || len(r.Result.Value) == 0:
		return nil
	}
	return json.Unmarshal(r.Result.Value, into)
}

// until waits for an expression to be true. While a page changes, evaluating
// fails; that is tried again too.
func (b *browser) until(expression string) {
	b.t.Helper()
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		ok := false
		if err = b.eval("Boolean("+expression+")", &ok); err == nil && ok {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	var text string
	_ = b.eval("location.href + '\\n' + document.body.innerText", &text)
	b.t.Fatalf("waiting for %s: %v\npage: %s", expression, err, text)
}

// do runs a statement in the page.
func (b *browser) do(expression string) {
	b.t.Helper()
	must(b.t, b.eval(expression, nil))
}

// open goes to a URL and waits until it is there whole.
func (b *browser) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.until(fmt.Sprintf("document.readyState === 'complete' && location.href.startsWith(%q)", url))
}

// choose puts files into a file input, as a person does.
func (b *browser) choose(selector string, paths ...string) {
	b.t.Helper()
	var doc struct{ Root struct{ NodeID int } }
	b.call("DOM.getDocument", nil, &doc)
	var found struct{ NodeID int }
	b.call("DOM.querySelector", map[string]any{"nodeId": doc.Root.NodeID, "selector": selector}, &found)
	b.call("DOM.setFileInputFiles", map[string]any{"nodeId": found.NodeID, "files": paths}, nil)
}
