package filclient

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/whypfs/whypfs/deals/chain"
	"github.com/whypfs/whypfs/deals/mk12"
)

// The processes of these tests are shell scripts: how a process ends and talks
// is theirs, what a real one answers is tested in package integration.

const ready = `read line; echo '{"id":1,"result":{"address":"f1","peer":"12D3"}}'` + "\n"

var testRPC = chain.NewEndpoint("http://chain", "token")

var testKey = []byte("a key of thirty-two bytes, secret")[:32]

// newScript runs a client over a script, in whose directory it starts out with the path of.
func newScript(t *testing.T, script string) (*Client, func(name string) string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "whypfs-filclient")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncd "+dir+"\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	c := New(func(context.Context) ([]byte, error) { return testKey, nil }, Options{Path: path, RPC: testRPC})
	return c, func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

// run runs the client until the test or stop ends it.
func run(t *testing.T, c *Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func ask(c *Client) error {
	_, err := c.Ask(context.Background(), "f01000")
	return err
}

func TestErrors(t *testing.T) {
	c, _ := newScript(t, ready+`
read line; echo '{"id":2,"error":{"code":"unreached","message":"nobody there"}}'
read line; echo '{"id":3,"error":{"code":"reached","message":"no answer"}}'
read line; echo '{"id":4,"error":{"code":"chain","message":"no connection"}}'
read line; echo '{"id":5,"error":{"code":"failed","message":"no idea"}}'
read line; echo '{"id":6,"result":{"price":"-1","min_piece_size":1,"max_piece_size":2}}'
read line; echo '{"id":7,"result":{"price":"7","min_piece_size":1,"max_piece_size":2}}'
read line
`)
	run(t, c)
	for _, want := range []struct {
		text string
		is   error // of these alone
	}{
		{"nobody there", nil},
		{"no answer", mk12.ErrReached},
		{"no connection", chain.ErrUnavailable},
		{"no idea", nil},
		{"without a price", nil},
	} {
		err := ask(c)
		if err == nil || !strings.Contains(err.Error(), want.text) {
			t.Fatalf("Ask = %v, want %q", err, want.text)
		}
		for _, kind := range []error{mk12.ErrReached, chain.ErrUnavailable, ErrDown} {
			if errors.Is(err, kind) != (kind == want.is) {
				t.Errorf("%v is %q: %v", err, kind, errors.Is(err, kind))
			}
		}
	}
	a, err := c.Ask(context.Background(), "f01000")
	if err != nil || a.Price.Int64() != 7 || a.Min != 1 || a.Max != 2 {
		t.Errorf("Ask = %+v, %v", a, err)
	}
}

// TestStatus maps what filclient makes of a provider's words back.
func TestStatus(t *testing.T) {
	c, _ := newScript(t, ready+`
read line; echo '{"id":2,"result":{"known":false,"message":"no such deal"}}'
read line; echo '{"id":3,"result":{"known":true,"failed":true,"state":"StorageDealError"}}'
read line; echo '{"id":4,"result":{"known":true,"state":"StorageDealUnknown"}}'
read line; echo '{"id":5,"result":{"known":true,"state":"StorageDealSealing","chain_id":12,"publish":{"/":"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"}}}'
read line
`)
	run(t, c)
	id := uuid.New()
	if st, err := c.Status(context.Background(), "f01000", id); err != nil || st.DealStatus != nil || st.Error != "no such deal" || st.DealUUID != id {
		t.Errorf("not known: %+v, %v", st, err)
	}
	if st, err := c.Status(context.Background(), "f01000", id); err != nil || st.DealStatus == nil || st.DealStatus.Error == "" {
		t.Errorf("failed without a reason: %+v, %v", st, err)
	}
	if st, err := c.Status(context.Background(), "f01000", id); err != nil || st.DealStatus == nil || st.DealStatus.Status != "" || st.DealStatus.Error != "" {
		t.Errorf("in Curio's words: %+v, %v", st.DealStatus, err)
	}
	st, err := c.Status(context.Background(), "f01000", id)
	if err != nil || st.DealStatus == nil || st.DealStatus.Status != "Complete" || st.DealStatus.ChainDealID != 12 || st.DealStatus.PublishCid == nil {
		t.Errorf("complete: %+v, %v", st.DealStatus, err)
	}
}

// TestAbsent: without the program every question says so.
func TestAbsent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	c := New(func(context.Context) ([]byte, error) { return testKey, nil }, Options{Path: path, RPC: testRPC})
	run(t, c)
	err := ask(c)
	if !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), path) {
		t.Errorf("Ask = %v, want %v and the path", err, ErrDown)
	}
}

// TestNotRun: where nothing runs it, as in a command beside the node, nobody waits for it.
func TestNotRun(t *testing.T) {
	c := New(func(context.Context) ([]byte, error) { return testKey, nil }, Options{Path: "/bin/true"})
	if err := ask(c); !errors.Is(err, ErrDown) {
		t.Errorf("Ask = %v, want %v", err, ErrDown)
	}
}

