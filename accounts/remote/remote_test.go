package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/accounts/accountstest"
	"github.com/whypfs/whypfs/accounts/remote"
)

// service is an authorization service on loopback, with a user and a key of his.
type service struct {
	*httptest.Server
	secrets remote.Secrets
	log     *strings.Builder
}

func newService(t testing.TB, id string) service {
	t.Helper()
	s, box := accountstest.Store(t)
	a := accounts.New(s, box, accounts.Options{})
	u, err := a.CreateUser(t.Context(), "ann", "", accounts.LevelUser)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.CreateKey(t.Context(), u.ID, "access", "the secret of ann"); err != nil {
		t.Fatal(err)
	}
	secrets, log := newSecrets(t), &strings.Builder{}
	srv := httptest.NewServer(remote.Handler(a, id, secrets, remote.HandlerOptions{Log: slog.New(slog.NewTextHandler(log, nil))}))
	t.Cleanup(srv.Close)
	return service{srv, secrets, log}
}

func newClient(t testing.TB, url string, s remote.Secrets, opt remote.Options) *accounts.Accounts {
	t.Helper()
	c, err := remote.NewClient(url, s, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return accounts.At(c)
}

// Everything that is not an answer of the service's accounts is ErrUnavailable,
// says why, and has no secret in it.
func TestUnavailable(t *testing.T) {
	good := newService(t, "one")
	answering := func(h http.HandlerFunc) string {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		return srv.URL
	}
	var moved atomic.Int32
	elsewhere := answering(func(http.ResponseWriter, *http.Request) { moved.Add(1) })
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	tests := []struct {
		name, url, says string
		secrets         remote.Secrets
		opt             remote.Options
	}{
		{"nobody listens", closed.URL, "refused", good.secrets, remote.Options{}},
		{"another secret", good.URL, "does not take our secret", newSecrets(t), remote.Options{}},
		{"other accounts", good.URL, "other accounts", good.secrets, remote.Options{Follows: "two"}},
		{"another service", answering(http.NotFound), "URL", good.secrets, remote.Options{}},
		{"no JSON", answering(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }), "cannot be read", good.secrets, remote.Options{}},
		{"no accounts", answering(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"out":{}}`) }), "no id", good.secrets, remote.Options{}},
		{"sent elsewhere", answering(http.RedirectHandler(elsewhere, http.StatusTemporaryRedirect).ServeHTTP), "307", good.secrets, remote.Options{}},
		{"cut off", answering(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "EOF", good.secrets, remote.Options{}},
		{"busy", answering(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "later", 503) }), "later", good.secrets, remote.Options{}},
	}
	for _, test := range tests {
		a := newClient(t, test.url, test.secrets, test.opt)
		u, secret, err := a.Secret(t.Context(), "access")
		if !errors.Is(err, accounts.ErrUnavailable) || !strings.Contains(err.Error(), test.says) || u.ID != 0 || secret != "" {
			t.Errorf("%s: Secret = %+v, %q, %v, want %q", test.name, u, secret, err, test.says)
		}
		if errors.Is(err, context.DeadlineExceeded) || strings.Contains(fmt.Sprint(err), "Bearer") {
			t.Errorf("%s: the error %v tells too much", test.name, err)
		}
	}
	if moved.Load() != 0 {
		t.Error("the secret went where a redirect pointed")
	}
	if u, secret, err := newClient(t, good.URL, good.secrets, remote.Options{Follows: "one"}).Secret(t.Context(), "access"); err != nil || u.Name != "ann" || secret != "the secret of ann" {
		t.Errorf("Secret = %+v, %q, %v", u, secret, err)
	}
}

// A caller who gives up is told so, which says nothing of the service.
func TestCanceled(t *testing.T) {
	asked := make(chan bool)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server does not look whether the client is there
		asked <- true
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	c, err := remote.NewClient(srv.URL, newSecrets(t), remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := accounts.At(c).User(ctx, 1); !errors.Is(err, context.Canceled) || errors.Is(err, accounts.ErrUnavailable) {
		t.Errorf("User = %v, want %v", err, context.Canceled)
	}
	if err := c.Last(); err != nil {
		t.Errorf("Last = %v", err)
	}
}

// A service that is there and never answers is given up, once.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialed := 0
		opt := remote.Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialed++
			here, there := net.Pipe()
			go io.Copy(io.Discard, there) // it takes the question
			return here, nil
		}}
		a := newClient(t, "http://accounts.test", newSecrets(t), opt)
		if u, err := a.User(t.Context(), 1); !errors.Is(err, accounts.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || dialed != 1 {
			t.Errorf("User = %+v, %v, dialed %d times", u, err, dialed)
		}
	})
}

// A question that changes nothing is asked again when its connection broke, a
// change is not: it may have been made.
func TestAskedAgain(t *testing.T) {
	var asked atomic.Int32
	good := newService(t, "one")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%2 == 1 {
			panic(http.ErrAbortHandler)
		}
		good.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	a := newClient(t, srv.URL, good.secrets, remote.Options{})
	if u, err := a.User(t.Context(), 1); err != nil || u.Name != "ann" || asked.Load() != 2 {
		t.Errorf("User = %+v, %v, asked %d times", u, err, asked.Load())
	}
	asked.Store(0)
	if err := a.Unsuspend(t.Context(), 1); !errors.Is(err, accounts.ErrUnavailable) || asked.Load() != 1 {
		t.Errorf("Unsuspend = %v, asked %d times", err, asked.Load())
	}
}

// The first accounts that answer are followed, before their answer is used.
func TestFollow(t *testing.T) {
	one, two := newService(t, "one"), newService(t, "two")
	var told []string
	no := errors.New("no")
	opt := remote.Options{Follow: func(_ context.Context, id string) error {
		if told = append(told, id); len(told) == 1 {
			return no
		}
		return nil
	}}
	at := one.URL
	// One client whose service is replaced by another one.
	opt.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(at, "http://"))
	}
	c, err := remote.NewClient("http://accounts.test", one.secrets, opt)
	if err != nil {
		t.Fatal(err)
	}
	a := accounts.At(c)
	if u, err := a.User(t.Context(), 1); !errors.Is(err, no) || u.ID != 0 {
		t.Errorf("User of accounts that cannot be followed = %+v, %v", u, err)
	}
	for range 2 {
		if u, err := a.User(t.Context(), 1); err != nil || u.Name != "ann" {
			t.Errorf("User = %+v, %v", u, err)
		}
	}
	if fmt.Sprint(told) != "[one one]" {
		t.Errorf("followed %v", told)
	}
	c.Close()
	one.CloseClientConnections()
	at = two.URL
	if _, err := a.User(t.Context(), 1); !errors.Is(err, accounts.ErrUnavailable) {
		t.Errorf("User of other accounts = %v", err)
	}
}

func TestHandlerRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	token := strings.Repeat("y", 40)
	if err := os.WriteFile(file, []byte("\n"+strings.Repeat("x", 32)+"\n"+token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets, err := remote.ReadSecrets(file)
	if err != nil {
		t.Fatal(err)
	}
	st, box := accountstest.Store(t)
	srv := httptest.NewServer(remote.Handler(accounts.New(st, box, accounts.Options{}), "one", secrets, remote.HandlerOptions{}))
	t.Cleanup(srv.Close)
	post := func(method, op, token, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+"/accounts/v1/"+op, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	ok := "Bearer " + token
	for _, test := range []struct {
		name, method, op, token, body string
		want                          int
	}{
		{"fine", "POST", "user.name", ok, `{"by":{},"in":"zoe9"}`, 200},
		{"the other secret", "POST", "user.name", "Bearer " + strings.Repeat("x", 32), `{"in":"zoe9"}`, 200},
		{"no secret", "POST", "user.name", "", `{"in":"zoe9"}`, 401},
		{"half of it", "POST", "user.name", ok[:len(ok)-1], `{"in":"zoe9"}`, 401},
		{"not as a bearer", "POST", "user.name", token, `{"in":"zoe9"}`, 401},
		{"the empty one", "POST", "user.name", "Bearer ", `{"in":"zoe9"}`, 401},
		{"no operation", "POST", "user.all", ok, `{"in":"zoe9"}`, 404},
		{"no operation, no secret", "POST", "user.all", "", `{"in":"zoe9"}`, 401},
		{"GET", "GET", "user.name", ok, "", 405},
		{"no JSON", "POST", "user.name", ok, `zoe9`, 400},
		{"nothing", "POST", "user.name", ok, ``, 400},
		{"no argument", "POST", "user.name", ok, `{}`, 400},
		{"wrong type", "POST", "user.name", ok, `{"in":{"Name":"zoe9"}}`, 400},
		{"unknown field", "POST", "user.name", ok, `{"in":"zoe9","as":"root"}`, 400},
		{"unknown field of the argument", "POST", "user.level", ok, `{"in":{"User":1,"Level":10,"Until":"2030"}}`, 400},
		{"two", "POST", "user.name", ok, `{"in":"zoe9"}{"in":"bob"}`, 400},
		{"too long", "POST", "user.name", ok, `{"in":"` + strings.Repeat("x", 5<<20) + `"}`, 413},
	} {
		got, text := post(test.method, test.op, test.token, test.body)
		if got != test.want {
			t.Errorf("%s: %d %.200q, want %d", test.name, got, text, test.want)
		}
		if got != 200 && strings.Contains(text, "zoe9") {
			t.Errorf("%s: %q repeats the question", test.name, text)
		}
	}
}

// What is no operation is none for a node that follows other accounts either: it
// gets into no figure.
func TestNoOperationOfOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	secrets, _, err := remote.MakeSecrets(file)
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	st, box := accountstest.Store(t)
	srv := httptest.NewServer(remote.Handler(accounts.New(st, box, accounts.Options{}), "one", secrets, remote.HandlerOptions{}))
	t.Cleanup(srv.Close)
	for _, op := range []string{"user.all", "%ff"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/accounts/v1/"+op, strings.NewReader(`{"in":1}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		req.Header.Set("Whypfs-Accounts", "two")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Errorf("%s: %v", op, err)
			continue
		}
		if res.Body.Close(); res.StatusCode != 404 {
			t.Errorf("%s: %d, want 404", op, res.StatusCode)
		}
	}
}

