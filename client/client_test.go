package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/client"
)

// Each shape of errors that hosts have is told, and means the same.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   error
		text   string
	}{
		{"V1", 404, `{"error":{"code":404,"reason":"ERR_CONTENT_NOT_FOUND","details":"content: 7 was not found"}}`, client.ErrNotFound, "ERR_CONTENT_NOT_FOUND: content: 7 was not found"},
		{"pinning, without a code", 401, `{"error":{"reason":"ERR_INVALID_TOKEN","details":"api key does not exist"}}`, client.ErrDenied, "ERR_INVALID_TOKEN: api key does not exist"},
		{"before 2022", 403, `{"error":"ERR_NOT_AUTHORIZED","details":"user not authorized"}`, client.ErrDenied, "ERR_NOT_AUTHORIZED: user not authorized"},
		{"text", 400, `{"error":"cannot handle uploading car files with multiple roots"}`, nil, "cannot handle uploading car files with multiple roots"},
		{"message", 409, `{"message":"this content is already preserved under cid:x"}`, nil, "this content is already preserved"},
		{"gateway's text", 500, "error: no\nstack", nil, "500 error: no"},
		{"page of a proxy", 418, "<html><body>teapot</body></html>", nil, "418 I'm a teapot"},
		{"nothing", 500, "", nil, "500 Internal Server Error"},
		{"terminal codes", 400, `{"error":"\u001b[2J\u0007bad"}`, nil, " [2J bad"},
		{"null", 400, `{"error":null}`, nil, "400 Bad Request"},
		{"long", 400, strings.Repeat("x", 10_000), nil, "…"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			io.WriteString(w, tt.body)
		}))
		c := client.New(client.Host{URL: srv.URL, Token: client.NewToken("ESTsecretARY")}, client.Options{})
		_, err := c.Viewer(t.Context())
		srv.Close()
		var e *client.Error
		if !errors.As(err, &e) || e.Status != tt.status || !strings.Contains(err.Error(), tt.text) || len(err.Error()) > 400 {
			t.Errorf("%s: %v, want a text with %q", tt.name, err, tt.text)
		}
		for _, kind := range []error{client.ErrNotFound, client.ErrDenied, client.ErrUnreachable} {
			if errors.Is(err, kind) != (kind == tt.want) {
				t.Errorf("%s: is %v: %v", tt.name, kind, !(kind == tt.want))
			}
		}
		if strings.ContainsAny(err.Error(), "\x1b\x07") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q", tt.name, err)
		}
	}
}

// What may pass is tried again, and what does not is not.
func TestRetries(t *testing.T) {
	for _, tt := range []struct {
		name  string
		times int
		how   func(http.ResponseWriter, *http.Request)
		tries int
		want  error // nil: success
	}{
		{"502", 2, status(502), 3, nil},
		{"503", 2, status(503), 3, nil},
		{"504", 2, status(504), 3, nil},
		{"429", 1, status(429, "Retry-After", "0"), 2, nil},
		{"429 with a date", 1, status(429, "Retry-After", time.Unix(0, 0).UTC().Format(http.TimeFormat)), 2, nil},
		{"429 for an hour", 1, status(429, "Retry-After", "3600"), 1, client.ErrUnreachable},
		{"cut", 2, cutOff, 3, nil},
		{"cut in the body", 1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"user`)
		}, 2, nil},
		{"502 for ever", -1, status(502), 4, client.ErrUnreachable},
		{"cut for ever", -1, cutOff, 4, client.ErrUnreachable},
		{"403", -1, status(403), 1, client.ErrDenied},
	} {
		h := startV1(t)
		h.failWith(hurt("GET /viewer", tt.times, tt.how))
		told := 0
		v, err := h.client(client.Options{Tries: 4, Retry: func(error, time.Duration) { told++ }}).Viewer(t.Context())
		if tt.want == nil && (err != nil || v.Username != "ann") || !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v, want %v", tt.name, v, err, tt.want)
		}
		// net/http sends a read again by itself when a kept connection was cut.
		if n := h.sent("GET /viewer"); n != tt.tries || told != tt.tries-1 {
			t.Errorf("%s: %d tries, told of %d failures, want %d tries", tt.name, n, told, tt.tries)
		}
	}
}

// A host that says nothing more is given up.
func TestIdle(t *testing.T) {
	h := startV1(t)
	h.failWith(hurt("GET /viewer", 1, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	if v, err := h.client(client.Options{Idle: 50 * time.Millisecond}).Viewer(t.Context()); err != nil || v.Username != "ann" {
		t.Errorf("Viewer = %+v, %v", v, err)
	}
}

// A token goes to no other host, and an upload follows nobody.
func TestRedirect(t *testing.T) {
	var token string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token = r.Header.Get("Authorization")
		io.WriteString(w, `{"username":"other"}`)
	}))
	defer other.Close()
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	h := startV1(t)
	h.failWith(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	})
	c := h.client(client.Options{Tries: 1})
	if v, err := c.Viewer(t.Context()); err != nil || v.Username != "other" || token != "" {
		t.Errorf("Viewer = %+v, %v; the other host got %q", v, err, token)
	}
	if _, err := c.CreateCollection(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "log in with that URL") {
		t.Errorf("a redirected POST: %v", err)
	}
}

