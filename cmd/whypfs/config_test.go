package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// TestPrecedence: flag over environment over file over default.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "whypfs.conf")
	text := "# a comment\ns3-addr = file:1\napi-addr=file:2\nmax-age = 3h\nthreshold = 64MiB\nbootstrap = a,b\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"WHYPFS_S3_ADDR": "env:1", "WHYPFS_API_ADDR": "env:2", "WHYPFS_RPC_TOKEN": "hush"}
	c := parse(t, env, "--s3-addr", "flag:1", "--config", file)
	for _, tc := range []struct{ name, got, want string }{
		{"flag over environment and file", c.S3Addr, "flag:1"},
		{"environment over file", c.APIAddr, "env:2"},
		{"file over default", c.MaxAge.String(), (3 * time.Hour).String()},
		{"size from file", c.Threshold.String(), "64MiB"},
		{"list from file", strings.Join(c.Bootstrap, " "), "a b"},
		{"default", c.GatewayAddr, "127.0.0.1:8080"},
		{"secret", c.RPCToken.reveal(), "hush"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}

func parse(t *testing.T, env map[string]string, args ...string) config {
	t.Helper()
	c, err := tryParse(env, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryParse(env map[string]string, args ...string) (config, error) {
	var c config
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.common(fs)
	c.flags(fs)
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	return c, c.load(fs, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
}

// TestFaults: all faults come in one message, and no secret does.
func TestFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "whypfs.conf")
	if err := os.WriteFile(file, []byte("s4-addr = x\nreplication = six\nrole = core\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := tryParse(map[string]string{"WHYPFS_MAX_AGE": "soon"}, "--config", file)
	if err == nil {
		t.Fatal("load of three faults succeeded")
	}
	for _, want := range []string{"WHYPFS_MAX_AGE", "soon", "line 1", "s4-addr", "line 2", "six"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %q", err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--role", "api,boss"}, `"boss"`},
		{[]string{"--tls-key", "k"}, "--tls-cert"},
		{[]string{"--dht", "on"}, `"on"`},
		{[]string{"--s3-object-ownership", "Mine"}, `"Mine"`},
		{[]string{"--root-access-key", "k"}, "--root-secret-key"},
		{[]string{"--sandbox", "--rpc", "http://x", "--public-url", "http://y"}, "--sandbox"},
		{[]string{"--rpc", "http://x"}, "--public-url"},
		{[]string{"--log-level", "loud"}, `"loud"`},
		{[]string{"--deal-engine", "offline"}, `"offline"`},
		{[]string{"--escrow-topup", "a lot"}, "--escrow-topup"},
		{[]string{"--escrow-topup", "2", "--escrow-daily-limit", "1"}, "--escrow-daily-limit"},
		{[]string{"--filclient", ""}, "--filclient"},
		{[]string{"--sandbox", "--sandbox-providers", "0"}, "--sandbox-providers"},
		{[]string{"--sandbox", "--sandbox-rpcs", "17"}, "--sandbox-rpcs"},
		{[]string{"--sandbox", "--sandbox-escrow", "some"}, "--sandbox-escrow"},
		{[]string{"--api-rate", "-1"}, "--api-rate"},
		{[]string{"--auth-url", "http://127.0.0.1:3005"}, "--auth-secret-file"},
		{[]string{"--auth-url", "http://auth.example:3005", "--auth-secret-file", "s"}, "https"},
		{[]string{"--auth-url", "http://[::1]:3005", "--auth-secret-file", "s", "--registration", "open"}, "--registration"},
		{[]string{"--auth-url", "https://auth.example", "--auth-secret-file", "s", "--root-access-key", "k", "--root-secret-key", "k"}, "belongs to whypfs auth"},
		{[]string{"--trusted-proxy", "proxy.example"}, `"proxy.example"`},
		{[]string{"--trusted-proxy", "10.0.0.0/33"}, `"10.0.0.0/33"`},
	} {
		c := parse(t, nil, tc.args...)
		if err := c.check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("check(%v) = %v, want a fault naming %s", tc.args, err, tc.want)
		}
	}
	c := parse(t, nil)
	if err := c.check(); err != nil {
		t.Errorf("the defaults do not pass: %v", err)
	}
}

func TestTrustedProxies(t *testing.T) {
	c := parse(t, nil, "--trusted-proxy", "10.1.2.3/8,192.0.2.1", "--trusted-proxy", "fd00::1")
	got, err := c.proxies()
	if want := "[10.0.0.0/8 192.0.2.1/32 fd00::1/128]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("proxies = %v, %v, want %s", got, err, want)
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[string]int64{"16MiB": 16 << 20, "1GiB": 1 << 30, "1000": 1000, "1MB": 1e6} {
		var s size
		if err := s.Set(in); err != nil || int64(s) != want {
			t.Errorf("size %q = %d, %v, want %d", in, s, err, want)
		}
	}
	for _, in := range []string{"", "many", "-1", "1e30GiB", "99999999EiB"} {
		var s size
		if err := s.Set(in); err == nil {
			t.Errorf("size %q = %d, want an error", in, s)
		}
	}
}

// TestSettingsDocumented: docs/config.md is what `whypfs settings` prints.
func TestSettingsDocumented(t *testing.T) {
	var want bytes.Buffer
	writeSettings(&want)
	got, err := os.ReadFile("../../docs/config.md")
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("docs/config.md is out of date (%v): go run ./cmd/whypfs settings > docs/config.md", err)
	}
}

// TestSecretsDoNotPrint: a secret setting has no printed form, also when it is refused.
func TestSecretsDoNotPrint(t *testing.T) {
	c := parse(t, map[string]string{"WHYPFS_ROOT_SECRET_KEY": "hush-hush"}, "--root-access-key", "root")
	var out bytes.Buffer
	log, _, err := newLogger(config{LogLevel: "debug", LogFormat: "json"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("config", "config", c, "secret", c.RootSecretKey)
	if strings.Contains(out.String(), "hush-hush") {
		t.Errorf("the log shows a secret: %s", out.String())
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add("a = b\n# c\n\nd=e")
	f.Add("= x")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parseFile(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, l := range lines {
			if l.name == "" || l.number < 1 || strings.TrimSpace(l.name) != l.name {
				t.Errorf("parseFile(%q) gave %+v", text, l)
			}
		}
	})
}

// TestAPIURL: what the sandbox's providers are told must be an address they can dial.
func TestAPIURL(t *testing.T) {
	for _, tc := range []struct{ addr, public, want string }{
		{"127.0.0.1:3004", "", "http://127.0.0.1:3004"},
		{"0.0.0.0:3004", "", "http://127.0.0.1:3004"},
		{":3004", "", "http://127.0.0.1:3004"},
		{"[::]:3004", "", "http://127.0.0.1:3004"},
		{"[::1]:3004", "", "http://[::1]:3004"},
		{"0.0.0.0:3004", "https://gw.example.org/", "https://gw.example.org"},
	} {
		if got := (config{APIAddr: tc.addr, PublicURL: tc.public}).apiURL(); got != tc.want {
			t.Errorf("apiURL of %q, %q = %q, want %q", tc.addr, tc.public, got, tc.want)
		}
	}
}