// A fault of the service is told apart from one of a caller, and its text stays
// in the service's log, where no secret is.
func TestInternalError(t *testing.T) {
	s := newService(t, "one")
	a := newClient(t, s.URL, s.secrets, remote.Options{})
	st, box := accountstest.Store(t)
	broken := accounts.New(st, box, accounts.Options{})
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	srv := httptest.NewServer(remote.Handler(broken, "one", s.secrets, remote.HandlerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))}))
	defer srv.Close()
	b := newClient(t, srv.URL, s.secrets, remote.Options{})
	if _, _, err := b.CreateKey(t.Context(), 1, "access", "a very secret key"); err == nil || errors.Is(err, accounts.ErrUnavailable) || strings.Contains(err.Error(), "secret key") {
		t.Errorf("CreateKey = %v", err)
	}
	if text := log.String(); !strings.Contains(text, "key.create") || strings.Contains(text, "very secret") {
		t.Errorf("log: %s", text)
	}
	if _, _, err := a.Secret(t.Context(), "access"); err != nil {
		t.Error(err)
	}
	if s.log.Len() != 0 {
		t.Errorf("log: %s", s.log.String())
	}
}

func TestSecretFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "\n \n", "short": strings.Repeat("x", 31), "long": strings.Repeat("x", 5000),
		"one of two": strings.Repeat("x", 32) + "\nshort", "control": strings.Repeat("x", 32) + "\x01"} {
		file := filepath.Join(dir, "file")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := remote.ReadSecrets(file); err == nil || strings.Contains(err.Error(), "xxx") {
			t.Errorf("%s: ReadSecrets = %v, %v", name, s, err)
		}
	}
	file := filepath.Join(dir, "new")
	if _, made, err := remote.MakeSecrets(file); err != nil || !made {
		t.Fatalf("MakeSecrets = %v, %v", made, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, made, err := remote.MakeSecrets(file)
	if err != nil || made {
		t.Errorf("MakeSecrets again = %v, %v", made, err)
	}
	shown, err := json.Marshal(struct{ S remote.Secrets }{s})
	if all := fmt.Sprintf("%v %+v %#v %s %s", s, s, s, shown, []any{s}); err != nil || strings.Contains(all, strings.TrimSpace(string(text))) {
		t.Errorf("printed: %s, %v", all, err)
	}
}

func TestNewClientRefuses(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:3005", "ftp://host", "http://", "http://host/path", "http://user:pass@host", "http://host?x", "http://host#x"} {
		if _, err := remote.NewClient(url, newSecrets(t), remote.Options{}); err == nil || strings.Contains(err.Error(), "pass") {
			t.Errorf("NewClient(%q) = %v", url, err)
		}
	}
}