func TestBook(t *testing.T) {
	h := startV1(t)
	dir := filepath.Join(t.TempDir(), "whypfs")
	book, err := client.OpenBook(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.Host(""); !errors.Is(err, client.ErrUsage) {
		t.Errorf("host of an empty book: %v", err)
	}
	token := client.NewToken("ESTgoodARY")
	for _, name := range []string{"one", "two", ""} {
		host, err := client.Login(t.Context(), h.url+"/", name, token, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if host.User != "ann" || host.Upload != h.url || host.URL != h.url {
			t.Errorf("Login = %+v", host)
		}
		if err := book.Put(host); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "hosts.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the book: %v, %v", info.Mode(), err)
	}
	if book, err = client.OpenBook(dir); err != nil {
		t.Fatal(err)
	}
	hosts, def := book.Hosts()
	if len(hosts) != 3 || def != strings.TrimPrefix(h.url, "http://") {
		t.Errorf("hosts %+v, default %q", hosts, def)
	}
	if text := fmt.Sprintf("%v %+v %#v", hosts, hosts, hosts[0].Token); strings.Contains(text, "ESTgood") {
		t.Errorf("a token is printed: %s", text)
	}
	one, err := book.Host("one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.New(one, client.Options{}).Viewer(t.Context()); err != nil {
		t.Errorf("with the token of the book: %v", err)
	}
	for _, name := range []string{def, "two"} {
		if err := book.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := book.Host(""); err != nil || got.Name != "one" {
		t.Errorf("default of the last host: %+v, %v", got, err)
	}
	if _, err := client.Login(t.Context(), h.url, "", client.NewToken("ESTbadARY"), client.Options{}); !errors.Is(err, client.ErrDenied) || strings.Contains(err.Error(), "ESTbad") {
		t.Errorf("Login with a bad token: %v", err)
	}
}

func TestParseURL(t *testing.T) {
	for in, want := range map[string]string{
		"api.example.net": "https://api.example.net", "http://h:3004/": "http://h:3004", "https://h/base/": "https://h/base",
		"ftp://h": "", "http://": "", "http://u:p@h": "", "http://h?x=1": "", "http://h/%zz": "", "": "",
	} {
		u, err := client.ParseURL(in)
		if want == "" {
			if !errors.Is(err, client.ErrUsage) || strings.Contains(err.Error(), "u:p") {
				t.Errorf("ParseURL(%q): %v", in, err)
			}
		} else if err != nil || u.String() != want {
			t.Errorf("ParseURL(%q) = %v, %v, want %s", in, u, err, want)
		}
	}
}

func TestParseRef(t *testing.T) {
	const root = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"
	for in, want := range map[string]string{
		"17": "17  /", "17/": "0 17 /", root: "0 " + root + " /", root + "/a/b": "0 " + root + " /a/b",
		"photos": "0 photos /", "photos/2026/x": "0 photos /2026/x", "photos/../../x": "0 photos /x",
	} {
		r, err := client.ParseRef(in)
		name := r.Collection
		if r.Root.Defined() {
			name = r.Root.String()
		}
		path := r.Path
		if got := fmt.Sprintf("%d %s %s", r.ID, name, path); err != nil || got != want {
			t.Errorf("ParseRef(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "/x"} {
		if _, err := client.ParseRef(in); !errors.Is(err, client.ErrUsage) {
			t.Errorf("ParseRef(%q): %v", in, err)
		}
	}
}

func TestJournal(t *testing.T) {
	dir := client.JournalDir(t.TempDir(), "sync", "host", "dir")
	j, err := client.OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.OpenJournal(dir); !errors.Is(err, client.ErrBusy) {
		t.Errorf("a second process: %v", err)
	}
	for _, row := range []client.Row{{Path: "a", ID: 1}, {Path: "b", ID: 2}, {Path: "a", ID: 3}, {Path: "c", ID: 4}, {Path: "b", Gone: true}} {
		if err := j.Put(row); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		t.Helper()
		a, okA := j.Row("a")
		_, okB := j.Row("b")
		if !okA || a.ID != 3 || okB || len(j.Rows()) != 2 {
			t.Errorf("%s: rows %+v", when, j.Rows())
		}
	}
	check("written")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// A kill in the middle of a line, and a line that a power cut made of nothing.
	f, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "\x00\x00\x00\n{\"path\":\"a\",\"id\":9")
	f.Close()
	if j, err = client.OpenJournal(dir); err != nil {
		t.Fatal(err)
	}
	check("after a kill")
	if err := j.Discard(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("after Discard: %v", err)
	}
}

func TestExitCode(t *testing.T) {
	for err, want := range map[error]int{
		errors.New("x"): 1, client.ErrUsage: 2, &client.Error{Status: 404}: 3, &client.Error{Status: 403}: 4,
		&client.Error{Status: 503}: 5, client.ErrVerify: 6, fmt.Errorf("%w: %w", client.ErrPartial, client.ErrNotFound): 7,
	} {
		if got := client.ExitCode(err); got != want {
			t.Errorf("ExitCode(%v) = %d, want %d", err, got, want)
		}
	}
}