// TestRestart: one that dies is started again at once, one that dies again after a pause.
func TestRestart(t *testing.T) {
	c, file := newScript(t, "echo x >>starts\n"+ready+"read line; echo 'whypfs-filclient: tired' >&2; exit 3")
	run(t, c)
	for i := range 2 {
		if err := ask(c); !errors.Is(err, mk12.ErrReached) || errors.Is(err, ErrDown) {
			t.Errorf("question %d, over which it died: %v, want %v", i, err, mk12.ErrReached)
		}
	}
	err := ask(c)
	if !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "tired") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("in the pause: %v, want %v and its last words", err, ErrDown)
	}
	if got := strings.Count(file("starts"), "x"); got != 2 {
		t.Errorf("started %d times, want 2", got)
	}
}

// TestRefusesToStart: what the process says to its start is why there is none.
func TestRefusesToStart(t *testing.T) {
	c, _ := newScript(t, `read line; echo '{"id":1,"error":{"code":"failed","message":"not on a Tuesday"}}'`)
	run(t, c)
	if err := ask(c); !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "Tuesday") {
		t.Errorf("Ask = %v, want %v and the reason", err, ErrDown)
	}
}

// TestSecrets: the key is on standard input, and nowhere else; nor does the
// process see what is secret in our environment.
func TestSecrets(t *testing.T) {
	t.Setenv("WHYPFS_ROOT_SECRET_KEY", "root-secret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "aws-secret")
	c, file := newScript(t, `
env >env
printf '%s\n' "$0" "$@" >args
read line; printf '%s\n' "$line" >first
echo '{"id":1,"result":{}}'
read line
`)
	stop := run(t, c)
	_ = ask(c) // it has started, and ends over the question
	stop()
	key := base64.StdEncoding.EncodeToString(testKey)
	for _, name := range []string{"env", "args"} {
		for _, secret := range []string{"root-secret", "aws-secret", key, string(testKey), "token", "http://chain"} {
			if strings.Contains(file(name), secret) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
	if !strings.Contains(file("env"), "PATH=") {
		t.Errorf("environment without PATH: %s", file("env"))
	}
	if line := file("first"); !strings.Contains(line, key) || !strings.Contains(line, `"rpc":"http://chain"`) || !strings.Contains(line, `"rpc_token":"token"`) {
		t.Errorf("start line %q lacks the key or the chain", line)
	}
}

// TestStop: at the end of Run the process has had the end of its input, and is gone.
func TestStop(t *testing.T) {
	c, file := newScript(t, "trap '' INT\n"+ready+"read line; echo '{\"id\":2,\"error\":{}}'; cat >/dev/null; echo bye >end")
	stop := run(t, c)
	if err := ask(c); errors.Is(err, ErrDown) {
		t.Fatal(err)
	}
	stop()
	if got := file("end"); got != "bye\n" {
		t.Errorf("the process left %q", got)
	}
	if err := ask(c); !errors.Is(err, ErrDown) {
		t.Errorf("after the end: %v, want %v", err, ErrDown)
	}
}

// TestStuck: one that does not answer in its time is killed, and started again.
func TestStuck(t *testing.T) {
	c, file := newScript(t, "echo x >>starts\n"+ready+"exec tail -f /dev/null")
	c.grace = time.Millisecond
	run(t, c)
	p, err := c.running(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.call(context.Background(), time.Millisecond, "ask", nil, nil); !errors.Is(err, errEnded) {
		t.Errorf("call = %v, want %v", err, errEnded)
	}
	<-p.done
	if _, err := c.running(context.Background()); err != nil {
		t.Error(err)
	}
	if got := strings.Count(file("starts"), "x"); got != 2 {
		t.Errorf("started %d times, want 2", got)
	}
}

// TestBabble: what is no answer ends the talk.
func TestBabble(t *testing.T) {
	c, _ := newScript(t, ready+"read line; echo hello; read line")
	run(t, c)
	if err := ask(c); !errors.Is(err, mk12.ErrReached) {
		t.Errorf("Ask = %v, want %v", err, mk12.ErrReached)
	}
}

// TestCancel: a caller that gives up is not kept, and its answer goes nowhere.
func TestCancel(t *testing.T) {
	c, _ := newScript(t, ready+`
read line; read line
echo '{"id":2,"result":{"price":"2","min_piece_size":1,"max_piece_size":2}}'
echo '{"id":3,"result":{"price":"3","min_piece_size":1,"max_piece_size":2}}'
read line
`)
	run(t, c)
	if _, err := c.running(context.Background()); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Ask(gone, "f01000"); !errors.Is(err, context.Canceled) {
		t.Errorf("Ask = %v, want %v", err, context.Canceled)
	}
	if a, err := c.Ask(context.Background(), "f01000"); err != nil || a.Price.Int64() != 3 {
		t.Errorf("the next Ask = %+v, %v, want its own answer", a, err)
	}
}
